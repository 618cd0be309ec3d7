"""Script mode with the real packages: what scikit-learn and XGBoost say themselves is what their endpoints answer.

The packages come from the package index into the environments that Hostler makes, as AWS's images have them installed.
"""

import ast
import json
import struct
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from harness import scripts
from harness.artifacts import archive

CONFIG = scripts.settings()
STARTUP_S = 900
ECR = "683313688378.dkr.ecr.us-east-1.amazonaws.com"
SKLEARN = f"{ECR}/sagemaker-scikit-learn:1.9-1-cpu-py3"
XGBOOST = f"{ECR}/sagemaker-xgboost:3.0-5"
LOADS_JOBLIB = "import joblib, os\n\ndef model_fn(model_dir):\n    return joblib.load(os.path.join(model_dir, 'model.joblib'))\n"
DATA = Path(__file__).parent / "digits_xgboost"
XGBOOST_SAYS = json.loads((DATA / "expected.json").read_text())
FORMS = ("json", "ubj", "pkl")


def deployed(hosting, image, files, key):
    url = hosting.upload(archive(files), f"frameworks/{key}.tar.gz")
    config = hosting.config(hosting.model(image=image, url=url), ContainerStartupHealthCheckTimeoutInSeconds=STARTUP_S)
    return hosting.in_service(hosting.endpoint(config, wait=False), STARTUP_S)


def csv_of(rows):
    return "\n".join(",".join("" if cell is None else str(cell) for cell in row) for row in rows).encode()


def libsvm_of(rows):
    lines = (" ".join(f"{column}:{cell}" for column, cell in enumerate(row) if cell is not None) for row in rows)
    return "\n".join(f"0 {line}" for line in lines).encode()


def of_npy(body):
    """The integers of NumPy's file format, version 1.0: a magic number, a header in Python's words, the values."""
    assert body[:8] == b"\x93NUMPY\x01\x00"
    (length,) = struct.unpack("<H", body[8:10])
    header = ast.literal_eval(body[10 : 10 + length].decode())
    (count,) = header["shape"]
    assert header["descr"] == "<i8"
    return list(struct.unpack(f"<{count}q", body[10 + length :]))


@pytest.fixture(scope="module")
def sklearn(hosting, trained):
    model = (trained.directory / "logistic/model.joblib").read_bytes()
    return deployed(hosting, SKLEARN, {"model.joblib": model, "code/inference.py": LOADS_JOBLIB.encode()}, "sklearn")


READ = {
    "text/csv": lambda trained: trained.csv(),
    "application/json": lambda trained: json.dumps(trained.rows).encode(),
    "application/jsonlines": lambda trained: "\n".join(map(json.dumps, trained.rows)).encode(),
    "application/x-npy": lambda trained: (trained.directory / "rows.npy").read_bytes(),
}
WRITTEN = {
    "text/csv": lambda body: [int(line) for line in body.decode().splitlines()],
    "application/json": json.loads,
    "application/jsonlines": lambda body: [json.loads(line) for line in body.decode().splitlines()],
    "application/x-npy": of_npy,
}


@pytest.mark.parametrize("accept", WRITTEN)
@pytest.mark.parametrize("content_type", READ)
def test_scikit_learn_answers_in_every_format_what_it_says_itself(hosting, trained, sklearn, content_type, accept):
    answer = hosting.invoke(sklearn, READ[content_type](trained), ContentType=content_type, Accept=accept)
    assert answer["ContentType"] == accept
    assert WRITTEN[accept](answer["Payload"]) == trained.expected["logistic"]


def refused_by_model(call, *arguments, **members):
    with pytest.raises(ClientError) as caught:
        call(*arguments, **members)
    assert caught.value.response["Error"]["Code"] == "ModelError"
    return caught.value.response["OriginalStatusCode"], caught.value.response["OriginalMessage"]


def test_scikit_learn_refuses_formats_as_its_container_does(hosting, trained, sklearn):
    assert refused_by_model(hosting.invoke, sklearn, trained.csv(), ContentType="text/xml")[0] == 415
    assert refused_by_model(hosting.invoke, sklearn, trained.csv(), ContentType="text/csv", Accept="image/png")[0] == 406


@pytest.fixture(scope="module", params=FORMS)
def xgboost(request, hosting):
    """The algorithm: a model and no script."""
    return deployed(hosting, XGBOOST, {"xgboost-model": (DATA / f"model.{request.param}").read_bytes()}, request.param)


def with_gap():
    return [[None if column == XGBOOST_SAYS["gap"] else cell for column, cell in enumerate(row)] for row in XGBOOST_SAYS["rows"]]


@pytest.mark.parametrize("rows, says", [(XGBOOST_SAYS["rows"], "scores"), (with_gap(), "scores_with_gap")], ids=["whole", "gaps"])
def test_xgboost_answers_what_it_says_itself_however_its_model_was_saved(hosting, xgboost, rows, says):
    expected = pytest.approx(XGBOOST_SAYS[says], rel=1e-6)
    for body, content_type in ((csv_of(rows), "text/csv"), (libsvm_of(rows), "text/libsvm"), (libsvm_of(rows), None)):
        members = {"ContentType": content_type} if content_type else {}
        answer = hosting.invoke(xgboost, body, **members)
        assert answer["ContentType"] == "text/csv"
        assert [float(score) for score in answer["Payload"].decode().split(",")] == expected, content_type
    told = json.loads(hosting.invoke(xgboost, csv_of(rows), ContentType="text/csv", Accept="application/json")["Payload"])
    assert [row["score"] for row in told["predictions"]] == expected
    lines = hosting.invoke(xgboost, csv_of(rows), ContentType="text/csv", Accept="application/jsonlines")["Payload"]
    assert [json.loads(line)["score"] for line in lines.decode().splitlines()] == expected


def test_xgboost_says_what_it_cannot_read(hosting, xgboost):
    status, text = refused_by_model(hosting.invoke, xgboost, b"[[1]]", ContentType="application/json")
    assert status == 415 and "text/csv and text/libsvm are" in text
    status, text = refused_by_model(hosting.invoke, xgboost, b"one,two", ContentType="text/csv")
    assert status == 415 and "could not convert string to float" in text
    wide = csv_of([[0.0] * (len(XGBOOST_SAYS["rows"][0]) + 1)])
    assert refused_by_model(hosting.invoke, xgboost, wide, ContentType="text/csv")[0] == 400


def test_xgboost_with_a_script_hands_it_matrices(hosting):
    script = "import xgboost, os\n\ndef predict_fn(data, model):\n    assert isinstance(data, xgboost.DMatrix)\n    return model.predict(data)\n"
    files = {"xgboost-model": (DATA / "model.ubj").read_bytes(), "code/inference.py": script.encode()}
    endpoint = deployed(hosting, XGBOOST, files, "script")
    answer = hosting.invoke(endpoint, csv_of(XGBOOST_SAYS["rows"]), ContentType="text/csv", Accept="application/json")
    assert json.loads(answer["Payload"]) == pytest.approx(XGBOOST_SAYS["scores"], rel=1e-6)
    hosting.delete(endpoint)
