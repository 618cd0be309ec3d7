"""inference-server under gunicorn: its model is in /opt/ml/model, whoever asks."""

import json
import os
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from harness.config import image

HERE = Path(__file__).resolve().parent
# Looked up in the environment, as the fixtures do: nothing of it is imported here.
PYTHON = os.environ["HOSTLER_SERVERS_PYTHON"]
COMMAND = [PYTHON, "-B", "-m", "gunicorn", "--bind", "127.0.0.1:{port}", "--workers", "1", "--threads", "4", "serving:app"]
CONFIG = image("inference-server", COMMAND, {}) + f"working_dir = {json.dumps(str(HERE))}\nneeds_opt_ml = true\n"
IMAGE = "models.example/conformance-inference-server:1"


def deployed(hosting, trained, folder):
    """An endpoint that serves one of the trained models."""
    url = hosting.upload(trained.archive(folder), f"inference-server/{folder}.tar.gz")
    return hosting.endpoint(hosting.config(hosting.model(image=IMAGE, url=url)))


@pytest.fixture(scope="module")
def endpoint(hosting, trained):
    return deployed(hosting, trained, "logistic")


def test_it_answers_what_scikit_learn_says(hosting, trained, endpoint):
    answer = hosting.invoke(endpoint, trained.csv(), ContentType="text/csv", Accept="application/json")
    assert answer["ContentType"] == "application/json"
    assert json.loads(answer["Payload"]) == trained.expected["logistic"]


def test_another_endpoint_has_another_model_under_the_same_path_at_the_same_time(hosting, trained, endpoint):
    assert trained.expected["stump"] != trained.expected["logistic"]
    other = deployed(hosting, trained, "stump")
    for name, folder in ((endpoint, "logistic"), (other, "stump"), (endpoint, "logistic")):
        answer = hosting.invoke(name, trained.csv(), ContentType="text/csv")
        assert json.loads(answer["Payload"]) == trained.expected[folder]
    hosting.delete(other)


def test_the_host_has_no_model_in_that_place(endpoint):
    assert not os.path.exists("/opt/ml/model/model.joblib")
    assert "/opt/ml" not in Path("/proc/self/mounts").read_text()


def test_what_goes_wrong_in_it_is_a_model_error(hosting, endpoint):
    with pytest.raises(ClientError) as caught:
        hosting.invoke(endpoint, b"one,two", ContentType="text/csv")
    assert caught.value.response["Error"]["Code"] == "ModelError"
    assert caught.value.response["OriginalStatusCode"] == 500
