"""`mlflow models serve`: started by its own command line, with the model's directory as an argument."""

import json
import os
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from harness.config import image

BIN = Path(os.environ["HOSTLER_SERVERS_PYTHON"]).parent
COMMAND = [
    *(str(BIN / "python"), str(BIN / "mlflow"), "models", "serve", "--model-uri", "{model_dir}"),
    *("--host", "127.0.0.1", "--port", "{port}", "--env-manager", "local", "--workers", "1"),
]
# It looks for uvicorn and bash on the path.
ENVIRONMENT = {"PATH": f"{BIN}:/usr/bin:/bin", "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
CONFIG = image("mlflow", COMMAND, ENVIRONMENT) + "memory_mib = 1536\n"
# Its imports take seconds here and were seen to take a minute on a loaded machine; AWS's default is 8 minutes.
STARTUP_S = 600


@pytest.fixture(scope="module")
def endpoint(hosting, trained):
    url = hosting.upload(trained.archive("logistic/mlflow"), "mlflow/model.tar.gz")
    model = hosting.model(image="models.example/conformance-mlflow:1", url=url)
    config = hosting.config(model, ContainerStartupHealthCheckTimeoutInSeconds=STARTUP_S)
    return hosting.in_service(hosting.endpoint(config, wait=False), STARTUP_S)


def ask(hosting, endpoint, document):
    return hosting.invoke(endpoint, json.dumps(document), ContentType="application/json")


def test_it_answers_what_scikit_learn_says(hosting, trained, endpoint):
    answer = ask(hosting, endpoint, {"inputs": trained.rows})
    assert json.loads(answer["Payload"]) == {"predictions": trained.expected["logistic"]}


def test_a_request_that_it_does_not_understand_is_a_model_error_with_its_own_status(hosting, endpoint):
    with pytest.raises(ClientError) as caught:
        ask(hosting, endpoint, {"neither": "inputs", "nor": "instances"})
    assert caught.value.response["Error"]["Code"] == "ModelError"
    assert caught.value.response["OriginalStatusCode"] == 400


def test_it_ends_with_its_children_when_the_endpoint_is_deleted(hosting, server, endpoint):
    """MLflow starts a shell that becomes uvicorn; the harness finds whatever is left of it at the module's end."""
    assert any("uvicorn" in " ".join(process.command) for process in server.instances())
    hosting.delete(endpoint)
    assert server.instances() == []
