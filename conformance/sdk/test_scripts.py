"""The SDK's classes for frameworks: a model and a script beside it, packed or uploaded as each class does it.

What is shown is the way of the script, its modules and its requirements. XGBoost is the real one; scikit-learn is not needed
by a script that loads no model of it, and PyTorch, of several gigabytes, is a wheel of that name beside the script. What the
defaults of the real packages do is in `servers/test_frameworks.py`.
"""

import pytest
from sagemaker import Session
from sagemaker.deserializers import JSONDeserializer
from sagemaker.pytorch import PyTorchModel
from sagemaker.serializers import JSONSerializer
from sagemaker.sklearn import SKLearnModel
from sagemaker.xgboost import XGBoostModel

from harness import scripts
from harness.artifacts import archive
from harness.hosting import BUCKET, ROLE, fresh

CONFIG = scripts.settings("base = { scikit-learn = [], xgboost = ['xgboost-cpu==3.0.*'], pytorch = [] }")
STARTUP_S = 600
SCRIPT = """
import json, os
from words import ANSWER

def model_fn(model_dir):
    with open(os.path.join(model_dir, "word")) as file:
        return file.read()

def input_fn(body, content_type):
    return json.loads(body)

def predict_fn(data, model):
    return {"model": model, "asked": data, "answer": ANSWER, "own": os.environ.get("OWN")}

def output_fn(prediction, accept):
    return json.dumps(prediction), accept
"""
CLASSES = {
    "sklearn": (SKLearnModel, {"framework_version": "1.2-1", "py_version": "py3"}),
    "xgboost": (XGBoostModel, {"framework_version": "3.0-5"}),
    "pytorch": (PyTorchModel, {"framework_version": "2.1", "py_version": "py310"}),
}


@pytest.mark.parametrize("kind", CLASSES)
def test_a_script_beside_the_model_serves_it(hosting, tmp_path, kind):
    source = tmp_path / "source"
    source.mkdir()
    (source / "serve.py").write_text(SCRIPT)
    (source / "words.py").write_text("ANSWER = 'from a module beside the script'\n")
    if kind == "pytorch":
        (source / "requirements.txt").write_text("--no-index\n--find-links wheels\ntorch==2.1.0\n")
        name, body = scripts.wheel("torch", "2.1.0")
        (source / "wheels").mkdir()
        (source / "wheels" / name).write_bytes(body)
    url = hosting.upload(archive({"word": kind.encode()}), key=f"sdk/{fresh(kind)}/model.tar.gz")
    of_framework, versions = CLASSES[kind]
    # Without a bucket the SDK asks AWS's own STS for the account's.
    session, code = Session(default_bucket=BUCKET), {"entry_point": "serve.py", "source_dir": str(source)}
    own = {"env": {"OWN": "variable"}, "sagemaker_session": session}
    model = of_framework(model_data=url, role=ROLE, **code, **own, **versions)
    predictor = model.deploy(initial_instance_count=1, instance_type="ml.m5.large", wait=False)
    hosting.in_service(predictor.endpoint_name, STARTUP_S)
    predictor.serializer, predictor.deserializer = JSONSerializer(), JSONDeserializer()
    assert predictor.predict([1, 2]) == {
        "model": kind,
        "asked": [1, 2],
        "answer": "from a module beside the script",
        "own": "variable",
    }
    predictor.delete_endpoint()
    hosting.gone(predictor.endpoint_name)
