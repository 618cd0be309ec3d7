"""Models of several containers: inference pipelines, and containers that are invoked directly."""

import json
import os
import signal
import time

import pytest
from botocore.exceptions import ClientError, EventStreamError

from harness.artifacts import KMEANS_IMAGE
from harness.hosting import MODEL_URL, ROLE, Hosting, fresh
from harness.load import Load
from harness.processes import Process, is_alive
from harness.raw_client import RawClient
from harness.scraping import Scrape
from harness.waiting import eventually
from test_updates import update

PLAIN = "models.example/conformance-plain:1"


def container(answer=None, hostname=None, image=PLAIN, **environment):
    """A container of the test model that does the same for each invocation."""
    definition = {"Image": image}
    if answer:
        environment["TEST_ANSWER"] = answer
    if environment:
        definition["Environment"] = environment
    if hostname:
        definition["ContainerHostname"] = hostname
    return definition


def pipeline(hosting, *containers, mode=None, name=None):
    more = {"InferenceExecutionConfig": {"Mode": mode}} if mode else {}
    name = name or fresh("pipeline")
    hosting.sagemaker.create_model(
        ModelName=name, ExecutionRoleArn=ROLE, Containers=list(containers), **more
    )
    return name


def deploy(hosting, *containers, mode=None, count=1):
    return hosting.endpoint(hosting.config(pipeline(hosting, *containers, mode=mode), count=count))


def refused(call, **members):
    with pytest.raises(ClientError) as caught:
        call(**members)
    return caught.value.response


def cli(hosting, *arguments, **more):
    return hosting.server.cli(*arguments, **more).stdout.decode()


def processes(containers):
    """What outlives no instance: number and start time of each container's process."""
    return [Process(one["pid"]).identity for one in containers]


def instances(hosting, name):
    return json.loads(cli(hosting, "describe", name, "--output", "json"))["Instances"]


def test_what_one_container_says_is_asked_of_the_next(hosting):
    first = container("body=one; content_type=text/one; attributes=from the first; header=X-First: 1")
    second = container("tell=all; content_type=text/two")
    name = deploy(hosting, first, second)
    answer = hosting.invoke(
        name, b"zero", ContentType="text/zero", Accept="text/wanted", CustomAttributes="trace", InferenceId="id-1"
    )
    seen = json.loads(answer["Payload"])
    assert seen["body"] == "one"
    headers = {key.lower(): value for key, value in seen["headers"].items()}
    assert headers["content-type"] == "text/one"
    assert headers["accept"] == "text/wanted", "the last container answers the client"
    assert headers["x-amzn-sagemaker-custom-attributes"] == "trace"
    assert headers["x-amzn-sagemaker-inference-id"] == "id-1"
    assert "x-first" not in headers
    # The client sees the last answer alone.
    assert answer["ContentType"] == "text/two"
    assert "CustomAttributes" not in answer
    assert answer["InvokedProductionVariant"] == "AllTraffic"
    hosting.delete(name)


def test_containers_before_the_last_answer_in_their_own_form(hosting):
    name = deploy(hosting, container("tell=all"), container())
    answer = hosting.invoke(name, b"x", ContentType="text/zero", Accept="text/wanted")
    headers = {key.lower(): value for key, value in json.loads(answer["Payload"])["headers"].items()}
    assert headers["content-type"] == "text/zero"
    assert headers["accept"] == "*/*"
    hosting.delete(name)


def test_the_containers_of_an_instance_do_not_get_in_each_others_way(hosting):
    """The built-in runtime, a mapped command and the test model in one instance; each with data and files of its own."""
    hosting.upload()
    kmeans = {"Image": KMEANS_IMAGE, "ModelDataUrl": MODEL_URL, "ContainerHostname": "digits"}
    tells = container("tell=all", hostname="teller", KEY="of the teller")
    other = container("tell=all", hostname="other", KEY="of the other")
    name = deploy(hosting, kmeans, tells, other, mode="Direct")
    answer = hosting.invoke(name, ",".join(["0"] * 64), ContentType="text/csv", TargetContainerHostname="digits")
    assert "closest_cluster" in json.loads(answer["Payload"])["predictions"][0]
    seen = {
        hostname: json.loads(hosting.invoke(name, TargetContainerHostname=hostname)["Payload"])
        for hostname in ("teller", "other")
    }
    assert {hostname: told["environment"]["KEY"] for hostname, told in seen.items()} == {
        "teller": "of the teller",
        "other": "of the other",
    }
    ports = set()
    for told in seen.values():
        environment = told["environment"]
        port = int(environment["SAGEMAKER_BIND_TO_PORT"])
        first, last = map(int, environment["SAGEMAKER_SAFE_PORT_RANGE"].split("-"))
        assert port < first <= last
        ports |= {port, *range(first, last + 1)}
    assert len(ports) == 16, "no port is of both"
    assert seen["teller"]["working_dir"] != seen["other"]["working_dir"]
    shown = instances(hosting, name)[0]["Containers"]
    assert [one["name"] for one in shown] == ["digits", "teller", "other"]
    assert len({one["pid"] for one in shown}) == 3
    hosting.delete(name)


def test_a_pipeline_of_a_built_in_engine_and_other_programs(hosting):
    hosting.upload()
    before = container(f"body={','.join(['0'] * 64)}; content_type=text/csv")
    kmeans = {"Image": KMEANS_IMAGE, "ModelDataUrl": MODEL_URL}
    name = deploy(hosting, before, kmeans, container())
    answer = hosting.invoke(name, b"whatever", ContentType="application/x-anything")
    assert "closest_cluster" in json.loads(answer["Payload"])["predictions"][0]
    assert answer["ContentType"] == "application/json", "what the engine said, and the last one passed on"
    hosting.delete(name)


def test_fifteen_containers_are_one_instance(hosting):
    # Each says once more what it heard.
    name = deploy(hosting, *[container() for _ in range(15)])
    assert hosting.invoke(name, b"through all of them")["Payload"] == b"through all of them"
    shown = instances(hosting, name)[0]["Containers"]
    assert [one["name"] for one in shown] == [f"container-{position}" for position in range(1, 16)]
    images = hosting.sagemaker.describe_endpoint(EndpointName=name)["ProductionVariants"][0]["DeployedImages"]
    assert [image["SpecifiedImage"] for image in images] == [PLAIN] * 15
    running = processes(shown)
    hosting.delete(name)
    assert not any(map(is_alive, running))


def test_a_model_is_described_as_it_was_created(hosting):
    containers = [container("body=x", hostname="one"), container(hostname="two")]
    name = pipeline(hosting, *containers, mode="Direct")
    seen = hosting.sagemaker.describe_model(ModelName=name)
    assert seen["Containers"] == [one | {"Mode": "SingleModel"} for one in containers]
    assert seen["InferenceExecutionConfig"] == {"Mode": "Direct"}
    assert "PrimaryContainer" not in seen


@pytest.mark.parametrize(
    ("members", "says"),
    [
        ({"Containers": [container()] * 16}, "Member must have length less than or equal to 15"),
        ({"Containers": [container()] * 2, "PrimaryContainer": container()}, "only specify one of"),
        ({}, "must specify one of"),
        ({"Containers": [container(hostname="a"), container()]}, "for every container of an inference pipeline"),
        ({"Containers": [container(hostname="a"), container(hostname="a")]}, '"a" is given more than once'),
        (
            {"Containers": [container()] * 2, "InferenceExecutionConfig": {"Mode": "Direct"}},
            "required for every container when InferenceExecutionConfig Mode is Direct",
        ),
        (
            {"Containers": [container(), container() | {"Mode": "MultiModel"}, container() | {"Mode": "MultiModel"}]},
            "More than one container in MultiModel mode is not supported with inference pipeline.",
        ),
        ({"Containers": [container(), {}]}, "Image is required"),
        ({"Containers": [container()] * 2, "InferenceExecutionConfig": {"Mode": "Parallel"}}, "enum value set"),
    ],
)
def test_lists_that_make_no_model_are_refused(hosting, members, says):
    answer = refused(hosting.sagemaker.create_model, ModelName=fresh("refused"), ExecutionRoleArn=ROLE, **members)
    assert answer["Error"]["Code"] == "ValidationException"
    assert says in answer["Error"]["Message"]


@pytest.mark.parametrize("members", [{"Containers": [container("body=alone")]}, {"PrimaryContainer": container("body=alone")}])
def test_of_a_single_container_the_mode_has_no_effect_and_that_is_noted(hosting, members):
    model = fresh("single")
    hosting.sagemaker.create_model(
        ModelName=model, ExecutionRoleArn=ROLE, InferenceExecutionConfig={"Mode": "Direct"}, **members
    )
    name = hosting.endpoint(hosting.config(model))
    assert hosting.invoke(name)["Payload"] == b"alone"
    assert "InferenceExecutionConfig has no effect on a single container" in cli(hosting, "describe", name)
    hosting.delete(name)


def test_absent_data_of_any_container_is_told_at_creation(hosting):
    hosting.upload()
    absent = container() | {"ModelDataUrl": "s3://conformance-models/not/there.tar.gz"}
    answer = refused(
        hosting.sagemaker.create_model,
        ModelName=fresh("refused"),
        ExecutionRoleArn=ROLE,
        Containers=[container() | {"ModelDataUrl": MODEL_URL}, absent],
    )
    assert "s3://conformance-models/not/there.tar.gz" in answer["Error"]["Message"]


def test_who_may_be_named_by_a_request(hosting):
    direct = deploy(hosting, container("body=1", hostname="one"), container("body=2", hostname="two"), mode="Direct")
    serial = deploy(hosting, container(hostname="one"), container(hostname="two"))
    single = hosting.deploy("plain")
    for hostname, said in (("one", b"1"), ("two", b"2")):
        assert hosting.invoke(direct, TargetContainerHostname=hostname)["Payload"] == said
    for endpoint, named, says in (
        (direct, {}, "is missing a target container hostname header. Its containers are one, two."),
        (direct, {"TargetContainerHostname": "three"}, f"Container three not found for endpoint {direct}."),
        (serial, {"TargetContainerHostname": "one"}, "does not support target container hostname header"),
        (single, {"TargetContainerHostname": "one"}, "does not support target container hostname header"),
    ):
        for call in (hosting.runtime.invoke_endpoint, hosting.runtime.invoke_endpoint_with_response_stream):
            answer = refused(call, EndpointName=endpoint, Body=b"", **named)
            assert answer["Error"]["Code"] == "ValidationError"
            assert answer["ResponseMetadata"]["HTTPStatusCode"] == 400
            assert says in answer["Error"]["Message"]
    for endpoint in (direct, serial, single):
        hosting.delete(endpoint)


def stream(hosting, name, body=b"", **more):
    answer = hosting.runtime.invoke_endpoint_with_response_stream(EndpointName=name, Body=body, **more)
    return [event["PayloadPart"]["Bytes"] for event in answer["Body"]]


def test_the_last_container_streams_to_the_client(hosting):
    name = deploy(hosting, container("body=part"), container("chunks=3; pause_ms=30"))
    assert b"".join(stream(hosting, name)) == b"part" * 3
    direct = deploy(hosting, container("body=a; chunks=2", hostname="a"), container("body=b", hostname="b"), mode="Direct")
    assert b"".join(stream(hosting, direct, TargetContainerHostname="a")) == b"aa"
    broken = deploy(hosting, container(), container("body=part; chunks=3; pause_ms=30; close=true; at=8"))
    with pytest.raises(EventStreamError) as caught:
        stream(hosting, broken)
    assert "ModelStreamError" in str(caught.value)
    for endpoint in (name, direct, broken):
        hosting.delete(endpoint)


@pytest.mark.parametrize("position", [0, 1, 2])
def test_an_error_names_the_container_that_made_it(hosting, position):
    containers = [container(hostname=hostname) for hostname in ("one", "two", "three")]
    containers[position] = container("status=418; body=no tea", hostname=containers[position]["ContainerHostname"])
    name = deploy(hosting, *containers)
    failed = ("one", "two", "three")[position]
    for call in (hosting.runtime.invoke_endpoint, hosting.runtime.invoke_endpoint_with_response_stream):
        answer = refused(call, EndpointName=name, Body=b"")
        assert answer["Error"]["Code"] == "ModelError"
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 424
        assert answer["OriginalStatusCode"] == 418
        assert answer["OriginalMessage"] == "no tea"
        says = f'Received client error (418) from {failed} with message "no tea". See https://'
        assert answer["Error"]["Message"].startswith(says)
    hosting.delete(name)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ("close=true", "could not get a response"),
        ("body=short; close=true; at=head", "could not get a response"),
        ("body=short; length=+10", "could not get a response"),
        ("body=0123456789; repeat=600000", "longer than the 5242880 bytes"),
    ],
)
def test_what_breaks_between_containers_is_an_error_and_no_half_answer(hosting, answer, says):
    name = deploy(hosting, container(answer, hostname="one"), container("body=last", hostname="two"))
    answer = refused(hosting.runtime.invoke_endpoint, EndpointName=name, Body=b"")
    assert answer["Error"]["Code"] == "ModelError"
    assert answer["OriginalStatusCode"] == 0
    assert answer["Error"]["Message"].startswith("Received server error (0) from one with message ")
    assert says in answer["Error"]["Message"]
    hosting.delete(name)


def test_just_five_megabytes_pass_from_one_container_to_the_next(hosting):
    name = deploy(hosting, container("body=0123456789abcdef; repeat=327680"), container())
    payload = hosting.invoke(name)["Payload"]
    assert payload == b"0123456789abcdef" * 327_680
    assert len(payload) == 5 * 1024 * 1024
    # What the client gets may be longer, as of any model.
    longer = deploy(hosting, container(), container("body=0123456789abcdef; repeat=500000"))
    assert len(hosting.invoke(longer)["Payload"]) == 8_000_000
    hosting.delete(name)
    hosting.delete(longer)


def test_one_deadline_is_for_the_whole_chain(hosting):
    slow = [container("delay_ms=700", hostname=hostname) for hostname in ("one", "two", "three")]
    model = pipeline(hosting, *slow)
    tags = [{"Key": "hostler:model_timeout_s", "Value": "1"}]
    name = hosting.endpoint(hosting.config(model), Tags=tags)
    began = time.monotonic()
    answer = refused(hosting.runtime.invoke_endpoint, EndpointName=name, Body=b"")
    # Three of them would take two seconds, each by itself would be in time.
    assert time.monotonic() - began < 1.6
    assert "timed out while waiting for a response from container two" in answer["Error"]["Message"]
    hosting.delete(name)


def in_flight(hosting, endpoint):
    return Scrape(hosting.server).value("requests_in_flight", endpoint=endpoint)


def test_a_request_counts_from_the_first_container_to_the_last_and_its_client_takes_it_along(hosting, tmp_path):
    began = tmp_path / "began"
    name = deploy(hosting, container(hostname="one"), container(f"touch={began}; hang=true", hostname="two"))
    with RawClient(hosting.server) as client:
        client.send(client.request(name, b"x"))
        eventually(began.exists, lambda there: there, "the second container has it")
        assert in_flight(hosting, name) == 1
        client.reset()
    eventually(lambda: in_flight(hosting, name), lambda count: count == 0, "nothing is in flight")
    abandoned = Scrape(hosting.server).value("invocations_total", endpoint=name, status_class="abandoned")
    assert abandoned == 1, "it is one invocation, however many containers had it"
    hosting.delete(name)


def test_a_session_stays_with_its_instance(hosting):
    name = deploy(hosting, container(), container("session=keep"), count=2)
    opened = hosting.invoke(name, SessionId="NEW_SESSION")
    session = opened["NewSessionId"].split(";")[0]
    pids = {json.loads(hosting.invoke(name, SessionId=session)["Payload"])["pid"] for _ in range(10)}
    assert pids == {json.loads(opened["Payload"])["pid"]}
    hosting.delete(name)


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({"TEST_START_EXIT": "3", "TEST_START_WORDS": "why it ends"}, "the container `two` exited with code 3"),
        ({"TEST_PING": "500"}, "container `two`: it answered 500"),
    ],
)
def test_a_creation_that_fails_names_the_container(hosting, variables, says):
    model = pipeline(hosting, container(hostname="one"), container(hostname="two", **variables))
    if "TEST_PING" in variables:
        # Sixty seconds are the least that AWS allows: what is wrong is said before.
        name = hosting.endpoint(hosting.config(model), wait=False)
        diagnosis = eventually(
            lambda: json.loads(cli(hosting, "diagnose", name, "--output", "json")),
            lambda seen: seen["Findings"],
            "something is found",
        )
        finding = diagnosis["Findings"][0]
        assert finding["Evidence"]["Container"] == "two"
        assert finding["Sentence"].startswith("Container `two`: ")
        assert says in finding["Evidence"]["Detail"]
        hosting.sagemaker.delete_endpoint(EndpointName=name)
        hosting.gone(name)
        return
    name = hosting.endpoint(hosting.config(model), wait=False)
    reason = hosting.failed(name)
    assert reason.startswith("The two container for production variant AllTraffic did not pass the ping health check.")
    assert says in reason
    assert "why it ends" in reason
    assert f"`hostler logs {name} --container two`" in reason
    hosting.delete(name)


def test_logs_are_shown_by_container(hosting):
    name = deploy(hosting, container("log=from the first", hostname="one"), container("log=from the second", hostname="two"))
    hosting.invoke(name)
    everything = eventually(
        lambda: cli(hosting, "logs", name), lambda text: "from the second" in text, "it is written"
    )
    assert any(line.endswith("/one | from the first") for line in everything.splitlines())
    assert any(line.endswith("/two | from the second") for line in everything.splitlines())
    second = cli(hosting, "logs", name, "--container", "two")
    assert "from the second" in second and "from the first" not in second
    unknown = hosting.server.cli("logs", name, "--container", "three", check=False)
    assert unknown.returncode == 1
    assert "there is no container `three`: there are one, two" in unknown.stderr.decode()
    hosting.delete(name)


def test_a_container_that_is_killed_under_load_is_replaced_with_its_instance(hosting):
    name = deploy(hosting, container(hostname="one"), container(hostname="two"), container(hostname="three"), count=2)
    before = instances(hosting, name)
    victim = before[0]
    running = processes(victim["Containers"])
    with Load(hosting.server, name) as load:
        eventually(lambda: load.answers, lambda count: count > 50, "it is under load")
        os.kill(victim["Containers"][1]["pid"], signal.SIGKILL)
        after = eventually(
            lambda: instances(hosting, name),
            lambda seen: victim["Id"] not in {one["Id"] for one in seen}
            and [one["Health"] for one in seen] == ["Healthy"] * 2,
            "the instance is replaced",
        )
        answers = load.answers
        eventually(lambda: load.answers, lambda count: count > answers + 50, "it goes on")
    assert before[1]["Id"] in {one["Id"] for one in after}, "the other instance is left alone"
    assert not any(map(is_alive, running))
    # What failed is what that instance held: at most a request of each thread of the load, and each says where.
    assert len(load.failures) <= 4, load.failures
    for failure in load.failures:
        assert "ModelError" in str(failure) or "could not get a response" in str(failure), failure
        assert any(f"from {hostname} with" in str(failure) for hostname in ("one", "two", "three")), failure
    assert "the container `two` was ended by signal 9" in cli(hosting, "describe", name)
    hosting.delete(name)


def test_an_update_of_a_pipeline_under_load_loses_nothing(hosting):
    def config(*said):
        return hosting.config(pipeline(hosting, *[container(f"body={one}") for one in said]), count=2)

    name = hosting.endpoint(config("a", "old"))
    broken = hosting.config(pipeline(hosting, container(), container(TEST_START_EXIT="3")), count=2)
    with Load(hosting.server, name) as load:
        update(hosting, name, config("a", "b", "new"))
        hosting.in_service(name)
        assert hosting.invoke(name)["Payload"] == b"new"
        update(hosting, name, broken)
        hosting.in_service(name)
        reason = hosting.sagemaker.describe_endpoint(EndpointName=name)["FailureReason"]
        assert reason.startswith("The container-2 container for production variant AllTraffic did not pass")
        # From a pipeline to a single container, and back.
        update(hosting, name, hosting.config(hosting.test_model("plain", {"TEST_ANSWER": "body=single"}), count=2))
        hosting.in_service(name)
        assert hosting.invoke(name)["Payload"] == b"single"
        update(hosting, name, config("a", "newest"))
        hosting.in_service(name)
    assert hosting.invoke(name)["Payload"] == b"newest"
    load.assert_nothing_was_lost()
    hosting.delete(name)


def test_a_restarted_server_finds_all_containers(make_server):
    server = make_server()
    hosting = Hosting(server)
    name = deploy(hosting, container(hostname="one"), container("tell=pid", hostname="two"))
    before = instances(hosting, name)[0]["Containers"]
    running = processes(before)
    server.kill()
    server.start()
    # On another port.
    hosting = Hosting(server)
    assert json.loads(hosting.invoke(name)["Payload"])["pid"] == before[1]["pid"]
    assert instances(hosting, name)[0]["Containers"] == before
    hosting.delete(name)
    assert not any(map(is_alive, running))
