"""Podman in Docker's place, through the API that it shares: an image is pulled, serves, is updated, dies, is found again, goes.

Podman's service runs as root beside the engine of the other tests, with storage of its own, and pulls from the same registry.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from conftest import REGISTRY
from holding import files
from images import docker

from harness.hosting import Hosting
from harness.load import Load
from harness.server import Server, finish
from harness.waiting import eventually

ANYWHERE = {"TEST_LISTEN": "0.0.0.0"}
TELL_ALL = ANYWHERE | {"TEST_ANSWER": "tell=all"}
IMAGE_SENTENCE = (
    "Please make sure all images included in the model for the production variant AllTraffic exist, and that the "
    "execution role used to create the model has permissions to access them."
)
# The registry of the tests speaks no TLS.
REGISTRIES = f'[[registry]]\nlocation = "{REGISTRY}"\ninsecure = true\n'


class Podman:
    """Podman's service, and Docker's command line for it."""

    def __init__(self, directory):
        self.socket = directory / "podman.sock"
        settings = directory / "registries.conf"
        settings.write_text(REGISTRIES)
        storage = ["--root", directory / "root", "--runroot", directory / "run", "--storage-driver", "vfs"]
        state = ["--tmpdir", directory / "tmp", "--network-config-dir", directory / "networks"]
        how = ["--cgroup-manager", "cgroupfs", "--events-backend", "file"]
        command = ["podman", *storage, *state, *how, "system", "service", "--time", "0", f"unix://{self.socket}"]
        self.log = open(directory / "log", "wb")
        environment = os.environ | {"CONTAINERS_REGISTRIES_CONF": str(settings)}
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, env=environment)
        eventually(self.socket.exists, bool, "podman listens")

    def __call__(self, *arguments):
        return docker(*arguments, env=os.environ | {"DOCKER_HOST": f"unix://{self.socket}"})

    def containers(self, *more):
        return self("ps", "--all", "--quiet", "--no-trunc", *more).splitlines()

    def close(self):
        self.process.terminate()
        self.process.wait(30)
        self.log.close()


@pytest.fixture(scope="module")
def podman(tmp_path_factory):
    if not shutil.which("podman"):
        reason = "podman is not installed (apt-get install podman netavark aardvark-dns)"
        (pytest.fail if os.environ.get("HOSTLER_TEST_ALL") else pytest.skip)(reason)
    podman = Podman(tmp_path_factory.mktemp("podman"))
    yield podman
    podman.close()


@pytest.fixture(scope="module")
def server(podman, tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("server"), config=f'[docker]\nsocket = "{podman.socket}"\n').start()
    yield server
    finish(server, check=True)


@pytest.fixture
def hosting(server):
    hosting = Hosting(server)
    hosting.upload()
    return hosting


@pytest.fixture(autouse=True)
def leaves_nothing(podman, server):
    networks, files_before = podman("network", "ls", "--quiet").splitlines(), files(server)
    yield
    eventually(podman.containers, lambda left: not left, "no container is left", 60)
    eventually(lambda: podman("network", "ls", "--quiet").splitlines(), lambda now: now == networks, "nor a network", 60)
    eventually(lambda: files(server), lambda now: now == files_before, "nor a file but in the cache", 30)


def test_an_image_under_podman_lives_a_whole_life(podman, server, hosting, testmodel):
    name, _ = testmodel
    model = hosting.model(image=name, environment=TELL_ALL)
    endpoint = hosting.endpoint(hosting.config(model))
    told = json.loads(hosting.invoke(endpoint, b"x")["Payload"])
    assert told["arguments"][1:] == ["serve"] and told["files"], "the model's archive is unpacked"
    seen = hosting.sagemaker.describe_endpoint(EndpointName=endpoint)
    (image,) = seen["ProductionVariants"][0]["DeployedImages"]
    assert image["ResolvedImage"] in podman("image", "inspect", "--format", "{{.RepoDigests}}", name)
    (first,) = podman.containers()

    with Load(server, endpoint) as load:
        hosting.sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=hosting.config(model))
        hosting.in_service(endpoint)
    load.assert_nothing_was_lost()
    (second,) = eventually(podman.containers, lambda now: len(now) == 1, "the former one has gone")
    assert second != first

    podman("kill", second)
    (third,) = eventually(podman.containers, lambda now: len(now) == 1 and second not in now, "another one follows", 60)
    eventually(lambda: answers(hosting, endpoint), bool, "it answers", 60)

    server.kill()
    server.start()
    again = Hosting(server)
    assert json.loads(again.invoke(endpoint, b"x")["Payload"])["body"] == "x"
    assert podman.containers() == [third], "the same one, found again"
    again.delete(endpoint)


def answers(hosting, endpoint):
    try:
        return hosting.invoke(endpoint, b"x")["Payload"]
    except hosting.runtime.exceptions.ClientError:
        return None


def test_an_isolated_image_under_podman_answers_and_has_no_network(podman, hosting, testmodel):
    model = hosting.model(image=testmodel[0], environment=TELL_ALL, EnableNetworkIsolation=True)
    endpoint = hosting.endpoint(hosting.config(model))
    assert json.loads(hosting.invoke(endpoint, b"x")["Payload"])["body"] == "x"
    (container,) = podman.containers()
    pid = podman("inspect", "--format", "{{.State.Pid}}", container)
    interfaces = [line.split(":")[0].strip() for line in Path(f"/proc/{pid}/net/dev").read_text().splitlines()[2:]]
    assert interfaces == ["lo"]
    hosting.delete(endpoint)


def test_an_exit_code_under_podman_is_told(hosting, testmodel):
    model = hosting.model(image=testmodel[0], environment=ANYWHERE | {"TEST_START_EXIT": "7"}, url=None)
    endpoint = hosting.endpoint(hosting.config(model), wait=False)
    assert "exited with code 7" in hosting.failed(endpoint)
    hosting.delete(endpoint)


def test_an_image_that_podman_cannot_pull_fails_with_awss_sentence(hosting):
    image = f"{REGISTRY}/backend/nobody-pushed-this:1"
    endpoint = hosting.endpoint(hosting.config(hosting.model(image=image)), wait=False)
    reason = hosting.failed(endpoint)
    assert reason.startswith(IMAGE_SENTENCE) and "manifest unknown" in reason, reason
    hosting.delete(endpoint)
