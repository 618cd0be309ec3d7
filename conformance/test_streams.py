"""InvokeEndpointWithResponseStream: events as the model's chunks come, and every way in which a stream can end."""

import json

import pytest
from botocore.exceptions import ClientError, EventStreamError

from harness.event_frames import RawStream, events, parts, path_of
from harness.hosting import fresh
from harness.wire import Wire


@pytest.fixture(scope="module")
def status(hosting):
    return hosting.deploy("status")


@pytest.fixture(scope="module")
def wire(server):
    return Wire(server)


def asking(**commands):
    """A body that asks the test model for something."""
    return json.dumps({"test": commands}).encode()


def stream(hosting, endpoint, body=b"", **more):
    return hosting.runtime.invoke_endpoint_with_response_stream(EndpointName=endpoint, Body=body, **more)


def chunks(answer):
    return [event["PayloadPart"]["Bytes"] for event in answer["Body"]]


def raw(wire, endpoint, body=b"", headers=None):
    """The whole answer of bare HTTP."""
    return wire.invoke(endpoint, body, headers, path=path_of(endpoint))


# -- what comes ---------------------------------------------------------------------------------


def test_each_chunk_of_the_model_is_a_part(hosting, status):
    answer = stream(hosting, status, asking(events=5, body="tick", pause_ms=20))
    assert answer["ContentType"] == "text/event-stream"
    assert answer["InvokedProductionVariant"] == "AllTraffic"
    assert chunks(answer) == [f"id: {number}\ndata: tick\n\n".encode() for number in range(5)]
