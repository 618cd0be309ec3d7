"""Containers that break off, lie or go silent in a stream: an error before its first byte, an event after it."""

import json
from dataclasses import dataclass

import pytest

from harness.event_frames import PART, events, path_of
from harness.raw_client import RawClient
from harness.raw_container import CLOSE, HALF_CLOSE, HANG, READ, RESET, SAID, WHEN_SEEN, endless, read, slowly
from harness.raw_stage import container, stage  # noqa: F401
from test_chaos_upstream import CHUNKED, JUNK, KEPT, LENGTH_4, LOST, OK, PIECE, TIMED_OUT, ModelError, chunk

CONFIG = """
[limits]
model_timeout_s = 1
stream_timeout_s = 2
"""
HEAD = OK + CHUNKED + b"\r\n"
TICK = chunk(b"tick")
CLOSED = "closed"


@dataclass
class Events:
    """The parts that came, together, and the error that ended them, if one did."""

    came: bytes
    error: str = None

    def check(self, reply, client):
        # Whatever happens the stream is well-formed HTTP, so that the client can read the event that says what.
        assert (reply.status, reply.is_whole) == (200, True), reply
        assert reply.headers["content-type"] == "application/vnd.amazon.eventstream"
        found = events(reply.body)
        if self.error:
            headers, payload = found.pop()
            assert (headers[":message-type"], headers[":exception-type"]) == ("exception", "ModelStreamError"), headers
            document = json.loads(payload)
            assert (document["ErrorCode"], set(document)) == (self.error, {"ErrorCode", "Message"}), document
        assert all(headers == PART for headers, _ in found), found
        came = b"".join(payload for _, payload in found)
        if came != self.came:
            assert self.came == PIECE and came and came == b"x" * len(came), (len(came), came[:60])


BROKEN, TOO_LONG = "StreamBroken", "ModelInvocationTimeExceeded"

# Name: the script, what the client sees, what becomes of the container's connection.
ROWS = {
    # Before the first byte it is InvokeEndpoint's ModelError.
    "close before the request is read": ([CLOSE], LOST, CLOSED),
    "reset after a byte of the request": ([read(1), RESET], LOST, CLOSED),
    "reset when the request was read": ([READ, RESET], LOST, CLOSED),
    "close in the head": ([READ, OK + b"Transfer-", CLOSE], LOST, CLOSED),
    "close after the head": ([READ, HEAD, CLOSE], LOST, CLOSED),
    "reset in the first chunk's size": ([READ, HEAD + b"4", RESET], LOST, CLOSED),
    "a first chunk whose size is none": ([READ, HEAD + b"zz\r\n", HANG], LOST, CLOSED),
    "silence before the first byte": ([READ, HEAD, HANG], TIMED_OUT, CLOSED),
    "an error in chunks": (
        [READ, b"HTTP/1.1 503 Oh\r\n" + CHUNKED + b"\r\n" + chunk(b"busy") + b"0\r\n\r\n"],
        ModelError(503, 'Received server error (503) from primary with message "busy".'),
        KEPT,
    ),
    # After it the stream says how it ended.
    "close between chunks": ([READ, HEAD + TICK, WHEN_SEEN, CLOSE], Events(b"tick", BROKEN), CLOSED),
    "reset between chunks": ([READ, HEAD + TICK, WHEN_SEEN, RESET], Events(b"tick", BROKEN), CLOSED),
    "no more, between chunks": ([READ, HEAD + TICK, HALF_CLOSE, HANG], Events(b"tick", BROKEN), CLOSED),
    "close in a chunk's size": ([READ, HEAD + TICK + b"4", WHEN_SEEN, CLOSE], Events(b"tick", BROKEN), CLOSED),
    "reset in a chunk's size": ([READ, HEAD + TICK + b"4", WHEN_SEEN, RESET], Events(b"tick", BROKEN), CLOSED),
    "close in a chunk's data": ([READ, HEAD + TICK + b"4\r\nto", WHEN_SEEN, CLOSE], Events(b"tickto", BROKEN), CLOSED),
    "close before the last line": ([READ, HEAD + TICK + b"0\r\n", WHEN_SEEN, CLOSE], Events(b"tick", BROKEN), CLOSED),
    "close in the trailers": ([READ, HEAD + TICK + b"0\r\nX-S: 1", WHEN_SEEN, CLOSE], Events(b"tick", BROKEN), CLOSED),
    "a size that is none": ([READ, HEAD + TICK, WHEN_SEEN, b"zz\r\n", HANG], Events(b"tick", BROKEN), CLOSED),
    "a size past 64 bits": (
        [READ, HEAD + TICK, WHEN_SEEN, b"10000000000000004\r\ntock", HANG],
        Events(b"tick", BROKEN),
        CLOSED,
    ),
    "a chunk that is longer than its size": (
        [READ, HEAD + TICK, WHEN_SEEN, b"3\r\ntock\r\n", HANG],
        Events(b"ticktoc", BROKEN),
        CLOSED,
    ),
    "a body that is shorter than it said": (
        [READ, OK + b"Content-Length: 9\r\n\r\ntick", WHEN_SEEN, CLOSE],
        Events(b"tick", BROKEN),
        CLOSED,
    ),
    "reset in a body without a length": ([READ, OK + b"\r\ntick", WHEN_SEEN, RESET], Events(b"tick", BROKEN), CLOSED),
    "a body without a length": ([READ, OK + b"\r\ntick", CLOSE], Events(b"tick"), CLOSED),
    "silence between chunks": ([READ, HEAD + TICK, HANG], Events(b"tick", TOO_LONG), CLOSED),
    "chunks without end": ([READ, HEAD, endless(chunk(PIECE), 0.01)], Events(PIECE, TOO_LONG), CLOSED),
    "a byte at a time": ([READ, slowly(HEAD + TICK + TICK + b"0\r\n\r\n")], Events(b"ticktick"), KEPT),
    "trailers and extensions": ([READ, HEAD + b"4;a=b\r\ntick\r\n0\r\nX-S: 1\r\n\r\n"], Events(b"tick"), KEPT),
    "no chunks at all": ([READ, HEAD + b"0\r\n\r\n"], Events(b""), KEPT),
    # What is left in the connection is nobody's answer.
    "a second answer after the stream": (
        [READ, HEAD + TICK + b"0\r\n\r\n" + JUNK, SAID, HANG],
        Events(b"tick"),
        CLOSED,
    ),
    "a second answer after a length": (
        [READ, OK + LENGTH_4 + b"\r\ntick" + JUNK, SAID, HANG],
        Events(b"tick"),
        CLOSED,
    ),
}


@pytest.mark.parametrize(("script", "outcome", "after"), ROWS.values(), ids=ROWS)
def test_what_becomes_of_a_stream_is_said_in_it_and_touches_no_other_request(server, stage, script, outcome, after):
    with RawClient(server) as client:
        assert client.ask(stage.endpoint, b"first").body == b"first"
        stage.plays(script)
        client.send(client.request(stage.endpoint, b"the one", path=path_of(stage.endpoint)))
        outcome.check(client.reply(on_head=stage.head_is_seen.set), client)
        assert len(stage.requests) == 2, "it was sent more than once"
        (used,) = stage.connections
        if SAID in script:
            assert stage.is_said.wait(30)
        if script[-1] in (CLOSE, RESET):
            assert used.ended.wait(30)
        with RawClient(server) as other:
            assert other.ask(stage.endpoint, b"the next").body == b"the next"
        assert (stage.connections[-1] is used) == (after == KEPT)
        if after == CLOSED:
            assert used.ended.wait(30), "the gateway does not close the connection"
        assert client.ask(stage.endpoint, b"more").body == b"more", "the client's connection was not kept"


@pytest.mark.parametrize("how", ["reset", "close", "half close"])
def test_a_client_that_leaves_a_stream_ends_the_model_call(server, stage, how):
    stage.plays([READ, HEAD + TICK, WHEN_SEEN, endless(TICK, 0.002)])
    with RawClient(server) as client:
        client.send(client.request(stage.endpoint, b"never mind", path=path_of(stage.endpoint)))
        while b"tick" not in client.socket.recv(65536):
            pass
        stage.head_is_seen.set()
        {"reset": client.reset, "close": client.socket.close, "half close": client.half_close}[how]()
        assert stage.connections[0].ended.wait(30), "the model goes on for nobody"


def test_a_client_that_reads_a_stream_slowly_holds_up_the_model_and_loses_nothing(server, stage):
    """Back-pressure: what the client does not read stays in the container, within the sockets' own buffers."""
    count = 200
    stage.plays([READ, HEAD, *[chunk(PIECE)] * count, SAID, b"0\r\n\r\n"])
    with RawClient(server) as client:
        client.send(client.request(stage.endpoint, b"slow", path=path_of(stage.endpoint)))

        def look():
            assert not stage.is_said.wait(0.3), "13 MB went into a connection that nobody reads"

        reply = client.reply(on_head=look)
        assert reply.is_whole
        assert sum(len(payload) for _, payload in events(reply.body)) == count * len(PIECE)
