"""Container images as endpoints: pulled, run, reached, cut off, found again and taken away, as boto3 and docker see it."""

import base64
import http.server
import json
import os
import re
import threading

import pytest
from conftest import CLOSED_REGISTRY, LOGIN, REGISTRY
from images import docker, pushed

from harness.artifacts import archive
from harness.hosting import REGION, ROLE, Hosting
from harness.waiting import eventually

SOCKET = os.environ["HOSTLER_TEST_DOCKER"]
TABLE = f'[docker]\nsocket = "{SOCKET}"\n'
CONFIG = TABLE
ANYWHERE = {"TEST_LISTEN": "0.0.0.0"}
TELL_ALL = ANYWHERE | {"TEST_ANSWER": "tell=all"}
# facts/sagemaker-api.md 3.5
IMAGE_SENTENCE = (
    "Please make sure all images included in the model for the production variant AllTraffic exist, and that the "
    "execution role used to create the model has permissions to access them."
)


def owned(server, *kind):
    """What of a kind at the engine carries the label of a server's data directory."""
    owner = (server.data_dir / "id").read_text()
    return docker(*kind, "--quiet", "--filter", f"label=hostler.data-dir={owner}").splitlines()


def containers(server):
    return owned(server, "ps", "--all", "--no-trunc")


def nothing_is_left(server):
    eventually(lambda: containers(server) + owned(server, "network", "ls"), lambda left: not left, "all is gone")


def forgotten(name):
    """Nothing of the image is left in the engine, and no other name of it."""
    docker("image", "rm", "--force", docker("image", "inspect", "--format", "{{.Id}}", name))


@pytest.fixture(scope="module")
def closed(testmodel):
    """The test model in the registry that asks for a login, and nowhere else."""
    name = f"{CLOSED_REGISTRY}/backend/testmodel:1"
    docker("pull", "--quiet", testmodel[0])
    pushed_closed(testmodel[0], name)
    docker("image", "rm", name)
    return name


def pushed_closed(image, name):
    user, password = LOGIN.split(":")
    docker("login", "--username", user, "--password-stdin", CLOSED_REGISTRY, input=password.encode())
    try:
        pushed(image, name)
    finally:
        docker("logout", CLOSED_REGISTRY)


def test_an_image_is_pulled_serves_and_leaves_nothing(hosting, server, testmodel):
    name, digest = testmodel
    forgotten(name)
    model = hosting.model(image=name, environment=TELL_ALL)
    endpoint = hosting.endpoint(hosting.config(model, count=2))
    seen = hosting.sagemaker.describe_endpoint(EndpointName=endpoint)
    (image,) = seen["ProductionVariants"][0]["DeployedImages"]
    repository = name.rpartition(":")[0]
    assert (image["SpecifiedImage"], image["ResolvedImage"]) == (name, f"{repository}@{digest}")
    told = json.loads(hosting.invoke(endpoint, b"x")["Payload"])
    assert told["arguments"][1:] == ["serve"]
    assert told["files"], "the model's archive is unpacked"
    assert told["environment"]["AWS_REGION"] == REGION
    assert "SAGEMAKER_BIND_TO_PORT" not in told["environment"]
    assert len(containers(server)) == 2
    hosting.delete(endpoint)
    nothing_is_left(server)


def test_a_deployment_keeps_what_its_tag_was_though_the_tag_moves(hosting, testmodel):
    name = f"{REGISTRY}/backend/moving:1"
    first = pushed(testmodel[0], name)
    model = hosting.model(image=name, environment=ANYWHERE, url=None)
    config = hosting.config(model)
    endpoint = hosting.endpoint(config)
    docker("build", "--quiet", "--tag", "moved", "-", input=f"FROM {testmodel[0]}\nLABEL moved=1\n".encode())
    second = pushed("moved", name)
    assert first != second

    def resolved():
        seen = hosting.sagemaker.describe_endpoint(EndpointName=endpoint)
        return seen["ProductionVariants"][0]["DeployedImages"][0]["ResolvedImage"].partition("@")[2]

    scaled = [{"VariantName": "AllTraffic", "DesiredInstanceCount": 2}]
    hosting.sagemaker.update_endpoint_weights_and_capacities(
        EndpointName=endpoint, DesiredWeightsAndCapacities=scaled
    )
    hosting.in_service(endpoint)
    images = docker("ps", "--no-trunc", "--filter", f"label=hostler.endpoint={endpoint}", "--format", "{{.Image}}")
    assert len(set(images.splitlines())) == 1, "what is added is the same as what is there"
    assert resolved() == first
    hosting.sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=hosting.config(model))
    hosting.in_service(endpoint)
    assert resolved() == second
    hosting.delete(endpoint)
    docker("image", "rm", "moved", name, f"{name.rpartition(':')[0]}@{first}")


def test_an_isolated_model_answers_and_has_no_network(hosting, server, testmodel):
    model = hosting.model(image=testmodel[0], environment=TELL_ALL, EnableNetworkIsolation=True)
    endpoint = hosting.endpoint(hosting.config(model))
    assert json.loads(hosting.invoke(endpoint, b"x")["Payload"])["body"] == "x"
    (container,) = containers(server)
    assert docker("inspect", "--format", "{{.HostConfig.NetworkMode}}", container) == "none"
    hosting.delete(endpoint)


def test_what_runs_as_a_process_cannot_be_isolated(hosting):
    with pytest.raises(hosting.sagemaker.exceptions.ClientError, match="EnableNetworkIsolation"):
        hosting.model(EnableNetworkIsolation=True)


def test_built_in_engines_go_on_as_processes(hosting, server):
    endpoint = hosting.deploy()
    assert containers(server) == []
    hosting.delete(endpoint)


def test_an_image_that_is_not_there_fails_with_awss_sentence_and_the_registrys(hosting):
    image = f"{REGISTRY}/backend/nobody-pushed-this:1"
    endpoint = hosting.endpoint(hosting.config(hosting.model(image=image)), wait=False)
    reason = hosting.failed(endpoint)
    assert reason.startswith(IMAGE_SENTENCE), reason
    assert f"pulling image `{image}` failed" in reason and "not found" in reason
    hosting.delete(endpoint)


def test_containers_of_a_pipeline_share_a_network_and_know_each_other(hosting, server, testmodel):
    container = {"Image": testmodel[0], "Environment": TELL_ALL}
    model = "pipeline-of-images"
    hosting.sagemaker.create_model(ModelName=model, ExecutionRoleArn=ROLE, Containers=[container, container])
    endpoint = hosting.endpoint(hosting.config(model))
    told = json.loads(hosting.invoke(endpoint, b"x")["Payload"])
    assert told["environment"]["SAGEMAKER_BIND_TO_PORT"] == "8081", "the second one answers"
    assert re.fullmatch(r"\d+-\d+", told["environment"]["SAGEMAKER_SAFE_PORT_RANGE"])
    asked = json.loads(told["body"])
    assert asked["body"] == "x" and asked["environment"]["SAGEMAKER_BIND_TO_PORT"] == "8080"
    assert len(containers(server)) == 2
    hosting.delete(endpoint)
    nothing_is_left(server)


@pytest.mark.parametrize("isolated", [False, True])
def test_a_server_that_was_killed_finds_its_containers_again(make_server, testmodel, isolated):
    server = make_server(TABLE)
    hosting = Hosting(server)
    model = hosting.model(image=testmodel[0], environment=TELL_ALL, url=None, EnableNetworkIsolation=isolated)
    endpoint = hosting.endpoint(hosting.config(model))
    before = containers(server)
    server.kill()
    server.start()
    hosting = Hosting(server)
    assert json.loads(hosting.invoke(endpoint, b"x")["Payload"])["body"] == "x"
    assert containers(server) == before
    hosting.delete(endpoint)
    nothing_is_left(server)


def test_a_container_that_dies_is_replaced(hosting, server, testmodel):
    endpoint = hosting.endpoint(hosting.config(hosting.model(image=testmodel[0], environment=ANYWHERE, url=None)))
    (before,) = containers(server)
    docker("kill", before)

    def now():
        return [found for found in containers(server) if found != before]

    eventually(now, lambda found: len(found) == 1, "another container follows")
    assert hosting.invoke(endpoint, b"x")["Payload"] == b"x"
    hosting.delete(endpoint)


def test_more_than_the_machine_has_is_no_capacity(make_server, testmodel):
    """ml.m5.large grants 8 GiB: less than a hundredth of any machine does not hold one."""
    server = make_server(f"[limits]\novercommit = 0.1\nprovision_timeout_s = 1\n{TABLE}")
    hosting = Hosting(server)
    model = hosting.model(image=testmodel[0], environment=ANYWHERE, url=None)
    endpoint = hosting.endpoint(hosting.config(model, instance_type="ml.m5.24xlarge"), wait=False)
    reason = hosting.failed(endpoint)
    assert reason.startswith(
        "Unable to provision requested ML compute capacity due to InsufficientInstanceCapacity error."
    )
    assert "limits.overcommit" in reason
    hosting.delete(endpoint)


def config_file(directory, registry, login):
    path = directory / "config.json"
    path.write_text(json.dumps({"auths": {registry: {"auth": base64.b64encode(login.encode()).decode()}}}))
    return path


def test_a_login_in_dockers_config_file_opens_a_registry(make_server, tmp_path, closed):
    file = config_file(tmp_path, CLOSED_REGISTRY, LOGIN)
    hosting = Hosting(make_server(f'{TABLE}config_file = "{file}"\n'))
    endpoint = hosting.endpoint(hosting.config(hosting.model(image=closed, environment=ANYWHERE, url=None)))
    assert hosting.invoke(endpoint, b"x")["Payload"] == b"x"
    hosting.delete(endpoint)
    docker("image", "rm", closed)


@pytest.mark.parametrize("login", [None, "somebody:else"])
def test_without_the_right_login_nothing_is_pulled(make_server, tmp_path, closed, login):
    more = f'config_file = "{config_file(tmp_path, CLOSED_REGISTRY, login)}"\n' if login else ""
    hosting = Hosting(make_server(TABLE + more))
    endpoint = hosting.endpoint(hosting.config(hosting.model(image=closed, url=None)), wait=False)
    reason = hosting.failed(endpoint)
    assert reason.startswith(IMAGE_SENTENCE), reason
    assert login is None or login.split(":")[1] not in reason, "a password is shown nowhere"
    hosting.delete(endpoint)


class Ecr(http.server.BaseHTTPRequestHandler):
    """GetAuthorizationToken as botocore's model of ECR has it."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append(({name.lower(): value for name, value in self.headers.items()}, json.loads(body)))
        login = LOGIN if self.server.is_open else "somebody:wrong"
        token = base64.b64encode(login.encode()).decode()
        data = {"authorizationToken": token, "expiresAt": 4e9, "proxyEndpoint": f"https://{CLOSED_REGISTRY}"}
        answer = json.dumps({"authorizationData": [data]}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


@pytest.fixture
def ecr():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Ecr) as server:
        server.asked, server.is_open = [], True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_a_token_of_ecr_is_asked_for_once_as_the_models_role(make_server, ecr, closed):
    endpoint = f'ecr_endpoint = "http://127.0.0.1:{ecr.server_port}/"\n'
    server = make_server(f'{TABLE}{endpoint}ecr_registries = ["{CLOSED_REGISTRY}"]\n')
    hosting = Hosting(server)
    for _ in range(2):
        name = hosting.endpoint(hosting.config(hosting.model(image=closed, environment=ANYWHERE, url=None)))
        assert hosting.invoke(name, b"x")["Payload"] == b"x"
        hosting.delete(name)
    ((headers, body),) = ecr.asked
    assert headers["x-amz-target"] == "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken"
    assert re.search(rf"Credential=ASIA\w+/\d+/{REGION}/ecr/aws4_request", headers["authorization"])
    assert headers["x-amz-security-token"], "a session of the role, not a key"
    assert body == {}
    docker("image", "rm", closed)


def test_what_one_role_pulled_by_digest_is_no_other_roles_until_the_registry_says_so(make_server, ecr, testmodel):
    name = f"{CLOSED_REGISTRY}/backend/secret:1"
    docker("build", "--quiet", "--tag", "secret", "-", input=f"FROM {testmodel[0]}\nLABEL secret=1\n".encode())
    pushed_closed("secret", name)
    docker("image", "rm", name, "secret")
    endpoint = f'ecr_endpoint = "http://127.0.0.1:{ecr.server_port}/"\n'
    server = make_server(f'{TABLE}{endpoint}ecr_registries = ["{CLOSED_REGISTRY}"]\n')
    hosting = Hosting(server)
    allowed, other = f"{ROLE}-allowed", f"{ROLE}-other"

    def endpoint_of(role, image):
        model = hosting.model(image=image, environment=ANYWHERE, url=None, role=role)
        return hosting.endpoint(hosting.config(model), wait=False)

    def in_service(role, image):
        hosting.delete(hosting.in_service(endpoint_of(role, image)))

    first = hosting.in_service(endpoint_of(allowed, name))
    seen = hosting.sagemaker.describe_endpoint(EndpointName=first)
    by_digest = seen["ProductionVariants"][0]["DeployedImages"][0]["ResolvedImage"]
    in_service(allowed, by_digest)
    ecr.is_open = False
    failed = endpoint_of(other, by_digest)
    assert "do not have permission" in hosting.failed(failed) or "unauthorized" in hosting.failed(failed)
    hosting.delete(failed)
    # By its id neither: that names no registry which could be asked.
    failed = endpoint_of(other, docker("image", "inspect", "--format", "{{.Id}}", name))
    assert hosting.failed(failed).startswith(IMAGE_SENTENCE)
    hosting.delete(failed)
    in_service(allowed, by_digest)
    hosting.delete(first)
    docker("image", "rm", name)


def test_an_image_with_a_user_of_its_own_reads_its_models(hosting, testmodel):
    docker("build", "--quiet", "--tag", "somebody", "-", input=f"FROM {testmodel[0]}\nUSER 1234:1234\n".encode())
    plain = hosting.endpoint(hosting.config(hosting.model(image="somebody:latest", environment=TELL_ALL)))
    assert json.loads(hosting.invoke(plain, b"x")["Payload"])["files"]
    hosting.delete(plain)
    empty = hosting.model(image="somebody:latest", environment=TELL_ALL, url=None)
    hosting.delete(hosting.endpoint(hosting.config(empty)))
    url = hosting.upload(archive({"name": b"a"}), key="somebody/a.tar.gz")
    container = {"Image": "somebody:latest", "Mode": "MultiModel", "ModelDataUrl": url.rpartition("/")[0] + "/"}
    container["Environment"] = ANYWHERE
    hosting.sagemaker.create_model(ModelName="somebody", ExecutionRoleArn=ROLE, PrimaryContainer=container)
    many = hosting.endpoint(hosting.config("somebody"))
    assert hosting.invoke(many, b"row", TargetModel="a.tar.gz")["Payload"] == b"row"
    hosting.delete(many)
    docker("image", "rm", "somebody")


def test_an_image_that_was_here_is_not_taken_away_for_having_one_name_more(make_server, testmodel):
    here = f"{REGISTRY}/backend/two-names:operators"
    ours = f"{REGISTRY}/backend/two-names:ours"
    docker("build", "--quiet", "--tag", here, "-", input=f"FROM {testmodel[0]}\nLABEL names=2\n".encode())
    pushed(here, here)
    pushed(here, ours)
    docker("image", "rm", ours)
    server = make_server(TABLE + "images_kept_s = 0\n")
    hosting = Hosting(server)
    endpoint = hosting.endpoint(hosting.config(hosting.model(image=ours, environment=ANYWHERE, url=None)))
    assert not (server.data_dir / "instances/.pulled.json").exists(), "nothing is ours that was here before"
    hosting.delete(endpoint)
    assert docker("image", "inspect", "--format", "{{.Id}}", here)
    docker("image", "rm", here, ours)
