"""InvokeEndpointWithResponseStream: events as the model's chunks come, and every way in which a stream can end."""

import concurrent.futures
import contextlib
import hashlib
import json
import os
import time
from pathlib import Path

import pytest
from botocore.eventstream import EventStreamBuffer
from botocore.exceptions import ClientError, EventStreamError

from harness.artifacts import rows
from harness.event_frames import PART, RawStream, events, parts, path_of
from harness.hosting import ACCOUNT, Hosting, fresh, production_variant
from harness.scraping import Scrape
from harness.waiting import eventually
from harness.wire import Wire, tampered

PAYLOAD_MAX = 1024 * 1024
# The longest part: hostler_aws::PART_BYTES_MAX.
PART_MAX = 64 * 1024
CONFIG = f"""
[limits]
payload_bytes = {PAYLOAD_MAX}
"""


@pytest.fixture(scope="module")
def status(hosting):
    return hosting.deploy("status")


@pytest.fixture
def brisk(make_server):
    """Clients of a server where a stream must begin within one second and end within two, and an endpoint."""
    hosting = Hosting(make_server("[limits]\nmodel_timeout_s = 1\nstream_timeout_s = 2\n"))
    return hosting, hosting.deploy("status")


@pytest.fixture(scope="module")
def wire(server):
    return Wire(server)


def asking(**commands):
    """A body that asks the test model for something."""
    return json.dumps({"test": commands}).encode()


def stream(hosting, endpoint, body=b"", **more):
    return hosting.runtime.invoke_endpoint_with_response_stream(EndpointName=endpoint, Body=body, **more)


def chunks(answer):
    with contextlib.closing(answer["Body"]) as body:
        return [event["PayloadPart"]["Bytes"] for event in body]


def raw(wire, endpoint, body=b"", headers=None):
    """The whole answer of bare HTTP."""
    return wire.invoke(endpoint, body, headers, path=path_of(endpoint))


# -- what comes ---------------------------------------------------------------------------------


def test_each_chunk_of_the_model_is_a_part(hosting, status):
    answer = stream(hosting, status, asking(events=5, body="tick", pause_ms=20))
    assert answer["ContentType"] == "text/event-stream"
    assert answer["InvokedProductionVariant"] == "AllTraffic"
    assert chunks(answer) == [f"id: {number}\ndata: tick\n\n".encode() for number in range(5)]


def test_the_head_says_what_the_model_said(wire, status):
    commands = {"events": 2, "body": "tick", "attributes": "trace-7", "header": "X-Own: secret"}
    answer = raw(wire, status, asking(**commands))
    assert answer.status == 200
    expected = {
        "content-type": "application/vnd.amazon.eventstream",
        "x-amzn-sagemaker-content-type": "text/event-stream",
        "x-amzn-sagemaker-custom-attributes": "trace-7",
        "x-amzn-invoked-production-variant": "AllTraffic",
        "transfer-encoding": "chunked",
    }
    assert expected.items() <= answer.headers.items()
    assert set(answer.headers) == {*expected, "x-amzn-requestid", "date"}
    assert parts(answer.body) == [b"id: 0\ndata: tick\n\n", b"id: 1\ndata: tick\n\n"]


def test_the_model_sees_the_accept_of_its_answer_and_not_that_of_the_events(wire, hosting, status):
    headers = {
        "Content-Type": "application/x-thing",
        "Accept": "application/vnd.amazon.eventstream",
        "X-Amzn-SageMaker-Accept": "text/plain",
        "X-Amzn-SageMaker-Inference-Id": "inference-7",
        "X-Amzn-SageMaker-Custom-Attributes": "test: tell=all",
    }
    answer = raw(wire, status, b"some \x00 bytes", headers)
    seen = json.loads(b"".join(parts(answer.body)))
    assert (seen["method"], seen["path"], seen["body"]) == ("POST", "/invocations", "some \x00 bytes")
    assert seen["headers"]["content-type"] == "application/x-thing"
    assert seen["headers"]["accept"] == "text/plain"
    assert seen["headers"]["x-amzn-sagemaker-inference-id"] == "inference-7"
    assert not {"authorization", "x-amz-date", "x-amzn-sagemaker-accept"} & set(seen["headers"])
    answer = stream(hosting, status, asking(tell="all"))
    assert json.loads(b"".join(chunks(answer)))["headers"]["accept"] == "*/*"


def test_a_part_is_there_while_the_model_says_nothing_more(wire, hosting, status):
    """The model hangs after its first chunk and half of the second: what waits for more would wait for ever."""
    commands = asking(chunks=2, body="x" * 100, hang=True, at=150)
    with RawStream(wire, status, commands) as raw_stream:
        answer = raw_stream.answer()
        received = b""
        # The half chunk may be a part of its own.
        while b"".join(payload for _, payload in events(received, is_whole=False)) != b"x" * 150:
            received += answer.read1()
    eventually(
        lambda: json.loads(hosting.invoke(status, asking(tell="all"))["Payload"])["in_flight"],
        lambda count: count == 1,
        "the model has only the call that asks",
    )


def test_large_chunks_become_parts_of_bounded_size_and_nothing_is_lost(wire, status):
    chunk = 300_000
    answer = raw(wire, status, asking(chunks=3, body="0123456789" * (chunk // 10)))
    found = parts(answer.body)
    assert b"".join(found) == b"0123456789" * (3 * chunk // 10)
    assert max(map(len, found)) <= PART_MAX
    assert len(found) >= 3 * chunk // PART_MAX


@pytest.mark.parametrize("size", [1, 8191, 8192, 8193, PART_MAX - 1, PART_MAX, PART_MAX + 1])
def test_a_chunk_of_any_size_arrives_as_it_was(wire, status, size):
    assert b"".join(parts(raw(wire, status, asking(chunks=2, body="x" * size)).body)) == b"x" * (2 * size)


def test_an_answer_that_is_no_stream_comes_in_parts_too(hosting, status):
    answer = stream(hosting, status, asking(body="0123456789abcdef", repeat=100_000, content_type="text/plain"))
    assert answer["ContentType"] == "text/plain"
    assert b"".join(chunks(answer)) == b"0123456789abcdef" * 100_000


def test_an_empty_answer_is_a_stream_without_parts(wire, hosting, status):
    for commands in ({"body": ""}, {"body": "", "chunks": 0}):
        assert chunks(stream(hosting, status, asking(**commands))) == []
        answer = raw(wire, status, asking(**commands))
        assert (answer.status, answer.body) == (200, b"")


def test_built_in_kmeans_answers_in_parts(hosting):
    name = hosting.deploy()
    row = rows()[0].encode()
    answer = stream(hosting, name, row, ContentType="text/csv", Accept="application/json")
    assert answer["ContentType"] == "application/json"
    whole = hosting.invoke(name, row, ContentType="text/csv", Accept="application/json")["Payload"]
    assert b"".join(chunks(answer)) == whole
    hosting.delete(name)


# -- what fails before the first byte -----------------------------------------------------------


def model_error(hosting, endpoint, **commands):
    with pytest.raises(ClientError) as caught:
        stream(hosting, endpoint, asking(**commands))
    response = caught.value.response
    assert response["Error"]["Code"] == "ModelError", response
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 424
    return response


@pytest.mark.parametrize("code", [400, 404, 429, 500, 503])
def test_an_error_of_the_model_is_a_plain_model_error(hosting, status, code):
    error = model_error(hosting, status, status=code, body="weights melted", events=3)
    assert error["OriginalStatusCode"] == code
    assert error["OriginalMessage"].startswith("id: 0\ndata: weights melted\n\n")
    assert f"({code}) from primary with message" in error["Error"]["Message"]


@pytest.mark.parametrize("at", ["start", "head", 0])
def test_a_model_that_hangs_up_before_its_first_byte_is_a_plain_model_error(hosting, status, at):
    error = model_error(hosting, status, close=True, at=at, chunks=2, body="x")
    assert error["OriginalStatusCode"] == 0
    assert "Amazon SageMaker could not get a response from the" in error["Error"]["Message"]


@pytest.mark.parametrize("at", ["start", "head"])
def test_a_model_whose_first_byte_takes_longer_than_an_answer_may_times_out(brisk, at):
    hosting, name = brisk
    error = model_error(hosting, name, hang=True, at=at, chunks=2, body="x")
    assert error["OriginalStatusCode"] == 0
    assert "Your invocation timed out while waiting for a response from container primary." in error["Error"]["Message"]


def validation_error(hosting, endpoint, **members):
    with pytest.raises(ClientError) as caught:
        stream(hosting, endpoint, b"x", **members)
    response = caught.value.response
    assert response["Error"]["Code"] == "ValidationError", response
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 400
    return response["Error"]["Message"]


def test_a_new_session_is_refused_by_the_operations_own_constraint(hosting, status):
    message = validation_error(hosting, status, SessionId="NEW_SESSION")
    assert message == (
        "1 validation error detected: Value 'NEW_SESSION' at 'sessionId' failed to satisfy constraint: "
        "Member must satisfy regular expression pattern: ^[a-zA-Z0-9](-*[a-zA-Z0-9])*$"
    )


def test_what_invoke_endpoint_refuses_is_refused_here_in_the_same_words(hosting, status):
    for members in (
        {"TargetVariant": "purple"},
        {"TargetContainerHostname": "digits"},
        {"InferenceComponentName": "component"},
    ):
        with pytest.raises(ClientError) as caught:
            hosting.invoke(status, b"x", **members)
        assert validation_error(hosting, status, **members) == caught.value.response["Error"]["Message"]
    assert validation_error(hosting, "Nobody-Home") == f"Endpoint Nobody-Home of account {ACCOUNT} not found."


def test_a_target_variant_is_obeyed(hosting):
    models = {name: hosting.test_model("pid") for name in ("blue", "idle")}
    weights = {"blue": 1.0, "idle": 0.0}
    config = fresh("config")
    hosting.sagemaker.create_endpoint_config(
        EndpointConfigName=config,
        ProductionVariants=[
            production_variant(model, name, InitialVariantWeight=weights[name]) for name, model in models.items()
        ],
    )
    name = hosting.endpoint(config)
    for target in models:
        answer = stream(hosting, name, TargetVariant=target)
        assert answer["InvokedProductionVariant"] == target
        assert json.loads(b"".join(chunks(answer)))["pid"]
    hosting.delete(name)


def test_nobody_streams_without_a_right_signature_or_with_too_large_a_body(wire, status):
    assert wire.invoke(status, b"x", path=path_of(status), sign=False).status == 403
    headers = wire.signed("POST", path_of(status), "sagemaker", {}, b"x")
    headers["Authorization"] = tampered(headers["Authorization"])
    answer = wire.send("POST", path_of(status), headers, b"x")
    assert (answer.status, answer.code) == (403, "InvalidSignatureException")
    answer = raw(wire, status, b"x" * (PAYLOAD_MAX + 1))
    assert answer.status == 413 and str(PAYLOAD_MAX) in answer.text


# -- what fails after it ------------------------------------------------------------------------


def broken(hosting, endpoint, **commands):
    """The parts that came, and the exception after them."""
    answer, came = stream(hosting, endpoint, asking(**commands)), []
    with contextlib.closing(answer["Body"]) as body, pytest.raises(EventStreamError) as caught:
        for event in body:
            came.append(event["PayloadPart"]["Bytes"])
    return came, caught.value.response["Error"]


def last_event(answer):
    """Of a whole answer over bare HTTP: the parts, and the exception's type and document."""
    assert answer.status == 200
    *before, (headers, payload) = events(answer.body)
    assert headers[":message-type"] == "exception" and headers[":content-type"] == "application/json"
    assert all(found == PART for found, _ in before)
    return [part for _, part in before], headers[":exception-type"], json.loads(payload)


DEATHS = {
    "it hangs up": {"close": True},
    "its process is killed": {"signal": "KILL"},
    "it exits": {"exit": 3},
}


@pytest.mark.parametrize("death", DEATHS.values(), ids=DEATHS)
def test_a_model_that_dies_in_the_middle_ends_the_stream_with_model_stream_error(wire, hosting, death):
    """boto3 has the code and the text; the bytes have the error code, and the body ends as HTTP wants it."""
    name = hosting.deploy("status")
    commands = {"chunks": 3, "body": "tick", "at": 8, **death}
    came, error = broken(hosting, name, **commands)
    assert (b"".join(came), error["Code"]) == (b"ticktick", "ModelStreamError")
    assert name in error["Message"]
    eventually(lambda: raw(wire, name, asking(body="well")).status, lambda code: code == 200, "the model is back")
    came, kind, document = last_event(raw(wire, name, asking(**commands)))
    assert (b"".join(came), kind) == (b"ticktick", "ModelStreamError")
    assert set(document) == {"ErrorCode", "Message"}
    assert (document["ErrorCode"], document["Message"]) == ("StreamBroken", error["Message"])
    hosting.delete(name)


def test_an_answer_that_is_shorter_than_it_said_is_a_broken_stream(wire, status):
    for commands in ({"body": "x" * 100, "length": "+1"}, {"chunks": 2, "body": "x" * 50, "length": "+1"}):
        came, kind, document = last_event(raw(wire, status, asking(**commands)))
        assert b"".join(came).startswith(b"x" * 50)
        assert (kind, document["ErrorCode"]) == ("ModelStreamError", "StreamBroken")


def test_a_stream_that_exceeds_its_time_ends_with_what_came_and_model_stream_error(brisk):
    hosting, name = brisk
    commands = {"events": 1000, "body": "tick", "pause_ms": 50}
    came, error = broken(hosting, name, **commands)
    assert came[0] == b"id: 0\ndata: tick\n\n" and 1 < len(came) < 1000
    assert error["Code"] == "ModelStreamError"
    came, kind, document = last_event(raw(Wire(hosting.server), name, asking(chunks=2, body="x", hang=True, at=1)))
    assert (came, kind) == ([b"x"], "ModelStreamError")
    assert document["ErrorCode"] == "ModelInvocationTimeExceeded"
    assert document["Message"] == error["Message"]


# -- clients that do not read, and clients that leave -------------------------------------------


MIB = 1024 * 1024


def resident(server):
    """Bytes of memory that the server has."""
    pages = int((Path("/proc") / str(server.process.pid) / "statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def unsent(pid):
    """What the kernel holds of what a process has written to its connections, by connection."""
    sockets = {os.readlink(fd)[8:-1] for fd in Path(f"/proc/{pid}/fd").iterdir() if os.readlink(fd).startswith("socket:")}
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return {line[2]: int(line[4].split(":")[0], 16) for line in lines if line[9] in sockets and line[3] == "01"}


def standing(look, times=10, pause_s=0.05):
    """What `look` shows, when it has shown the same so many times in a row."""

    def several():
        seen = []
        for _ in range(times):
            seen.append(look())
            time.sleep(pause_s)
        return seen

    return eventually(several, lambda seen: seen[0] and all(one == seen[0] for one in seen), "it stands still")[0]


def test_a_client_that_reads_nothing_stops_the_model_and_costs_no_memory(wire, hosting, server):
    """Of the 256 MiB that the model has to say nobody but the kernel holds any; then all of it arrives as it was."""
    name = hosting.deploy("status")
    pid = json.loads(hosting.invoke(name, asking(tell="pid"))["Payload"])["pid"]
    piece, count = b"0123456789abcdef" * 4096, 4096
    before = resident(server)
    with RawStream(wire, name, asking(chunks=count, body=piece.decode()), receive_buffer=64 * 1024) as raw_stream:
        answer = raw_stream.answer()
        held = standing(lambda: {peer: size for peer, size in unsent(pid).items() if size})
        assert len(held) == 1, f"the model waits to write to one connection: {held}"
        assert resident(server) - before < 16 * MIB
        # The server is as quick as ever for others.
        assert hosting.invoke(name, asking(body="well"))["Payload"] == b"well"
        decoder, digest, read = EventStreamBuffer(), hashlib.sha256(), 0
        while block := answer.read1(1 << 20):
            decoder.add_data(block)
            for message in decoder:
                digest.update(message.payload)
                read += len(message.payload)
        assert read == count * len(piece)
        expected = hashlib.sha256()
        for _ in range(count):
            expected.update(piece)
        assert digest.digest() == expected.digest()
        assert resident(server) - before < 16 * MIB
    hosting.delete(name)


def test_many_streams_that_nobody_reads_cost_little_each(wire, hosting, server):
    name = hosting.deploy("status")
    hosting.invoke(name, b"x")
    before, streams = resident(server), 40
    with contextlib.ExitStack() as stack:
        for _ in range(streams):
            body = asking(chunks=4096, body="x" * 65536)
            opened = stack.enter_context(RawStream(wire, name, body, receive_buffer=64 * 1024))
            opened.answer()
        in_flight = Scrape(server).value("requests_in_flight", endpoint=name)
        grown = (resident(server) - before) / streams
    assert in_flight == streams
    assert grown < 1.5 * MIB, f"{grown / 1024:.0f} KiB for each stream"
    eventually(lambda: counts(server, name)["abandoned"], lambda count: count == streams, "all are let go of")
    hosting.delete(name)


def counts(server, name):
    return Scrape(server).by("status_class", "invocations_total", endpoint=name)


def test_a_client_that_goes_away_cancels_the_call_and_is_counted_as_gone(wire, hosting, server):
    name = hosting.deploy("status")
    # One leaves a model that is silent, the other a model that writes on and on.
    for commands in ({"chunks": 3, "hang": True, "at": 2}, {"chunks": 1_000_000, "pause_ms": 5}):
        with RawStream(wire, name, asking(body="x", **commands)) as raw_stream:
            assert raw_stream.answer().read1()
            assert Scrape(server).value("requests_in_flight", endpoint=name) == 1
        eventually(
            lambda: json.loads(hosting.invoke(name, asking(tell="all"))["Payload"])["in_flight"],
            lambda count: count == 1,
            "the model has only the call that asks",
        )
    eventually(lambda: counts(server, name)["abandoned"], lambda count: count == 2, "both are counted")
    assert Scrape(server).value("requests_in_flight", endpoint=name) == 0
    assert counts(server, name)["5xx"] == 0
    # So does one who closes boto3's stream.
    answer = stream(hosting, name, asking(events=1_000_000, body="x", pause_ms=5))
    next(iter(answer["Body"]))
    answer["Body"].close()
    eventually(lambda: counts(server, name)["abandoned"], lambda count: count == 3, "it is counted too")
    hosting.delete(name)


# -- what is counted, and what waits --------------------------------------------------------------


def test_a_stream_counts_once_by_how_it_ended_and_its_time_is_that_to_its_end(brisk):
    hosting, name = brisk
    server = hosting.server
    assert len(chunks(stream(hosting, name, asking(events=5, body="x", pause_ms=100)))) == 5
    seen = Scrape(server)
    assert seen.by("status_class", "invocations_total", endpoint=name) == {"2xx": 1, "4xx": 0, "5xx": 0, "abandoned": 0}
    assert seen.value("model_latency_seconds_sum", endpoint=name) >= 0.4
    broken(hosting, name, chunks=3, body="tick", at=8, close=True)
    broken(hosting, name, chunks=3, body="tick", at=8, hang=True)
    model_error(hosting, name, status=404)
    seen = Scrape(server)
    assert seen.by("status_class", "invocations_total", endpoint=name) == {"2xx": 1, "4xx": 1, "5xx": 2, "abandoned": 0}
    unanswered = seen.by("reason", "invocations_unanswered_total", endpoint=name)
    assert {reason: count for reason, count in unanswered.items() if count} == {"timeout": 1, "lost": 1}
    assert seen.value("model_latency_seconds_count", endpoint=name) == 4
    assert seen.value("requests_in_flight", endpoint=name) == 0


def test_an_update_waits_for_streams_under_way(wire, hosting):
    """The former instance is still there while it streams, and everything it had to say arrives."""
    name = hosting.deploy("status")
    with RawStream(wire, name, asking(events=60, body="tick", pause_ms=50)) as raw_stream:
        answer = raw_stream.answer()
        received = answer.read1()
        hosting.sagemaker.update_endpoint(
            EndpointName=name, EndpointConfigName=hosting.config(hosting.test_model("pid"))
        )
        eventually(lambda: hosting.invoke(name)["Payload"], lambda body: b"pid" in body, "the new one answers")
        received += answer.read()
    assert b"".join(parts(received)) == b"".join(b"id: %d\ndata: tick\n\n" % number for number in range(60))
    hosting.in_service(name)
    hosting.delete(name)


def test_a_stop_lets_streams_go_on_for_a_while_and_then_tells_them(make_server):
    server = make_server("[limits]\nmodel_timeout_s = 1\n")
    hosting = Hosting(server)
    name = hosting.deploy("status")
    wire = Wire(server)
    with (
        concurrent.futures.ThreadPoolExecutor(1) as pool,
        RawStream(wire, name, asking(events=20, body="tick", pause_ms=50)) as short,
        RawStream(wire, name, asking(events=1_000_000, body="tick", pause_ms=50)) as long,
    ):
        answers = short.answer(), long.answer()
        begun = [answer.read1() for answer in answers]
        stopping = pool.submit(server.stop)
        whole, cut = (came + answer.read() for came, answer in zip(begun, answers, strict=True))
        assert stopping.result() == 0
    assert len(parts(whole)) == 20
    *before, (headers, payload) = events(cut)
    assert len(before) > 20
    assert headers[":exception-type"] == "InternalStreamFailure"
    message = f"The server stopped while the model of endpoint {name} was streaming its response."
    assert json.loads(payload) == {"Message": message}
