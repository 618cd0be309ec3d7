"""Limits of one endpoint, set by its owner's tags within what the operator allows."""

import contextlib
import http.client
import json

import pytest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError, EventStreamError

from harness import config as configuration
from harness.expect import refused
from harness.hosting import Hosting, arn, fresh
from harness.waiting import eventually
from harness.wire import Wire

KIB = 1024
CONFIG = f"""
[limits]
payload_bytes = {256 * KIB}
payload_bytes_max = {1024 * KIB}
model_timeout_max_s = 90
"""


def asking(**commands):
    return json.dumps({"test": commands}).encode()


def tags(**limits):
    return [{"Key": f"hostler:{name}", "Value": str(value)} for name, value in limits.items()]


def deploy(hosting, **limits):
    return hosting.endpoint(hosting.config(hosting.test_model("status")), Tags=tags(**limits))


def set_tags(hosting, endpoint, **limits):
    hosting.sagemaker.add_tags(ResourceArn=arn("endpoint", endpoint), Tags=tags(**limits))


def status_of(wire, endpoint, size):
    return wire.invoke(endpoint, b"x" * size).status


@pytest.fixture(scope="module")
def wire(server):
    return Wire(server)


@pytest.mark.parametrize(
    ("limit", "value", "most"),
    [
        ("model_timeout_s", "soon", 90),
        ("model_timeout_s", "0", 90),
        ("model_timeout_s", "91", 90),
        ("model_timeout_s", "-5", 90),
        ("model_timeout_s", "1.5", 90),
        ("model_timeout_s", "", 90),
        ("stream_timeout_s", "3601", 3600),
        ("payload_bytes", str(1024 * KIB + 1), 1024 * KIB),
        ("in_flight_per_instance", "0", 10_000),
        ("waiting", "10001", 10_000),
    ],
)
def test_a_limit_that_cannot_be_is_refused_wherever_it_is_set(hosting, limit, value, most):
    least = 0 if limit == "waiting" else 1
    expected = (
        f'Tag "hostler:{limit}" has the value "{value}"; it has to be a whole number from {least} to {most}, the most '
        "that this server allows ([limits] "
    )
    config = hosting.config(hosting.test_model("status"))
    create, name = hosting.sagemaker.create_endpoint, fresh("Limited")
    said = refused(create, EndpointName=name, EndpointConfigName=config, Tags=tags(**{limit: value}))
    assert said.startswith(expected)
    assert "Could not find" in refused(hosting.sagemaker.describe_endpoint, EndpointName=name)
    endpoint = hosting.endpoint(config)
    said = refused(hosting.sagemaker.add_tags, ResourceArn=arn("endpoint", endpoint), Tags=tags(**{limit: value}))
    assert said.startswith(expected)
    assert hosting.sagemaker.list_tags(ResourceArn=arn("endpoint", endpoint))["Tags"] == []


def test_tags_of_that_name_mean_nothing_on_a_model(hosting):
    model = hosting.test_model("status")
    hosting.sagemaker.add_tags(ResourceArn=arn("model", model), Tags=tags(model_timeout_s="soon"))


def test_the_size_of_a_request_follows_the_tag_at_once(hosting, wire):
    name = deploy(hosting, payload_bytes=1000)
    other = deploy(hosting)
    assert [status_of(wire, name, size) for size in (1000, 1001)] == [200, 413]
    assert [status_of(wire, other, size) for size in (1001, 256 * KIB, 256 * KIB + 1)] == [200, 200, 413]
    set_tags(hosting, name, payload_bytes=1024 * KIB)
    eventually(lambda: status_of(wire, name, 1001), lambda seen: seen == 200, "the tag has an effect")
    assert [status_of(wire, name, size) for size in (1024 * KIB, 1024 * KIB + 1)] == [200, 413]
    hosting.sagemaker.delete_tags(ResourceArn=arn("endpoint", name), TagKeys=["hostler:payload_bytes"])
    eventually(lambda: status_of(wire, name, 256 * KIB + 1), lambda seen: seen == 413, "the server's own is back")


def test_a_body_in_chunks_is_held_to_the_endpoints_limit(hosting, server, wire):
    """Its size stands in no header: it is refused when it has become too large."""
    name = deploy(hosting, payload_bytes=1000)
    path = f"/endpoints/{name}/invocations"
    for size, status in ((1000, 200), (1001, 413)):
        headers = wire.signed("POST", path, "sagemaker", {}, b"x" * size)
        headers = {key: value for key, value in headers.items() if key.lower() != "content-length"}
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        pieces = (b"x" * (size - 500), b"x" * 500)
        connection.request("POST", path, iter(pieces), headers, encode_chunked=True)
        answer = connection.getresponse()
        assert answer.status == status, answer.read()
        connection.close()


def test_whose_key_is_unknown_learns_of_no_endpoints_limit(hosting, wire):
    name = deploy(hosting, payload_bytes=1000)
    stranger = Credentials("AKIASTRANGERSTRANGER", "secret")
    assert wire.invoke(name, b"x" * 1001, credentials=stranger).status == 403
    assert wire.invoke(name, b"x" * (1024 * KIB + 1), credentials=stranger).status == 413, "the server's own bound"


def test_a_stream_is_held_to_its_own_time(hosting):
    """The model sends a piece each 200 ms for minutes; the second one, and the stream ends in an exception."""
    name = deploy(hosting, stream_timeout_s=1)
    body = asking(chunks=1000, pause_ms=200, body="piece")
    answer = hosting.runtime.invoke_endpoint_with_response_stream(EndpointName=name, Body=body)
    parts = []
    with contextlib.closing(answer["Body"]) as stream, pytest.raises(EventStreamError) as caught:
        for event in stream:
            parts.append(event["PayloadPart"]["Bytes"])
    assert "ModelStreamError" in str(caught.value)
    assert 1 <= len(parts) <= 10


def test_limits_are_described_as_they_hold(hosting, server):
    name = deploy(hosting, waiting=0, model_timeout_s=7)
    described = server.cli("describe", name).stdout.decode()
    assert "hostler:model_timeout_s 7 · hostler:waiting 0" in described


def test_the_error_names_the_endpoints_limit(hosting, wire):
    name = deploy(hosting, payload_bytes=1000)
    answer = wire.invoke(name, b"x" * 1001)
    assert "HTTP content length exceeded 1000 bytes." in answer.text


def test_how_long_a_model_may_take_follows_the_tag(hosting):
    name = deploy(hosting, model_timeout_s=1)
    with pytest.raises(ClientError) as caught:
        hosting.invoke(name, asking(delay_ms=20_000))
    assert "timed out while waiting for a response" in caught.value.response["Error"]["Message"]
    set_tags(hosting, name, model_timeout_s=80)

    def slow():
        try:
            return hosting.invoke(name, asking(delay_ms=1500, body="at last"))["Payload"]
        except ClientError as error:
            assert error.response["Error"]["Code"] == "ModelError", error
            return None

    assert eventually(slow, lambda answer: answer is not None, "the tag has an effect") == b"at last"


def test_a_tag_that_is_older_than_the_operators_bound_counts_as_the_most(make_server):
    settings = "[limits]\npayload_bytes = {usual}\npayload_bytes_max = {most}\n"
    server = make_server(settings.format(usual=100, most=2000))
    hosting = Hosting(server)
    name = hosting.endpoint(hosting.config(hosting.test_model("status")), Tags=tags(payload_bytes=2000))
    assert status_of(Wire(server), name, 2000) == 200
    server.stop()
    server.config_path.write_text(configuration.settings(settings.format(usual=100, most=500)))
    server.start()
    hosting = Hosting(server)
    hosting.in_service(name)
    assert [status_of(Wire(server), name, size) for size in (500, 501)] == [200, 413]
    described = server.cli("describe", name).stdout.decode()
    assert "hostler:payload_bytes 500" in described
    assert "([limits] payload_bytes_max): it counts as 500" in described
    hosting.sagemaker.add_tags(ResourceArn=arn("endpoint", name), Tags=[{"Key": "team", "Value": "x"}])
