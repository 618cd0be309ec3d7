"""Clients that speak HTTP badly, slowly, in pieces, many requests at once, or with two meanings.

The container is the test's own, so what reached the model is known to the byte. Whatever can be read in two ways is
read in one, and nothing that follows it in the connection is read at all.
"""

import time

import pytest
from botocore.credentials import Credentials

from harness.raw_client import Closed, RawClient
from harness.raw_container import HANG, READ, SAID, endless, slowly
from harness.raw_stage import container, stage  # noqa: F401
from harness.wire import now
from test_chaos_upstream import PIECE

PAYLOAD_MAX = 4 * 1024 * 1024
CONFIG = f"""
[limits]
model_timeout_s = 30
payload_bytes = {PAYLOAD_MAX}
"""


@pytest.fixture
def client(hosting, stage):
    with RawClient(hosting.server) as client:
        yield client


def code(reply):
    return reply.headers.get("x-amzn-errortype", "").split(":")[0] or None


def chunks(*pieces):
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def replies_until_closed(client):
    replies = []
    try:
        while True:
            replies.append(client.reply())
    except Closed:
        return replies


# -- shapes that two readers may read in two ways -----------------------------------------------------------------

TE = "Transfer-Encoding: chunked"
FIRST = chunks(b"first")


# Of each: lines of framing, the bytes after the head, and the status of the only answer. A validly signed second
# request follows in the same bytes. By what the last word of RFC 9112 says of the framing the first body is `first`.
SHAPES = {
    # The chunks are the body, and RFC 9112 (6.3) has the connection closed after the answer.
    "a short length and chunks": (["Content-Length: 5", TE], FIRST, 200),
    "chunks and a short length": ([TE, "Content-Length: 5"], FIRST, 200),
    "a long length and chunks": (["Content-Length: 100000", TE], FIRST, 200),
    "a length that is none and chunks": ([TE, "Content-Length: five"], FIRST, 200),
    "two lengths that differ": (["Content-Length: 5", "Content-Length: 6"], b"first", 400),
    "two lengths in one line": (["Content-Length: 5, 5"], b"first", 400),
    "a length with a plus": (["Content-Length: +5"], b"first", 400),
    "a length below nothing": (["Content-Length: -5"], b"first", 400),
    "a length in hexadecimal": (["Content-Length: 0x5"], b"first", 400),
    "a length with a space in it": (["Content-Length: 5 5"], b"first", 400),
    "a length with an underscore": (["Content-Length: 0_5"], b"first", 400),
    "a length past 64 bits": (["Content-Length: 18446744073709551621"], b"first", 400),
    "an empty length": (["Content-Length:"], b"first", 400),
    "a space before the colon of a length": (["Content-Length : 5"], b"first", 400),
    "a tab before the colon of chunks": (["Transfer-Encoding\t: chunked", "Content-Length: 5"], b"first", 400),
    "a space before the name": ([" Transfer-Encoding: chunked", "Content-Length: 5"], b"first", 400),
    "a folded coding": (["Transfer-Encoding:\r\n chunked", "Content-Length: 5"], b"first", 400),
    "a coding with NUL": (["Transfer-Encoding: \x00chunked", "Content-Length: 5"], b"first", 400),
    "a coding with a vertical tab": (["Transfer-Encoding: \x0bchunked", "Content-Length: 5"], b"first", 400),
    "a bare CR in a header": (["X-A: b\rTransfer-Encoding: chunked", "Content-Length: 5"], b"first", 400),
    "a coding that is not chunked": (["Transfer-Encoding: identity", "Content-Length: 5"], b"first", 400),
    "a coding that nobody knows": (["Transfer-Encoding: xchunked", "Content-Length: 5"], b"first", 400),
    "a coding in quotes": (['Transfer-Encoding: "chunked"', "Content-Length: 5"], b"first", 400),
    "chunked and then another coding": (["Transfer-Encoding: chunked, identity", "Content-Length: 5"], FIRST, 400),
    "chunked and then another coding in a second line": ([TE, "Transfer-Encoding: identity"], FIRST, 400),
    "an empty coding": (["Transfer-Encoding:", "Content-Length: 5"], b"first", 400),
    "a line without a colon": (["Transfer-Encoding chunked", "Content-Length: 5"], b"first", 400),
    "a size of a chunk past 64 bits": ([TE], b"10000000000000005\r\nfirst\r\n0\r\n\r\n", 400),
    "a size of a chunk with a plus": ([TE], b"+5\r\nfirst\r\n0\r\n\r\n", 400),
    "a size of a chunk below nothing": ([TE], b"-5\r\nfirst\r\n0\r\n\r\n", 400),
    "a size of a chunk with 0x": ([TE], b"0x5\r\nfirst\r\n0\r\n\r\n", 400),
    "a size of a chunk that is none": ([TE], b"zz\r\nfirst\r\n0\r\n\r\n", 400),
    "an empty size of a chunk": ([TE], b"\r\nfirst\r\n0\r\n\r\n", 400),
    "a size of a chunk that ends in LF alone": ([TE], b"5\nfirst\r\n0\r\n\r\n", 400),
    "an extension of a chunk that ends in LF alone": ([TE], b"5;a\nfirst\r\n0\r\n\r\n", 400),
    "a chunk that ends in LF alone": ([TE], b"5\r\nfirst\n0\r\n\r\n", 400),
    "a chunk that is longer than its size": ([TE], b"4\r\nfirst\r\n0\r\n\r\n", 400),
    "a chunk that is shorter than its size": ([TE], b"6\r\nfirst\r\n0\r\n\r\n", 400),
    "extensions of a chunk without end": ([TE], b"5;" + b"a" * 65536 + b"\r\nfirst\r\n0\r\n\r\n", 400),
    "trailers without end": ([TE], FIRST[:-2] + b"X-More: 1\r\n" * 10_000 + b"\r\n", 400),
}


@pytest.mark.parametrize(("framing", "body", "status"), SHAPES.values(), ids=SHAPES)
def test_what_may_be_read_in_two_ways_hides_no_second_request(client, stage, framing, body, status):
    endpoint = stage.endpoint
    head = client.request(endpoint, headers=framing, framing=False, signed_body=b"first")
    client.send_what_goes(head + body + client.request(endpoint, b"hidden"))
    replies = replies_until_closed(client)
    assert [reply.status for reply in replies] == [status], replies
    assert all(b"hidden" not in request for request in stage.requests), stage.requests
    assert stage.bodies() == ([b"first"] if status == 200 else [])


def test_what_an_answer_is_made_of_is_not_what_the_client_wrote(client, stage):
    """Headers that describe a connection, or that another proxy would believe, do not reach the container."""
    lines = [
        "Connection: keep-alive, X-Amzn-SageMaker-Custom-Attributes",
        "Keep-Alive: timeout=1",
        "Upgrade: h2c",
        "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA",
        "Proxy-Connection: keep-alive",
        "TE: trailers",
        "X-Forwarded-For: 1.2.3.4",
        "X-Test-Exit: 1",
    ]
    reply = client.ask(stage.endpoint, b"x", headers=lines)
    assert (reply.status, reply.body) == (200, b"x")
    names = {line.split(b":")[0].lower() for line in stage.requests[0].split(b"\r\n\r\n")[0].split(b"\r\n")[1:]}
    assert names <= {b"host", b"user-agent", b"content-length", b"accept", b"content-type"}, names


# -- requests that are odd and mean one thing ---------------------------------------------------------------------

KEPT, CLOSED, EITHER = "kept", "closed", "either"
INVOKE = "POST /endpoints/{endpoint}/invocations HTTP/1.1"


def invocation(client, stage, body=b"odd", line=INVOKE, **how):
    line = line.format(endpoint=stage.endpoint, host=client.address.netloc)
    return client.request(stage.endpoint, body, line=line, **how)


def without_host(data):
    head, _, body = data.partition(b"\r\n\r\n")
    return b"\r\n".join(line for line in head.split(b"\r\n") if not line.startswith(b"Host:")) + b"\r\n\r\n" + body


def in_chunks(client, stage, body, signed):
    return client.request(stage.endpoint, headers=[TE], framing=False, signed_body=signed) + body


# A head over the limit is refused where it is noticed, and that depends on the pieces it comes in: by the reader of
# heads (431, or 414 for the line), or by the room (400 with AWS's RequestHeaderSectionTooLarge).
TOO_LONG = (400, 414, 431)

# EITHER: what is refused by its head is kept open only when the body had come too.
# How the bytes are made; status, error code (None: it is the echo), what becomes of the connection.
ODD = {
    "HTTP/1.0": (lambda c, s: invocation(c, s, line=INVOKE.replace("1.1", "1.0")), 200, None, CLOSED),
    "HTTP/1.0 that keeps": (
        lambda c, s: invocation(c, s, line=INVOKE.replace("1.1", "1.0"), headers=["Connection: keep-alive"]),
        200,
        None,
        KEPT,
    ),
    "HTTP/1.0 with chunks": (
        lambda c, s: c.request(
            s.endpoint,
            headers=[TE],
            framing=False,
            signed_body=b"odd",
            line=INVOKE.replace("1.1", "1.0").format(endpoint=s.endpoint),
        )
        + chunks(b"odd"),
        400,
        None,
        CLOSED,
    ),
    "Connection: close": (lambda c, s: invocation(c, s, headers=["Connection: close"]), 200, None, CLOSED),
    "chunks": (lambda c, s: in_chunks(c, s, chunks(b"o", b"dd"), b"odd"), 200, None, KEPT),
    "chunks with extensions": (lambda c, s: in_chunks(c, s, b"3;a=b;c\r\nodd\r\n0;d\r\n\r\n", b"odd"), 200, None, KEPT),
    "chunks with zeros": (lambda c, s: in_chunks(c, s, b"0003\r\nodd\r\n000\r\n\r\n", b"odd"), 200, None, KEPT),
    "chunks with trailers": (
        lambda c, s: in_chunks(c, s, b"3\r\nodd\r\n0\r\nContent-Length: 9\r\nX-Sum: 1\r\n\r\n", b"odd"),
        200,
        None,
        KEPT,
    ),
    "two equal lengths": (lambda c, s: invocation(c, s, headers=["Content-Length: 3"]), 200, None, KEPT),
    "an empty line first": (lambda c, s: b"\r\n" + invocation(c, s), 200, None, KEPT),
    "lines that end in LF alone": (
        lambda c, s: invocation(c, s).replace(b"\r\n", b"\n"),
        200,
        None,
        KEPT,
    ),
    "an absolute URI": (lambda c, s: invocation(c, s, line=INVOKE.replace(" /", " http://{host}/")), 200, None, KEPT),
    "an absolute URI of another host": (
        lambda c, s: invocation(c, s, line=INVOKE.replace(" /", " http://elsewhere/")),
        200,
        None,
        KEPT,
    ),
    "no Host": (lambda c, s: without_host(invocation(c, s)), 403, "InvalidSignatureException", KEPT),
    "a second Host": (
        lambda c, s: invocation(c, s, headers=["Host: elsewhere"]),
        403,
        "InvalidSignatureException",
        KEPT,
    ),
    "a method in lower case": (
        lambda c, s: invocation(c, s, line=INVOKE.replace("POST", "post")),
        404,
        "UnknownOperationException",
        EITHER,
    ),
    "another method": (
        lambda c, s: invocation(c, s, line=INVOKE.replace("POST", "PUT")),
        404,
        "UnknownOperationException",
        EITHER,
    ),
    "a method that is none": (lambda c, s: invocation(c, s, line=INVOKE.replace("POST", "P(ST")), 400, None, CLOSED),
    "another version": (lambda c, s: invocation(c, s, line=INVOKE.replace("1.1", "3.1")), 400, None, CLOSED),
    "HTTP/0.9": (lambda c, s: b"GET /\r\n\r\n", 400, None, CLOSED),
    "a TLS greeting": (lambda c, s: bytes.fromhex("160301020001000001fc0303") + b"\0" * 500, 400, None, CLOSED),
    "no words": (lambda c, s: b"\r\n\r\n\r\nwhat\r\n\r\n", 400, None, CLOSED),
    "a URI of 70,000 bytes": (
        lambda c, s: invocation(c, s, line=INVOKE.replace(" HTTP", "?" + "a" * 70_000 + " HTTP")),
        TOO_LONG,
        None,
        CLOSED,
    ),
    "a header of 70,000 bytes": (
        lambda c, s: invocation(c, s, headers=["X-Long: " + "a" * 70_000]),
        TOO_LONG,
        None,
        EITHER,
    ),
    "a thousand headers": (
        lambda c, s: invocation(c, s, headers=[f"X-{n}: 1" for n in range(1000)]),
        TOO_LONG,
        None,
        CLOSED,
    ),
    "no signature": (lambda c, s: invocation(c, s, sign=False), 403, "MissingAuthenticationTokenException", EITHER),
    "a signature over another body": (
        lambda c, s: invocation(c, s, signed_body=b"even"),
        403,
        "InvalidSignatureException",
        KEPT,
    ),
    "a body that is announced too large": (
        lambda c, s: c.request(s.endpoint, headers=["Content-Length: 4194305"], framing=False, signed_body=b""),
        413,
        "413",
        CLOSED,
    ),
    "a variant that is not ASCII": (
        # Not one that is absent: it would go to any variant.
        lambda c, s: invocation(c, s, headers=["X-Amzn-SageMaker-Target-Variant: \xe9"]),
        400,
        "ValidationError",
        KEPT,
    ),
    "a session that is not ASCII": (
        lambda c, s: invocation(c, s, headers=["X-Amzn-SageMaker-Session-Id: \xe9"]),
        400,
        "ValidationError",
        KEPT,
    ),
    "attributes that are not ASCII": (
        lambda c, s: invocation(c, s, headers=["X-Amzn-SageMaker-Custom-Attributes: \xe9"]),
        400,
        "ValidationError",
        KEPT,
    ),
    "chunks that are too large together": (
        # Kept only when all of it came.
        lambda c, s: in_chunks(c, s, chunks(*[PIECE] * 65), PIECE * 65),
        413,
        "413",
        EITHER,
    ),
}


@pytest.mark.parametrize("pace", ["at once", "slowly"])
@pytest.mark.parametrize(("make", "status", "error", "after"), ODD.values(), ids=ODD)
def test_an_odd_request_means_one_thing(client, stage, make, status, error, after, pace):
    data = make(client, stage)
    if pace == "at once":
        client.send_what_goes(data)
    else:
        for number in range(0, min(len(data), 600), 3):
            client.send_what_goes(data[number : number + 3])
        client.send_what_goes(data[600:])
    reply = client.reply()
    if status == TOO_LONG:
        assert reply.status in TOO_LONG and code(reply) in (None, "RequestHeaderSectionTooLarge"), reply
    else:
        assert (reply.status, reply.is_whole, code(reply)) == (status, True, error), reply
    assert (stage.bodies(), reply.body) == ([b"odd"], b"odd") if status == 200 else stage.requests == []
    if after == KEPT:
        assert client.ask(stage.endpoint, b"again").body == b"again"
    elif after == CLOSED:
        assert client.is_closed()


def test_http_2_without_asking_is_closed(client):
    client.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
    assert replies_until_closed(client) == []


def test_a_body_that_is_shorter_than_it_says_takes_the_next_request_for_its_rest_and_both_are_refused(client, stage):
    short = client.request(stage.endpoint, headers=["Content-Length: 9"], framing=False, signed_body=b"short")
    client.send(short + b"short" + client.request(stage.endpoint, b"next"))
    replies = replies_until_closed(client)
    assert [(reply.status, code(reply)) for reply in replies] == [(403, "InvalidSignatureException"), (400, None)]
    assert stage.requests == []


# -- many requests in one write -----------------------------------------------------------------------------------


def test_requests_in_one_write_are_answered_in_their_order(client, stage):
    bodies = [b"%d" % number * number for number in range(50)]
    client.send(b"".join(client.request(stage.endpoint, body) for body in bodies))
    assert [client.reply().body for _ in bodies] == bodies
    assert stage.bodies() == bodies


def test_among_requests_in_one_write_those_that_are_refused_hold_up_nobody(client, stage):
    good = client.request(stage.endpoint, b"good")
    refused = [
        client.request(stage.endpoint, b"odd", signed_body=b"even"),
        client.request("nobody-home", b"x"),
    ]
    client.send(b"".join(good + each for each in refused) + good)
    replies = [client.reply() for _ in range(5)]
    assert [reply.status for reply in replies] == [200, 403, 200, 400, 200]
    assert stage.bodies() == [b"good"] * 3


def test_what_follows_a_request_that_closes_is_not_read(client, stage):
    last = client.request(stage.endpoint, b"last", headers=["Connection: close"])
    client.send_what_goes(last + client.request(stage.endpoint, b"hidden"))
    assert [reply.body for reply in replies_until_closed(client)] == [b"last"]
    assert stage.bodies() == [b"last"]


def test_what_follows_a_body_that_is_too_large_is_not_read(client, stage):
    announced = [f"Content-Length: {PAYLOAD_MAX + 1}"]
    large = client.request(stage.endpoint, headers=announced, framing=False, signed_body=b"")
    client.send_what_goes(large + client.request(stage.endpoint, b"hidden"))
    assert [reply.status for reply in replies_until_closed(client)] == [413]
    assert stage.requests == []


def test_a_pipelined_request_waits_for_the_answer_before_it(client, stage):
    stage.plays([READ, SAID, slowly(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nslow")])
    client.send(client.request(stage.endpoint, b"1") + client.request(stage.endpoint, b"2"))
    assert stage.is_said.wait(30)
    assert stage.bodies() == [b"1"], "the second went to the model before the first was answered"
    assert [client.reply().body for _ in range(2)] == [b"slow", b"2"]


# -- Expect: 100-continue -----------------------------------------------------------------------------------------

EXPECT = "Expect: 100-continue"
# What is wrong with the head, and what is answered before the client sends a byte of the body.
REFUSED_EARLY = {
    "no signature": (lambda c, s: c.request(s.endpoint, b"body", [EXPECT], sign=False), 403),
    "an old signature": (lambda c, s: c.request(s.endpoint, b"body", [EXPECT], at=now(minutes=20)), 403),
    "a stranger's key": (
        lambda c, s: c.request(s.endpoint, b"body", [EXPECT], credentials=Credentials("AKIASTRANGER", "x" * 40)),
        403,
    ),
    "too large": (
        lambda c, s: c.request(
            s.endpoint, b"", [EXPECT, f"Content-Length: {PAYLOAD_MAX + 1}"], framing=False, signed_body=b"body"
        ),
        413,
    ),
}


def head_of(data):
    return data.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"


def test_a_client_that_expects_to_be_told_to_continue_is_told_once(client, stage):
    for _ in range(2):
        client.send(client.request(stage.endpoint, b"body", headers=[EXPECT]).removesuffix(b"body"))
        assert client.reply().status == 100
        assert stage.requests == []
        client.send(b"body")
        reply = client.reply()
        assert (reply.status, reply.body) == (200, b"body")
        stage.connections.clear()


@pytest.mark.parametrize(("make", "status"), REFUSED_EARLY.values(), ids=REFUSED_EARLY)
def test_a_client_whose_head_is_refused_is_not_asked_for_its_body(client, stage, make, status):
    client.send(head_of(make(client, stage)))
    replies = replies_until_closed(client)
    assert [reply.status for reply in replies] == [status]
    assert stage.requests == []


def test_a_wrong_signature_is_known_when_the_body_is_there(client, stage):
    client.send(head_of(client.request(stage.endpoint, b"body", headers=[EXPECT], signed_body=b"other")))
    assert client.reply().status == 100
    client.send(b"body")
    assert code(client.reply()) == "InvalidSignatureException"
    assert client.ask(stage.endpoint, b"again").body == b"again"


def test_a_body_that_does_not_wait_to_be_asked_for_is_taken(client, stage):
    client.send(client.request(stage.endpoint, b"body", headers=[EXPECT]))
    replies = [client.reply()]
    if replies[0].status == 100:
        replies.append(client.reply())
    assert (replies[-1].status, replies[-1].body) == (200, b"body")


def test_another_expectation_is_nothing(client, stage):
    assert client.ask(stage.endpoint, b"body", headers=["Expect: the-unexpected"]).body == b"body"


# -- clients that go away -----------------------------------------------------------------------------------------

RESET, CLOSE, HALF = "reset", "close", "half close"


def leave(client, how):
    {RESET: client.reset, CLOSE: client.socket.close, HALF: client.half_close}[how]()


@pytest.mark.parametrize("how", [RESET, CLOSE, HALF])
@pytest.mark.parametrize(
    "stop", ["at once", "in the line", "in a header", "after the head", "in the body", "in a chunk"]
)
def test_a_request_whose_client_left_before_its_end_reaches_no_model(client, stage, stop, how):
    whole = client.request(stage.endpoint, b"never whole")
    chunked = in_chunks(client, stage, chunks(b"never", b" whole"), b"never whole")
    data = {
        "at once": b"",
        "in the line": whole[:20],
        "in a header": whole[: whole.index(b"X-Amz-Date") + 5],
        "after the head": head_of(whole),
        "in the body": whole[:-3],
        "in a chunk": chunked[: chunked.index(b"never") + 3],
    }[stop]
    client.send(data)
    leave(client, how)
    if how == HALF:
        # Nothing is answered as if it had been whole.
        assert all(reply.status == 400 for reply in replies_until_closed(client))
    assert stage.requests == []


@pytest.mark.parametrize("how", [RESET, CLOSE, HALF])
@pytest.mark.parametrize("script", [[READ, SAID, HANG], [READ, b"HTTP/1.1 200 OK\r\n\r\n", SAID, endless(PIECE)]])
def test_a_client_that_leaves_ends_the_model_call(client, stage, how, script):
    """One that only says that it will write no more looks the same, and is treated as gone."""
    stage.plays(script)
    client.send(client.request(stage.endpoint, b"never mind"))
    assert stage.is_said.wait(30)
    leave(client, how)
    assert stage.connections[0].ended.wait(30), "the model goes on for nobody"


# The first is read whole by the gateway, the second streamed.
@pytest.mark.parametrize("length", [200_000, 16 * 1024 * 1024])
def test_a_client_that_reads_slowly_gets_everything(client, stage, length):
    stage.plays([READ, b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % length, b"x" * length])
    client.send(client.request(stage.endpoint, b"slow reader"))
    reply = client.reply(on_head=lambda: time.sleep(0.2))
    assert (reply.status, len(reply.body), reply.is_whole) == (200, length, True)
