"""MLflow's scoring server and multi-model-server as images, deployed by boto3: created, asked, updated under load, killed, deleted."""

import json
import os
import threading
from pathlib import Path

import images
import pytest
from botocore.exceptions import ClientError
from conftest import REGISTRY
from holding import files, world
from images import docker, pushed

from harness.artifacts import archive
from harness.hosting import ROLE
from harness.waiting import eventually

CONFIG = f'[docker]\nsocket = "{os.environ["HOSTLER_TEST_DOCKER"]}"\n'
TRAIN = Path(__file__).resolve().parent.parent / "servers/train.py"
# They import for seconds, on a busy machine for many.
STARTUP_S = 300
HOOKS = b"""import json
import os


def model_fn(model_dir):
    with open(os.path.join(model_dir, "factor.json")) as file:
        return json.load(file)


def predict_fn(data, model):
    return data * model["factor"]
"""


class Served:
    """An image with a model, a request, and the answer that the library behind it gives without any server."""

    def __init__(self, image, data, request, answer):
        self.image, self.data, self.request, self.answer = image, data, request, answer


@pytest.fixture(scope="module")
def mlflow(parts, debian, tmp_path_factory):
    name = f"{REGISTRY}/mlflow:1"
    images.with_packages(parts, "mlflow", debian, name, more=[TRAIN])
    pushed(name, name)
    folder = tmp_path_factory.mktemp("trained")
    container = docker("create", name)
    docker("cp", f"{container}:/opt/trained", folder)
    docker("rm", container)
    trained = folder / "trained"
    expected = json.loads((trained / "expected.json").read_text())
    base = trained / "logistic/mlflow"
    data = archive({str(path.relative_to(base)): path.read_bytes() for path in base.rglob("*") if path.is_file()})
    return Served(name, data, {"inputs": expected["rows"]}, {"predictions": expected["logistic"]})


@pytest.fixture(scope="module")
def toolkit(parts, debian):
    name = f"{REGISTRY}/mms:1"
    images.with_packages(parts, "mms", debian, name)
    pushed(name, name)
    data = archive({"code/inference.py": HOOKS, "factor.json": b'{"factor": 2}'})
    return Served(name, data, [1, 2, 3], [2, 4, 6])


def of_endpoint(endpoint):
    return docker("ps", "--quiet", "--no-trunc", "--filter", f"label=hostler.endpoint={endpoint}").splitlines()


@pytest.fixture
def leaves_nothing(server):
    """Whatever a test makes is gone when it ends: containers, networks, volumes, mounts, interfaces, processes, files."""
    before, files_before = world(), files(server)
    yield
    eventually(world, lambda now: now == before, "the engine and the machine are as they were", 60)
    eventually(server.instances, lambda left: not left, "no process of an instance is left", 30)
    eventually(lambda: files(server), lambda now: now == files_before, "no file is left but in the cache", 30)


class Asking:
    """One request after the other until it is left; every answer must be the right one."""

    def __init__(self, server, endpoint, served, **more):
        self.server, self.endpoint, self.served, self.more = server, endpoint, served, more
        self.answers, self.failures = 0, []
        self.done = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        client = self.server.client("sagemaker-runtime")
        members = {"EndpointName": self.endpoint, "ContentType": "application/json", **self.more}
        body = json.dumps(self.served.request).encode()
        while not self.done.is_set():
            try:
                answer = client.invoke_endpoint(Body=body, **members)
                said = json.loads(answer["Body"].read())
                if said != self.served.answer:
                    self.failures.append(said)
                self.answers += 1
            except Exception as error:  # Whatever it is, a request was lost.
                self.failures.append(error)
        client.close()

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.done.set()
        self.thread.join(120)
        assert not self.thread.is_alive(), "a request never ended"


@pytest.mark.parametrize("kind", ["mlflow", "toolkit"])
def test_a_server_that_nobody_here_wrote_lives_a_whole_life(hosting, server, request, kind, leaves_nothing):
    served = request.getfixturevalue(kind)
    url = hosting.upload(served.data, f"{kind}/model.tar.gz")
    model = hosting.model(image=served.image, url=url)

    def config():
        return hosting.config(model, ContainerStartupHealthCheckTimeoutInSeconds=STARTUP_S)

    def ask():
        body = json.dumps(served.request).encode()
        return json.loads(hosting.invoke(endpoint, body, ContentType="application/json")["Payload"])

    endpoint = hosting.in_service(hosting.endpoint(config(), wait=False), STARTUP_S)
    assert ask() == served.answer
    (first,) = of_endpoint(endpoint)

    with Asking(server, endpoint, served) as asking:
        hosting.sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=config())
        hosting.in_service(endpoint, STARTUP_S)
    assert asking.failures == [] and asking.answers > 10, asking.answers
    (second,) = of_endpoint(endpoint)
    assert second != first

    docker("kill", second)
    eventually(lambda: of_endpoint(endpoint), lambda now: now and second not in now, "another one follows", 60)
    eventually(lambda: ask_or_none(ask), lambda said: said == served.answer, "it answers again", STARTUP_S, 0.2)
    hosting.delete(endpoint)


def test_two_models_of_multi_model_server_behind_one_endpoint(hosting, server, toolkit, leaves_nothing):
    """Each is loaded on its first use through the container's own `/models`, and again in every container that follows."""
    for name, factor in (("double", 2), ("tenfold", 10)):
        data = archive({"code/inference.py": HOOKS, "factor.json": json.dumps({"factor": factor}).encode()})
        url = hosting.upload(data, f"many/{name}.tar.gz")
    model = f"many-{toolkit.image.rpartition('/')[2].partition(':')[0]}"
    container = {"Image": toolkit.image, "Mode": "MultiModel", "ModelDataUrl": url.rpartition("/")[0] + "/"}
    hosting.sagemaker.create_model(ModelName=model, ExecutionRoleArn=ROLE, PrimaryContainer=container)

    def config():
        return hosting.config(model, ContainerStartupHealthCheckTimeoutInSeconds=STARTUP_S)

    endpoint = hosting.in_service(hosting.endpoint(config(), wait=False), STARTUP_S)

    def ask(name):
        target = {"TargetModel": f"{name}.tar.gz", "ContentType": "application/json"}
        return json.loads(hosting.invoke(endpoint, b"[1, 2, 3]", **target)["Payload"])

    for _ in range(2):
        assert (ask("double"), ask("tenfold")) == ([2, 4, 6], [10, 20, 30])
    with pytest.raises(ClientError) as caught:
        ask("nobody")
    assert caught.value.response["Error"]["Code"] == "ValidationError"

    (former,) = of_endpoint(endpoint)
    with Asking(server, endpoint, toolkit, TargetModel="double.tar.gz") as asking:
        hosting.sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=config())
        hosting.in_service(endpoint, STARTUP_S)
        answered = asking.answers
        eventually(lambda: asking.answers, lambda now: now > answered + 5, "the new container answers", 60)
    assert asking.failures == [] and asking.answers > 10, asking.answers
    (first,) = of_endpoint(endpoint)
    assert first != former
    docker("kill", first)
    eventually(lambda: of_endpoint(endpoint), lambda now: now and first not in now, "another one follows", 60)
    again = eventually(lambda: ask_or_none(lambda: ask("tenfold")), lambda said: said, "it answers", STARTUP_S, 0.2)
    assert again == [10, 20, 30]
    hosting.delete(endpoint)


def ask_or_none(ask):
    try:
        return ask()
    except ClientError:
        return None
