"""Clients that are slow, silent or too many: they are let go within their time, and nobody else waits for them."""

import contextlib
import os
import time

import pytest

from harness.bare import Bare, head, held_by_sockets
from harness.hosting import Hosting
from harness.scraping import Scrape
from harness.waiting import eventually

CONNECTIONS_MAX = 40
HEAD_S, IDLE_S, STALL_S, BODY_S = 2, 4, 2, 6
# A limit is looked at now and then, and the machine may be busy.
LATE_S = 8
# A connection rests after five seconds without progress, and is looked at once a second.
REST_S = 5 + 2
MIB = 1024 * 1024
PAYLOAD_MAX = 25 * MIB
CONFIG = f"""
[limits]
connections = {CONNECTIONS_MAX}
head_timeout_s = {HEAD_S}
idle_timeout_s = {IDLE_S}
stall_timeout_s = {STALL_S}
body_timeout_s = {BODY_S}
"""


@pytest.fixture(scope="module")
def endpoint(hosting):
    return hosting.deploy("plain")


def closed(server, reason):
    return Scrape(server).value("connections_closed_total", reason=reason)


def in_flight(server):
    return sum(value for _, value in Scrape(server).all("requests_in_flight"))


def test_a_connection_that_sends_nothing_is_closed(server):
    before = closed(server, "idle")
    with Bare(server) as bare:
        seen, took = bare.until_closed()
    assert seen == b""
    assert IDLE_S - 1 <= took < IDLE_S + LATE_S
    assert closed(server, "idle") > before


def test_a_kept_connection_serves_on_until_it_was_idle_for_too_long(server, endpoint):
    with Bare(server) as bare:
        for _ in range(3):
            bare.send(head(server, endpoint, b"again") + b"again")
            status, answer = bare.answer()
            assert status == 200 and answer.endswith(b"again")
            time.sleep(IDLE_S / 2)
        seen, took = bare.until_closed()
    assert seen == b"" and took < IDLE_S + LATE_S


def test_a_head_that_comes_byte_by_byte_is_not_waited_for(server, endpoint):
    before = closed(server, "slow_head")
    began = time.monotonic()
    with Bare(server) as bare, pytest.raises((BrokenPipeError, ConnectionResetError)):
        for byte in head(server, endpoint) * 10:
            bare.send(bytes([byte]))
            time.sleep(0.1)
    assert HEAD_S - 1 <= time.monotonic() - began < HEAD_S + LATE_S
    assert closed(server, "slow_head") == before + 1


@pytest.mark.parametrize("crumb_s", [None, 0.1], ids=["silent", "crumbs"])
def test_a_body_that_does_not_come_is_answered_and_closed(server, endpoint, crumb_s):
    body = b"x" * 100_000
    with Bare(server) as bare:
        bare.send(head(server, endpoint, body) + body[:10])
        until = time.monotonic() + BODY_S + LATE_S
        bare.socket.settimeout(crumb_s or BODY_S + LATE_S)
        answer = b""
        while b"did not arrive in time" not in answer:
            assert time.monotonic() < until
            try:
                answer += bare.socket.recv(65536)
            except TimeoutError:
                bare.send(b"x")
        assert answer.startswith(b"HTTP/1.1 400 ")


def test_a_client_that_does_not_read_its_answer_is_let_go(server, endpoint):
    """Twenty answers of 20 MB, of which nobody takes more than a socket holds."""
    before = closed(server, "stalled")
    body = b"y" * MIB
    asked = head(server, endpoint, body, {"X-Amzn-SageMaker-Custom-Attributes": "test: repeat=20"}) + body
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(Bare(server, receive_buffer=8192)) for _ in range(20)]
        for client in clients:
            client.send(asked)
        # The model has a client that waits, too, and is let go with it.
        eventually(lambda: closed(server, "stalled"), lambda seen: seen == before + 20, "all are let go")
        eventually(lambda: in_flight(server), lambda seen: seen == 0, "the model is let go")


@pytest.mark.parametrize("others", [0, 3 * CONNECTIONS_MAX], ids=["alone", "while others want its room"])
def test_a_client_that_pauses_in_the_middle_of_its_answer_gets_all_of_it(make_server, others):
    """Answers of some megabytes, of which the last bytes find no room in the sockets. The next answer is right, too."""
    server = make_server(f"[limits]\nconnections = {CONNECTIONS_MAX}\n")
    hosting = Hosting(server)
    hosting.upload()
    endpoint = hosting.deploy("plain")
    short = b"the next one"
    with contextlib.ExitStack() as stack:

        def asking(body):
            client = stack.enter_context(Bare(server))
            client.send(head(server, endpoint, body) + body)
            return client

        held = held_by_sockets(asking(os.urandom(16 * MIB)))
        assert MIB < held < 15 * MIB
        bodies = [os.urandom(held + more * 1024) for more in range(-16, 256, 16)] + [os.urandom(16 * MIB)]
        clients = [asking(body) for body in bodies]
        for _ in range(others):
            stack.enter_context(Bare(server))
        time.sleep(REST_S)
        for client, body in zip(clients, bodies, strict=True):
            status, answer = client.answer()
            assert status == 200 and answer.partition(b"\r\n\r\n")[2] == body
            # One whose answer was in the sockets as a whole may have made room.
            if not others:
                client.send(head(server, endpoint, short) + short)
                status, answer = client.answer()
                assert status == 200 and answer.partition(b"\r\n\r\n")[2] == short
    assert closed(server, "stalled") == 0


def test_a_client_that_takes_a_byte_now_and_then_is_let_go(server, endpoint):
    before = closed(server, "stalled")
    body = b"y" * MIB
    asked = head(server, endpoint, body, {"X-Amzn-SageMaker-Custom-Attributes": "test: repeat=20"}) + body
    with Bare(server, receive_buffer=8192) as client:
        client.send(asked)
        until = time.monotonic() + STALL_S + LATE_S
        while closed(server, "stalled") == before:
            assert time.monotonic() < until, "it is still served"
            assert client.socket.recv(1)
            time.sleep(0.1)
    eventually(lambda: in_flight(server), lambda seen: seen == 0, "the model is let go")


def test_a_client_that_is_slow_but_goes_on_gets_all_of_its_answer(server, endpoint):
    """It takes several times as long as a client may take nothing."""
    piece = os.urandom(MIB)
    asked = head(server, endpoint, piece, {"X-Amzn-SageMaker-Custom-Attributes": "test: repeat=20"}) + piece
    began = time.monotonic()
    with Bare(server, receive_buffer=65536) as client:
        client.send(asked)
        answer = b""
        while not answer.endswith(piece) or len(answer) < 20 * MIB:
            part = client.socket.recv(MIB // 4)
            assert part, f"the answer broke off after {len(answer)} bytes"
            answer += part
            time.sleep(len(part) / (2 * MIB))
    assert answer.partition(b"\r\n\r\n")[2] == piece * 20
    assert time.monotonic() - began > 3 * STALL_S


def test_idle_connections_make_room_for_new_ones(server, hosting, endpoint):
    before = closed(server, "evicted")
    with contextlib.ExitStack() as stack:
        for _ in range(3 * CONNECTIONS_MAX):
            stack.enter_context(Bare(server))
            assert Scrape(server).value("connections") <= CONNECTIONS_MAX + 1
        began = time.monotonic()
        assert hosting.invoke(endpoint, b"in")["Payload"] == b"in"
        assert time.monotonic() - began < IDLE_S, "it waited until the others' time was over"
    assert closed(server, "evicted") > before


def test_connections_that_hold_half_a_head_lock_nobody_out(server, hosting, endpoint):
    half = head(server, endpoint)[:50]
    with contextlib.ExitStack() as stack:
        for _ in range(CONNECTIONS_MAX):
            stack.enter_context(Bare(server)).send(half)
        assert hosting.invoke(endpoint, b"in")["Payload"] == b"in"


def test_a_request_under_way_makes_no_room(server, hosting, endpoint):
    asked = head(server, endpoint, b"late", {"X-Amzn-SageMaker-Custom-Attributes": "test: delay_ms=3000"})
    with contextlib.ExitStack() as stack:
        busy = [stack.enter_context(Bare(server)) for _ in range(5)]
        for bare in busy:
            bare.send(asked + b"late")
        for _ in range(3 * CONNECTIONS_MAX):
            stack.enter_context(Bare(server))
        for bare in busy:
            assert bare.answer()[0] == 200


def test_a_large_body_is_not_asked_for_before_its_head_is_good(server, hosting, endpoint):
    """Expect: 100-continue saves a client from sending what would be refused."""
    large = b"z" * 100_000
    expect = {"Expect": "100-continue"}
    good = head(server, endpoint, large, expect)
    for refused, status in [
        (head(server, endpoint, large, expect, length=PAYLOAD_MAX + 1), 413),
        (good.replace(b"Credential=AKIA", b"Credential=BKIA"), 403),
    ]:
        with Bare(server) as bare:
            bare.send(refused)
            answer, _ = bare.until_closed()
            assert answer.startswith(f"HTTP/1.1 {status} ".encode()), answer
            assert b"100 Continue" not in answer
    with Bare(server) as bare:
        bare.send(good)
        interim = bare.socket.recv(65536)
        assert interim == b"HTTP/1.1 100 Continue\r\n\r\n"
        bare.send(large)
        status, answer = bare.answer()
        assert status == 200 and answer.endswith(large)


def test_a_client_that_sends_all_of_a_refused_body_still_reads_why(server, endpoint):
    body = b"z" * (PAYLOAD_MAX + 1)
    for _ in range(3):
        with Bare(server) as bare:
            bare.send(head(server, endpoint, b"", length=len(body)) + body)
            answer, _ = bare.until_closed()
            assert answer.startswith(b"HTTP/1.1 413 "), answer
            assert b"HTTP content length exceeded 26214400 bytes." in answer


@pytest.mark.parametrize(
    "line, fields, status",
    [
        ("POST /endpoints/e/invocations", [f"x-{number}: 1" for number in range(150)], 431),
        ("POST /endpoints/e/invocations", ["x-long: " + "a" * 200_000], 431),
        ("POST /endpoints/e/invocations", ["x" * 66_000 + ": 1"], 431),
        ("POST /endpoints/" + "e" * 66_000 + "/invocations", [], 414),
    ],
    ids=["many fields", "a long value", "a long name", "a long path"],
)
def test_a_head_that_is_too_large_is_answered(server, line, fields, status):
    with Bare(server) as bare:
        bare.send("\r\n".join([f"{line} HTTP/1.1", "Host: h", *fields, "", ""]).encode())
        answer, _ = bare.until_closed()
    assert answer.startswith(f"HTTP/1.1 {status} ".encode()), answer[:200]
