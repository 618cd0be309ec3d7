"""`hostler deploy` on an endpoint that exists: an update that loses nothing, or a reason why not."""

import json
import signal
import subprocess

import pytest

from harness.deploying import PLAIN, deploy, made
from harness.hosting import Hosting, fresh, production_variant
from harness.server import BINARY, clean_environment
from harness.waiting import eventually


@pytest.fixture
def model_directory(tmp_path):
    """A directory that a mapped command serves."""
    directory = tmp_path / "model"
    directory.mkdir()
    (directory / "weights").write_text("any")
    return directory


def says(word, *more):
    """Flags of a deployment whose model answers with this word."""
    return ("--image", PLAIN, "--env", f"TEST_ANSWER=body={word}", *more)


def answer(hosting, name):
    return hosting.invoke(name)["Payload"].decode()


def described(hosting, name):
    return hosting.sagemaker.describe_endpoint(EndpointName=name)


def variant(hosting, name):
    """The one variant of an endpoint: how many instances, which weight and type."""
    seen = described(hosting, name)
    (shown,) = seen["ProductionVariants"]
    config = hosting.sagemaker.describe_endpoint_config(EndpointConfigName=seen["EndpointConfigName"])
    assert len(config["ProductionVariants"]) == 1
    kind = config["ProductionVariants"][0]["InstanceType"]
    return shown["VariantName"], shown["CurrentInstanceCount"], shown["CurrentWeight"], kind


def slow_update(server, hosting, model_directory, name, release):
    """Starts an update whose model is healthy once `release` exists; when it is on its way, its process."""
    flags = says("new", "--env", f"TEST_PING_FILE={release}")
    command = [BINARY, "deploy", model_directory, "--name", name, *flags, "--data-dir", server.data_dir]
    process = subprocess.Popen(
        [str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=clean_environment()
    )
    eventually(lambda: hosting.status(name), lambda status: status == "Updating", f"{name} is being updated")
    return process


def test_an_endpoint_that_exists_is_updated_and_answers_all_the_time(server, hosting, model_directory, tmp_path):
    name, release = fresh("deployed"), tmp_path / "release"
    deploy(server, model_directory, name, *says("old", "--type", "ml.c5.xlarge", "--count", "2"))
    before = described(hosting, name)
    assert variant(hosting, name) == ("AllTraffic", 2, 1.0, "ml.c5.xlarge")
    process = slow_update(server, hosting, model_directory, name, release)
    try:
        assert {answer(hosting, name) for _ in range(20)} == {"old"}
        release.touch()
        stdout, stderr = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 0, stderr
    assert stdout.decode().strip() == f"{server.url}/endpoints/{name}/invocations"
    assert f"with the new model, before it was {before['EndpointConfigName']}" in stderr.decode()
    after = described(hosting, name)
    assert after["CreationTime"] == before["CreationTime"], "it is the same endpoint"
    assert answer(hosting, name) == "new"
    assert variant(hosting, name) == ("AllTraffic", 2, 1.0, "ml.c5.xlarge"), "what it had is kept"
    hosting.delete(name)


def test_an_update_keeps_what_was_scaled_since_and_the_variants_name_unless_a_flag_says_otherwise(
    server, hosting, model_directory
):
    config = hosting.config(hosting.test_model("plain"), variant="mine", instance_type="ml.c5.large")
    name = hosting.endpoint(config)
    hosting.sagemaker.update_endpoint_weights_and_capacities(
        EndpointName=name,
        DesiredWeightsAndCapacities=[{"VariantName": "mine", "DesiredInstanceCount": 3, "DesiredWeight": 0.5}],
    )
    hosting.in_service(name)
    deploy(server, model_directory, name, *says("a"))
    assert variant(hosting, name) == ("mine", 3, 0.5, "ml.c5.large")
    deploy(server, model_directory, name, *says("b", "--count", "1", "--type", "ml.m5.xlarge"))
    assert variant(hosting, name) == ("mine", 1, 0.5, "ml.m5.xlarge")
    assert answer(hosting, name) == "b"
    hosting.delete(name)


def test_an_update_that_goes_back_is_a_failure_and_leaves_what_was_there(server, hosting, model_directory):
    name = fresh("deployed")
    deploy(server, model_directory, name, *says("old"))
    before = described(hosting, name)["EndpointConfigName"]
    hosting.invoke(name, CustomAttributes="test: log=words of the former")
    crash = ("--image", "models.example/conformance-crash:1", "--output", "json")
    done = deploy(server, model_directory, name, *crash, check=False)
    said = done.stderr.decode()
    assert done.returncode == 1
    assert f"error: endpoint `{name}` was not updated, its former model `{before}` still answers: " in said
    assert "  | ValueError: the weights are of the wrong shape" in said
    assert "words of the former" not in said, "that is no log of what failed"
    assert f"hint: `hostler logs {name}" in said and "deploy it again" in said and "--replace" not in said
    document = json.loads(done.stdout)
    assert (document["EndpointStatus"], document["EndpointConfigName"]) == ("InService", before)
    assert "ValueError: the weights are of the wrong shape" in document["FailureReason"]
    assert described(hosting, name)["EndpointConfigName"] == before
    assert answer(hosting, name) == "old"
    assert made(hosting, name) == (1, 1, 1), "nothing uses what was made for the update"
    hosting.delete(name)


def test_an_update_to_what_nothing_can_run_promises_no_log(server, hosting, model_directory):
    name = fresh("deployed")
    deploy(server, model_directory, name, *says("old"))
    done = deploy(server, model_directory, name, "--image", "registry.example/unknown:1", check=False)
    hint = done.stderr.decode().rpartition("hint: ")[2]
    assert done.returncode == 1
    assert "map the image to a program by [[image]]" in hint and "hostler logs" not in hint
    assert answer(hosting, name) == "old"
    hosting.delete(name)


def test_ctrl_c_during_an_update_lets_it_go_on(server, hosting, model_directory, tmp_path):
    name, release = fresh("deployed"), tmp_path / "release"
    deploy(server, model_directory, name, *says("old"))
    former = described(hosting, name)["EndpointConfigName"]
    process = slow_update(server, hosting, model_directory, name, release)
    try:
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=60)
    finally:
        process.kill()
    said = stderr.decode()
    assert process.returncode == 130
    assert f"interrupted: the update of endpoint `{name}` goes on" in said
    assert f"hint: `hostler describe {name}" in said and f"the former model `{former}` answers until" in said
    assert answer(hosting, name) == "old"
    release.touch()
    hosting.in_service(name)
    assert answer(hosting, name) == "new"
    hosting.delete(name)


def test_while_something_is_on_its_way_nothing_is_uploaded_and_it_is_said(server, hosting, model_directory, tmp_path):
    name, release = fresh("deployed"), tmp_path / "release"
    deploy(server, model_directory, name, *says("old"))
    process = slow_update(server, hosting, model_directory, name, release)
    try:
        before = made(hosting, name)
        done = deploy(server, model_directory, name, *says("other"), check=False)
        said = done.stderr.decode()
        assert done.returncode == 1
        assert f"error: endpoint `{name}` is Updating: it can be updated once that is over" in said
        assert f"hint: `hostler describe {name}" in said and "deploy again then" in said and "--replace" in said
        assert made(hosting, name) == before
        release.touch()
        process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 0
    hosting.delete(name)


def test_a_failed_endpoint_is_replaced_and_not_updated(server, hosting, model_directory):
    name = fresh("deployed")
    crash = ("--image", "models.example/conformance-crash:1")
    assert deploy(server, model_directory, name, *crash, check=False).returncode == 1
    done = deploy(server, model_directory, name, *says("new"), check=False)
    said = done.stderr.decode()
    assert done.returncode == 1
    assert f"error: endpoint `{name}` is Failed, and what is Failed cannot be updated" in said
    assert "hint: --replace deletes it and creates it anew" in said
    assert made(hosting, name) == (1, 1, 1), "what the first one made, and nothing more"
    deploy(server, model_directory, name, *says("new"), "--replace")
    assert answer(hosting, name) == "new"
    hosting.delete(name)


def test_an_endpoint_of_several_variants_is_left_alone(server, hosting, model_directory):
    model, config = hosting.test_model("plain"), fresh("config")
    variants = [production_variant(model, word) for word in ("one", "two")]
    hosting.sagemaker.create_endpoint_config(EndpointConfigName=config, ProductionVariants=variants)
    name = hosting.endpoint(config)
    done = deploy(server, model_directory, name, *says("new"), check=False)
    said = done.stderr.decode()
    assert done.returncode == 1
    assert f"error: endpoint `{name}` has 2 variants (`one`, `two`), and a deployment has one" in said
    assert "hint: update it with boto3 or the AWS CLI (UpdateEndpoint" in said
    assert described(hosting, name)["EndpointConfigName"] == config
    hosting.delete(name)


def test_an_update_that_finds_no_room_says_so_and_leaves_nothing(make_server, model_directory):
    server = make_server('[quotas]\n"ml.m5.large" = 1\n')
    hosting = Hosting(server)
    deploy(server, model_directory, "full", *says("old"))
    done = deploy(server, model_directory, "full", *says("new"), check=False)
    said = done.stderr.decode()
    assert done.returncode == 1
    assert "UpdateEndpoint was refused" in said and "ResourceLimitExceeded" in said
    assert "hint: an update needs room for the former and the new instances at once" in said
    assert made(hosting, "full") == (1, 1, 1)
    assert answer(hosting, "full") == "old"
    # Another type has room of its own.
    deploy(server, model_directory, "full", *says("new", "--type", "ml.c5.large"))
    assert answer(hosting, "full") == "new"


@pytest.mark.parametrize("count", ["0", "-1", "two", "2147483648"])
def test_a_count_that_is_none_is_refused_by_the_command_line(server, model_directory, count):
    done = deploy(server, model_directory, "x", f"--count={count}", check=False)
    assert done.returncode == 2
    assert b"--count" in done.stderr
