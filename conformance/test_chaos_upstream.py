"""Containers that break off, lie about lengths or write what no server would: what the client sees of each.

Every row is asked for over a new connection and over one that the gateway has kept. Afterwards the same endpoint
answers a good request, nothing is in flight, and what the container left in a connection is nobody's answer.
"""

import json
import threading
from dataclasses import dataclass

import pytest

from harness.raw_client import RawClient
from harness.raw_container import (
    CLOSE,
    ECHO,
    GOOD,
    HALF_CLOSE,
    HANG,
    READ,
    RESET,
    SAID,
    WHEN_SEEN,
    echo_and,
    endless,
    read,
    slowly,
)
from harness.raw_stage import container, stage  # noqa: F401
from harness.scraping import Scrape
from harness.waiting import eventually

CONFIG = """
[limits]
model_timeout_s = 1
"""
# What becomes of the container's connection; EITHER where HTTP leaves it open.
KEPT, CLOSED, EITHER = "kept", "closed", "either"
OK = b"HTTP/1.1 200 OK\r\n"
LENGTH_4 = b"Content-Length: 4\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
INTERIM = b"HTTP/1.1 100 Continue\r\n\r\n"
JUNK = OK + LENGTH_4 + b"\r\njunk"
# Larger than what is read whole before the first byte goes to the client, and than the sockets' own buffers.
LARGE = 16 * 1024 * 1024
PIECE = b"x" * 65536
LOST_TEXT = "Amazon SageMaker could not get a response from the"
TIMED_OUT_TEXT = "Your invocation timed out while waiting for a response from container primary."


# -- what the client sees ---------------------------------------------------------------------------------------


@dataclass
class Answered:
    """The model's answer."""

    body: bytes = b"good"

    def check(self, reply, client):
        assert (reply.status, reply.body, reply.is_whole) == (200, self.body, True), reply
        assert reply.headers["x-amzn-invoked-production-variant"] == "AllTraffic"


@dataclass
class ModelError:
    """A ModelError; of a model that gave no answer its status is 0."""

    status: int
    part: str

    def check(self, reply, client):
        assert (reply.status, reply.is_whole) == (424, True), reply
        assert reply.headers["x-amzn-errortype"] == "ModelError"
        assert reply.headers["content-type"] == "application/json"
        document = json.loads(reply.body)
        assert document["OriginalStatusCode"] == self.status, document
        assert self.part in document["Message"], document
        word = "CLIENT_ERROR_FROM_MODEL" if 400 <= self.status < 500 else "INTERNAL_FAILURE_FROM_MODEL"
        assert document["ErrorCode"] == word, document


LOST = ModelError(0, LOST_TEXT)
TIMED_OUT = ModelError(0, TIMED_OUT_TEXT)


@dataclass
class BrokenOff:
    """An answer that was being streamed cannot become an error any more: it is cut and the connection closed."""

    def check(self, reply, client):
        assert (reply.status, reply.is_whole) == (200, False), (reply.status, len(reply.body))
        assert reply.body.count(b"x") == len(reply.body)
        assert client.is_closed()


def large(*framing):
    return [READ, OK + b"".join(framing) + b"\r\n"]


def chunk(data):
    return b"%x\r\n%b\r\n" % (len(data), data)


# -- the rows: name, script, what the client sees, what becomes of the container's connection ---------------------

BREAKS = {
    "close before the request is read": ([CLOSE], LOST),
    "reset before the request is read": ([RESET], LOST),
    "close after a byte of the request": ([read(1), CLOSE], LOST),
    "reset after a byte of the request": ([read(1), RESET], LOST),
    "close when the request was read": ([READ, CLOSE], LOST),
    "reset when the request was read": ([READ, RESET], LOST),
    "no more, when the request was read": ([READ, HALF_CLOSE, HANG], LOST),
    "close in the status line": ([READ, b"HTTP/1.1 20", CLOSE], LOST),
    "reset in the status line": ([READ, b"HTTP/1.1 20", RESET], LOST),
    "close after the status line": ([READ, OK, CLOSE], LOST),
    "close in a header": ([READ, OK + b"Content-Le", CLOSE], LOST),
    "reset in a header": ([READ, OK + b"Content-Le", RESET], LOST),
    "close before the empty line": ([READ, OK + LENGTH_4 + b"\r", CLOSE], LOST),
    "close before the body": ([READ, OK + LENGTH_4 + b"\r\n", CLOSE], LOST),
    "close in the body": ([READ, OK + LENGTH_4 + b"\r\ngo", CLOSE], LOST),
    "reset in the body": ([READ, OK + LENGTH_4 + b"\r\ngo", RESET], LOST),
    "no more, in the body": ([READ, OK + LENGTH_4 + b"\r\ngo", HALF_CLOSE, HANG], LOST),
    "reset in a body without a length": ([READ, OK + b"\r\ngo", RESET], LOST),
    "close before a chunk's size": ([READ, OK + CHUNKED + b"\r\n", CLOSE], LOST),
    "close in a chunk's size": ([READ, OK + CHUNKED + b"\r\n4", CLOSE], LOST),
    "reset in a chunk's size": ([READ, OK + CHUNKED + b"\r\n4", RESET], LOST),
    "close in a chunk's data": ([READ, OK + CHUNKED + b"\r\n4\r\ngo", CLOSE], LOST),
    "reset in a chunk's data": ([READ, OK + CHUNKED + b"\r\n4\r\ngo", RESET], LOST),
    "close before the last chunk": ([READ, OK + CHUNKED + b"\r\n" + chunk(b"good"), CLOSE], LOST),
    "reset before the last chunk": ([READ, OK + CHUNKED + b"\r\n" + chunk(b"good"), RESET], LOST),
    "close in the trailers": ([READ, OK + CHUNKED + b"\r\n" + chunk(b"good") + b"0\r\nX-Sum: 1", CLOSE], LOST),
    "close after 100": ([READ, INTERIM, CLOSE], LOST),
    "close in an error's body": (
        [READ, b"HTTP/1.1 500 Oh\r\nContent-Length: 9\r\n\r\nweights", CLOSE],
        ModelError(500, "Received server error (500) from primary and could not load the entire response body."),
    ),
}

LIES = {
    "a length that is too long": ([READ, OK + b"Content-Length: 9\r\n\r\ngood", CLOSE], LOST),
    "a length of a petabyte": ([READ, OK + b"Content-Length: 1000000000000000\r\n\r\ngood", CLOSE], LOST),
    "a length below nothing": ([READ, OK + b"Content-Length: -4\r\n\r\ngood", HANG], LOST),
    "a length with a plus": ([READ, OK + b"Content-Length: +4\r\n\r\ngood", HANG], LOST),
    "a length that is no number": ([READ, OK + b"Content-Length: four\r\n\r\ngood", HANG], LOST),
    "a length that is empty": ([READ, OK + b"Content-Length:\r\n\r\ngood", HANG], LOST),
    "a length past 64 bits": ([READ, OK + b"Content-Length: 18446744073709551620\r\n\r\ngood", HANG], LOST),
    "two lengths that differ": ([READ, OK + LENGTH_4 + b"Content-Length: 5\r\n\r\ngood", HANG], LOST),
    "two lengths in one line that differ": ([READ, OK + b"Content-Length: 4, 5\r\n\r\ngood", HANG], LOST),
    "a chunk's size that is no number": ([READ, OK + CHUNKED + b"\r\nzz\r\ngood\r\n0\r\n\r\n", HANG], LOST),
    "a chunk's size below nothing": ([READ, OK + CHUNKED + b"\r\n-4\r\ngood\r\n0\r\n\r\n", HANG], LOST),
    "a chunk's size past 64 bits": ([READ, OK + CHUNKED + b"\r\n10000000000000004\r\ngood\r\n0\r\n\r\n", HANG], LOST),
    "a chunk that is longer than its size": ([READ, OK + CHUNKED + b"\r\n3\r\ngood\r\n0\r\n\r\n", HANG], LOST),
    "a body both in chunks and with a length": (
        # RFC 9112, 6.3: it ought to be handled as an error.
        [READ, OK + LENGTH_4 + CHUNKED + b"\r\n" + chunk(b"good") + b"0\r\n\r\n", HANG],
        LOST,
    ),
    "a coding that nobody knows": ([READ, OK + b"Transfer-Encoding: zip\r\n\r\ngood", CLOSE], LOST),
}

HEADS = {
    "garbage": ([READ, b"\x00\xff\x13 what is this\r\n\r\n", HANG], LOST),
    "as HTTP/0.9 has it": ([READ, b"good", CLOSE], LOST),
    "another protocol that nobody asked for": (
        [READ, b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: own\r\n\r\ngood", HANG],
        ModelError(101, "Received server error (101) from primary"),
    ),
    "chunks of HTTP/1.0": (
        [READ, b"HTTP/1.0 200 OK\r\n" + CHUNKED + b"\r\n" + chunk(b"good") + b"0\r\n\r\n", HANG],
        LOST,
    ),
    "seventeen times 100": ([READ, INTERIM * 17 + GOOD, HANG], LOST),
    "another protocol": ([READ, b"SSH-2.0-OpenSSH_9.2\r\n", HANG], LOST),
    "a version that is not there": ([READ, b"HTTP/3.7 200 OK\r\n" + LENGTH_4 + b"\r\ngood", HANG], LOST),
    "a status of two digits": ([READ, b"HTTP/1.1 20 OK\r\n" + LENGTH_4 + b"\r\ngood", HANG], LOST),
    "a status of four digits": ([READ, b"HTTP/1.1 2000 OK\r\n" + LENGTH_4 + b"\r\ngood", HANG], LOST),
    "a status of letters": ([READ, b"HTTP/1.1 two OK\r\n" + LENGTH_4 + b"\r\ngood", HANG], LOST),
    "a name with a space": ([READ, OK + b"Bad Name: 1\r\n" + LENGTH_4 + b"\r\ngood", HANG], LOST),
    "a space before the colon": ([READ, OK + b"Content-Length : 4\r\n\r\ngood", HANG], LOST),
    "a line without a colon": ([READ, OK + b"no colon\r\n" + LENGTH_4 + b"\r\ngood", HANG], LOST),
    "an empty name": ([READ, OK + b": 1\r\n" + LENGTH_4 + b"\r\ngood", HANG], LOST),
    "a value with NUL": ([READ, OK + b"X-Odd: a\x00b\r\n" + LENGTH_4 + b"\r\ngood", HANG], LOST),
    "a value with a bare CR": ([READ, OK + b"X-Odd: a\rb\r\n" + LENGTH_4 + b"\r\ngood", HANG], LOST),
    "a folded line": ([READ, OK + b"X-Odd: a\r\n b\r\n" + LENGTH_4 + b"\r\ngood", HANG], LOST),
    "a head of 1 MiB": ([READ, OK + b"X-Long: " + b"a" * (1 << 20) + b"\r\n" + LENGTH_4 + b"\r\ngood", HANG], LOST),
    "a thousand headers": ([READ, OK + b"X-Many: 1\r\n" * 1000 + LENGTH_4 + b"\r\ngood", HANG], LOST),
    "headers without end": ([READ, OK, endless(b"X-More: 1\r\n" * 100)], LOST),
    "a header without end": ([READ, OK + b"X-Long: ", endless(b"a" * 4096)], LOST),
}

ODD_BUT_GOOD = {
    "a byte at a time": ([READ, slowly(GOOD)], Answered(), KEPT),
    "a byte at a time, in chunks": (
        [READ, slowly(OK + CHUNKED + b"\r\n" + chunk(b"go") + chunk(b"od") + b"0\r\n\r\n")],
        Answered(),
        KEPT,
    ),
    "two equal lengths": ([READ, OK + LENGTH_4 + LENGTH_4 + b"\r\ngood"], Answered(), KEPT),
    "trailers": ([READ, OK + CHUNKED + b"\r\n" + chunk(b"good") + b"0\r\nX-Sum: 1\r\n\r\n"], Answered(), KEPT),
    "extensions of chunks": ([READ, OK + CHUNKED + b"\r\n4;a=b\r\ngood\r\n0;c\r\n\r\n"], Answered(), KEPT),
    "a length with zeros": ([READ, OK + b"Content-Length: 0004\r\n\r\ngood"], Answered(), KEPT),
    "no reason": ([READ, b"HTTP/1.1 200\r\n" + LENGTH_4 + b"\r\ngood"], Answered(), KEPT),
    "bytes above ASCII in a header": ([READ, OK + b"X-Name: \xe4\r\n" + LENGTH_4 + b"\r\ngood"], Answered(), KEPT),
    "lines that end in LF alone": ([READ, b"HTTP/1.1 200 OK\nContent-Length: 4\n\ngood"], Answered(), KEPT),
    "100 first": ([READ, INTERIM + GOOD], Answered(), KEPT),
    "sixteen times 100": ([READ, INTERIM * 16 + GOOD], Answered(), KEPT),
    "100 before the request is read": ([INTERIM, READ, GOOD], Answered(), KEPT),
    "several 1xx first": (
        [READ, INTERIM + b"HTTP/1.1 102 Work\r\n\r\nHTTP/1.1 103 Early\r\nA: b\r\n\r\n" + GOOD],
        Answered(),
        KEPT,
    ),
    "204": ([READ, b"HTTP/1.1 204 No Content\r\n\r\n"], Answered(b""), KEPT),
    "204 with a length": ([READ, b"HTTP/1.1 204 No Content\r\n" + LENGTH_4 + b"\r\n", HANG], Answered(b""), CLOSED),
    "HTTP/1.0": ([READ, b"HTTP/1.0 200 OK\r\n" + LENGTH_4 + b"\r\ngood", HANG], Answered(), CLOSED),
    "HTTP/1.0 that keeps": (
        [READ, b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n" + LENGTH_4 + b"\r\ngood"],
        Answered(),
        KEPT,
    ),
    "HTTP/1.0 without a length": ([READ, b"HTTP/1.0 200 OK\r\n\r\ngood", CLOSE], Answered(), CLOSED),
    "no length, ended by closing": ([READ, OK + b"\r\ngood", CLOSE], Answered(), CLOSED),
    "Connection: close": ([READ, OK + b"Connection: close\r\n" + LENGTH_4 + b"\r\ngood", HANG], Answered(), CLOSED),
    "closed without a word after the answer": ([READ, GOOD, CLOSE], Answered(), CLOSED),
    "reset after the answer": ([READ, GOOD, WHEN_SEEN, RESET], Answered(), CLOSED),
}

# More than one answer was asked for: whatever is left in the connection is nobody's answer.
TOO_MUCH = {
    "a second answer in the same bytes": ([READ, GOOD + JUNK, SAID, HANG], Answered()),
    "a second answer when the first was read": ([READ, GOOD, WHEN_SEEN, JUNK, SAID, HANG], Answered()),
    "a byte after the answer": ([READ, GOOD + b"x", SAID, HANG], Answered()),
    "a line break after the answer": ([READ, GOOD + b"\r\n", SAID, HANG], Answered()),
    "a 100 after the answer": ([READ, GOOD + b"HTTP/1.1 100 Continue\r\n\r\n", SAID, HANG], Answered()),
    "a length that is too short": ([READ, OK + b"Content-Length: 2\r\n\r\ngood", SAID, HANG], Answered(b"go")),
    "after the last chunk": (
        [READ, OK + CHUNKED + b"\r\n" + chunk(b"good") + b"0\r\n\r\n" + JUNK, SAID, HANG],
        Answered(),
    ),
    "204 with a body": ([READ, b"HTTP/1.1 204 No Content\r\n\r\n" + JUNK, SAID, HANG], Answered(b"")),
    "304 with a body": (
        [READ, b"HTTP/1.1 304 Not Modified\r\n" + LENGTH_4 + b"\r\n" + JUNK, SAID, HANG],
        ModelError(304, "Received server error (304) from primary"),
    ),
    "an error and a second answer": (
        [READ, b"HTTP/1.1 503 Oh\r\n" + LENGTH_4 + b"\r\nbusy" + JUNK, SAID, HANG],
        ModelError(503, 'Received server error (503) from primary with message "busy".'),
    ),
}

SLOW = {
    "silence": ([READ, HANG], TIMED_OUT),
    "silence in the head": ([READ, OK, HANG], TIMED_OUT),
    "silence in the body": ([READ, OK + LENGTH_4 + b"\r\ngo", HANG], TIMED_OUT),
    "silence before the request is read": ([HANG], TIMED_OUT),
    "100 without end": ([READ, endless(b"HTTP/1.1 100 Continue\r\n\r\n", 0.01)], LOST),
    "a body that trickles": ([READ, OK + b"\r\n", endless(b"x", 0.01)], TIMED_OUT),
    "a large body that stops": ([*large(b"Content-Length: %d\r\n" % LARGE), PIECE * 8, HANG], BrokenOff()),
    "a body without end": ([*large(), endless(PIECE, 0.01)], BrokenOff()),
    "chunks without end": ([*large(CHUNKED), endless(chunk(PIECE), 0.01)], BrokenOff()),
}

LARGE_HALVES = {
    "close in a large body": ([*large(b"Content-Length: %d\r\n" % LARGE), PIECE * 8, WHEN_SEEN, CLOSE], BrokenOff()),
    "reset in a large body": ([*large(b"Content-Length: %d\r\n" % LARGE), PIECE * 8, WHEN_SEEN, RESET], BrokenOff()),
    "close in large chunks": ([*large(CHUNKED), chunk(PIECE) * 8, WHEN_SEEN, CLOSE], BrokenOff()),
    "reset in large chunks": ([*large(CHUNKED), chunk(PIECE) * 8, WHEN_SEEN, RESET], BrokenOff()),
    "a bad chunk after large ones": ([*large(CHUNKED), chunk(PIECE) * 8, b"zz\r\n", HANG], BrokenOff()),
}

# The request's body is larger than the sockets' buffers, and the container does not wait for its end.
EARLY = {
    "an answer, and the rest is read": ([read(1), GOOD, READ], Answered(), EITHER),
    "an error, and the rest is read until the end": (
        [read(1), b"HTTP/1.1 413 No\r\nConnection: close\r\n" + LENGTH_4 + b"\r\nmuch", HALF_CLOSE, HANG],
        ModelError(413, 'Received client error (413) from primary with message "much".'),
    ),
    "close": ([read(100_000), CLOSE], LOST),
    "reset": ([read(100_000), RESET], LOST),
}


# -- one row --------------------------------------------------------------------------------------------------


def perform(stage, client, script, outcome, is_kept, after, body=b"the one"):
    """One request that meets a script; then another one of another client, which must get its own answer."""
    if is_kept:
        assert client.ask(stage.endpoint, b"first").body == b"first"
    before = len(stage.requests)
    stage.plays(script)
    client.send(client.request(stage.endpoint, body))
    outcome.check(client.reply(on_head=stage.head_is_seen.set), client)
    assert len(stage.requests) == before + 1, "it was sent more than once"
    used = stage.connections[-1]
    assert (len(used.requests) == 2) == is_kept, "another connection was used than was meant"
    # What the container does by itself is waited for; the gateway is given no time at all.
    if SAID in script:
        assert stage.is_said.wait(30)
    if script[-1] in (CLOSE, RESET):
        assert used.ended.wait(30)
    with RawClient(stage.hosting.server) as other:
        reply = other.ask(stage.endpoint, b"the next")
    assert (reply.status, reply.body) == (200, b"the next"), reply
    assert stage.bodies()[-1] == b"the next"
    assert after == EITHER or (stage.connections[-1] is used) == (after == KEPT)
    if after == CLOSED:
        assert used.ended.wait(30), "the gateway does not close the connection"


def rows(*tables):
    return [
        pytest.param(row[0], row[1], row[2] if len(row) > 2 else CLOSED, id=name)
        for table in tables
        for name, row in table.items()
    ]


TABLES = (BREAKS, LIES, HEADS, ODD_BUT_GOOD, TOO_MUCH, LARGE_HALVES)


@pytest.mark.parametrize("is_kept", [False, True], ids=["new", "kept"])
@pytest.mark.parametrize(("script", "outcome", "after"), rows(*TABLES))
def test_what_a_container_does_is_told_in_awss_words_and_touches_no_other_request(
    server, stage, script, outcome, after, is_kept
):
    with RawClient(server) as client:
        perform(stage, client, script, outcome, is_kept, after)
        if not isinstance(outcome, BrokenOff):
            assert client.ask(stage.endpoint, b"more").body == b"more", "the client's connection was not kept"


@pytest.mark.parametrize("is_kept", [False, True], ids=["new", "kept"])
@pytest.mark.parametrize(("script", "outcome", "after"), rows(EARLY))
def test_a_container_that_does_not_wait_for_the_end_of_a_large_request(server, stage, script, outcome, after, is_kept):
    with RawClient(server) as client:
        perform(stage, client, script, outcome, is_kept, after, body=PIECE * 128)


@pytest.mark.parametrize(("script", "outcome", "after"), rows(SLOW))
def test_a_container_may_take_its_time_and_no_more(server, stage, script, outcome, after):
    with RawClient(server) as client:
        perform(stage, client, script, outcome, False, after)


@pytest.mark.parametrize("junk", [JUNK, JUNK[:2], b"\r\n"], ids=["an answer", "half an answer", "a line break"])
def test_a_container_that_says_more_than_it_was_asked_for_never_answers_anybody_else(server, stage, junk):
    """Four clients at once. What comes after a request was written is its answer for every client of HTTP/1.1, so the
    junk comes in the same bytes as the answer before it."""
    stage.otherwise = [READ, echo_and(junk), HANG]
    failures = []

    def ask(who):
        with RawClient(server) as client:
            for number in range(25):
                body = b"%d of %d" % (number, who)
                reply = client.ask(stage.endpoint, body)
                if (reply.status, reply.body) != (200, body):
                    failures.append((body, reply))

    clients = [threading.Thread(target=ask, args=(who,)) for who in range(4)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    assert failures == []
    assert all(len(connection.requests) == 1 for connection in stage.connections)
    assert len(stage.requests) == 100
    stage.otherwise = [READ, ECHO]


def test_a_kept_connection_that_closes_while_a_request_is_written_costs_at_most_that_request(server, stage):
    """Nobody can know whether a request was read that met the end of its connection: it is not sent again."""
    stage.otherwise = [READ, ECHO, CLOSE]
    lost = 0
    with RawClient(server) as client:
        for number in range(200):
            body = b"%d" % number
            reply = client.ask(stage.endpoint, body)
            if reply.status == 200:
                assert reply.body == body
            else:
                LOST.check(reply, client)
                lost += 1
    bodies = stage.bodies()
    assert len(bodies) == len(set(bodies)), "a request was sent twice"
    assert len([body for body in bodies if body]) >= 200 - lost
    stage.otherwise = [READ, ECHO]


@pytest.mark.parametrize("step", [CLOSE, RESET], ids=repr)
def test_a_connection_that_ends_when_it_is_accepted_is_tried_again_only_while_nothing_was_written(server, stage, step):
    """Whether the request is on the wire before the end arrives is the kernel's to decide; sent twice it never is."""
    with RawClient(server) as client:
        for number in range(20):
            stage.at_accept(step)
            body = b"%d" % number
            reply = client.ask(stage.endpoint, body)
            if reply.status == 200:
                assert reply.body == body
            else:
                LOST.check(reply, client)
            assert stage.bodies().count(body) <= 1
            for connection in list(stage.open):
                connection.hang_up()


def test_a_container_that_refuses_connections_for_a_moment_loses_nothing(server, stage):
    stage.refuse()
    with RawClient(server) as client:
        client.send(client.request(stage.endpoint, b"held"))
        eventually(lambda: Scrape(server).value("requests_held"), lambda held: held == 1, "the request waits")
        stage.listen()
        reply = client.reply()
        assert (reply.status, reply.body) == (200, b"held"), reply
    assert stage.bodies() == [b"held"]


def test_a_container_that_gets_no_part_of_a_request_after_the_client_went_away(server, stage):
    """The model call ends with the client: the container sees its connection close."""
    stage.plays([READ, SAID, HANG])
    with RawClient(server) as client:
        client.send(client.request(stage.endpoint, b"never mind"))
        assert stage.is_said.wait(30)
        used = stage.connections[-1]
        assert not used.ended.is_set()
        client.reset()
    assert used.ended.wait(30), "the model goes on for nobody"
