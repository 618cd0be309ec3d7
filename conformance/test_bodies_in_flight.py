"""Bodies that are under way take no more memory than they may, whoever sends them and however slowly."""

import concurrent.futures
import contextlib
import os
import time

import pytest
from botocore.exceptions import ClientError

from harness.bare import Bare, head, resident
from harness.scraping import Scrape
from harness.waiting import eventually

MIB = 1024 * 1024
MEMORY, DISK = 16 * MIB, 96 * MIB
LARGE = 25 * MIB
# Of a server in which nobody counts: buffers of sockets and connections, what the allocator keeps, threads.
UNCOUNTED = 48 * MIB
CONFIG = f"""
[limits]
body_memory_bytes = {MEMORY}
body_disk_bytes = {DISK}
body_wait_s = 2
"""


@pytest.fixture(scope="module")
def endpoint(hosting):
    name = hosting.deploy("plain")
    # What the first requests load is not a body.
    hosting.invoke(name, os.urandom(MIB))
    return name


def taken(server):
    return Scrape(server).by("place", "request_body_bytes")


def nothing_is_left(server):
    eventually(lambda: taken(server), lambda seen: seen == {"memory": 0, "disk": 0}, "all room is given back")
    assert os.listdir(server.data_dir / "spool") == []


def test_a_large_body_that_waits_on_disk_is_the_models_byte_by_byte(server, hosting, endpoint):
    body = os.urandom(LARGE)
    assert hosting.invoke(endpoint, body)["Payload"] == body
    nothing_is_left(server)


def test_two_hundred_slow_uploads_hold_what_they_sent_and_nobody_up(server, hosting, endpoint):
    before = resident(server)
    with contextlib.ExitStack() as stack:
        for _ in range(200):
            bare = stack.enter_context(Bare(server))
            bare.send(head(server, endpoint, b"", length=LARGE) + b"s" * 50_000)
        eventually(lambda: taken(server)["memory"], lambda seen: seen >= 200 * 50_000, "they are under way")
        assert taken(server)["memory"] <= MEMORY
        assert resident(server) - before < MEMORY + UNCOUNTED
        began = time.monotonic()
        assert hosting.invoke(endpoint, b"small")["Payload"] == b"small"
        body = os.urandom(4 * MIB)
        assert hosting.invoke(endpoint, body)["Payload"] == body
        assert time.monotonic() - began < 10
    nothing_is_left(server)


def test_more_large_bodies_than_there_is_room_for_are_served_or_refused(server, hosting, endpoint):
    before = resident(server)
    refused = Scrape(server).value("request_bodies_refused_total")
    body = os.urandom(LARGE)
    # This is also the time for sending all of a body, some of it while the server does not read.
    client = server.client("sagemaker-runtime", connect_timeout=60, max_pool_connections=16)

    def invoke(_):
        attributes = "test: delay_ms=1000; status=299; body=ok"
        try:
            answer = client.invoke_endpoint(EndpointName=endpoint, Body=body, CustomAttributes=attributes)
            return answer["Body"].read()
        except ClientError as error:
            return error.response["ResponseMetadata"]["HTTPStatusCode"], error.response["Error"]["Code"]

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        running = [pool.submit(invoke, number) for number in range(16)]
        most = 0
        while not all(future.done() for future in running):
            seen = taken(server)
            # The one body that may go on beyond the limits.
            assert seen["memory"] <= MEMORY and seen["disk"] <= DISK + LARGE, seen
            most = max(most, resident(server) - before)
            time.sleep(0.05)
    answers = [future.result() for future in running]
    assert set(answers) <= {b"ok", (503, "ServiceUnavailable")}, answers
    assert answers.count(b"ok") >= 3
    assert most < MEMORY + UNCOUNTED
    count = Scrape(server).value("request_bodies_refused_total") - refused
    assert count == len(answers) - answers.count(b"ok")
    nothing_is_left(server)


def test_what_was_on_disk_is_gone_with_a_server_that_is_killed(make_server):
    server = make_server(f"[limits]\nbody_memory_bytes = {MIB}\n")
    with Bare(server) as bare:
        # A name that leads nowhere is told at the end; so its body is read.
        bare.send(head(server, "nobody", b"", length=LARGE) + b"k" * 8 * MIB)
        eventually(lambda: taken(server)["disk"], lambda seen: seen > 4 * MIB, "it is on disk")
        assert os.listdir(server.data_dir / "spool") == []
        server.kill()
    assert os.listdir(server.data_dir / "spool") == []
    server.start()
