"""A client that goes away takes its request along: the model's connection is closed, and nothing counts any longer."""

import json

import pytest

from harness.raw_client import RawClient
from harness.scraping import Scrape
from harness.waiting import eventually


def asking(**commands):
    return json.dumps({"test": commands}).encode()


def in_flight(server, endpoint):
    return Scrape(server).value("requests_in_flight", endpoint=endpoint)


def abandoned(server, endpoint):
    return Scrape(server).value("invocations_total", endpoint=endpoint, status_class="abandoned")


def told(hosting, endpoint):
    """What the model says of itself; the request that asks is one of those in flight."""
    return json.loads(hosting.invoke(endpoint, asking(tell="all"))["Payload"])


def leave(client, how):
    {"reset": client.reset, "close": client.socket.close}[how]()


STAGES = {
    "not begun": {"hang": True},
    "the head is there": {"body": "x", "repeat": 100_000, "hang": True, "at": "head"},
    # Read whole by the gateway before the first byte goes on.
    "half a small answer": {"body": "x", "repeat": 100_000, "hang": True, "at": 50_000},
    # Passed on while it comes.
    "half a large answer": {"body": "x", "repeat": 1_000_000, "hang": True, "at": 600_000},
}


@pytest.mark.parametrize("how", ["reset", "close"])
@pytest.mark.parametrize("stage", STAGES)
def test_a_client_that_leaves_takes_its_call_from_the_model(server, hosting, tmp_path, stage, how):
    name = hosting.deploy("status")
    began = tmp_path / "began"
    with RawClient(server) as client:
        client.send(client.request(name, asking(touch=str(began), **STAGES[stage])))
        eventually(began.exists, lambda there: there, "the model has it")
        if stage == "half a large answer":
            read = b""
            while len(read) < 300_000:
                read += client.socket.recv(65536)
            assert read.startswith(b"HTTP/1.1 200 ")
        assert in_flight(server, name) == 1
        assert told(hosting, name)["in_flight"] == 2
        leave(client, how)
    eventually(lambda: in_flight(server, name), lambda count: count == 0, "nothing is in flight")
    eventually(lambda: told(hosting, name)["in_flight"], lambda count: count == 1, "the model sees that it is gone")
    eventually(lambda: abandoned(server, name), lambda count: count == 1, "it is counted as abandoned")


@pytest.mark.parametrize("how", ["reset", "close"])
def test_a_client_that_leaves_while_it_is_held_reaches_no_model(server, hosting, tmp_path, how):
    well = tmp_path / "well"
    well.touch()
    name = hosting.endpoint(hosting.config(hosting.test_model("status", {"TEST_PING_FILE": str(well)})))
    well.unlink()
    with pytest.raises(hosting.runtime.exceptions.ModelError):
        hosting.invoke(name, asking(exit=3))
    marks = [tmp_path / "left", tmp_path / "stayed"]
    with RawClient(server) as left, RawClient(server) as stayed:
        for client, mark in zip((left, stayed), marks, strict=True):
            client.send(client.request(name, asking(touch=str(mark), body="answered")))
        eventually(lambda: Scrape(server).value("requests_held"), lambda count: count == 2, "both are held")
        leave(left, how)
        eventually(lambda: Scrape(server).value("requests_held"), lambda count: count == 1, "one is held")
        well.touch()
        reply = stayed.reply()
        assert (reply.status, reply.body) == (200, b"answered")
    assert [mark.exists() for mark in marks] == [False, True]
    assert told(hosting, name)["invocations"] == 2, "the one that stayed, and this one"
    assert in_flight(server, name) == 0
