"""1,000 concurrent streams: the proxy's processor time for each chunk, and what event-stream framing adds."""

import contextlib
import select
import socket
import statistics
import sys
import time

from load import cpu_seconds, verdict
from model import CHUNK_BYTES, CHUNKS_PER_SECOND, MARK
from stand import MODEL, READY_SECONDS

STREAMS = 1000
# The gateway keeps the first 256 KiB of a plain answer back, to make an error of a model that dies in them.
FIRST_BYTES = 300 * 1024
RECEIVE_BYTES = 256 * 1024
SETTLE_SECONDS = 3


def measure(gateway, nginx, _, arguments):
    kinds = [
        ("gateway, plain", gateway, "invocations", FIRST_BYTES),
        ("nginx, plain", nginx, "invocations", FIRST_BYTES),
        ("gateway, event stream", gateway, "invocations-response-stream", 0),
    ]
    if not has_event_streams(gateway):
        print("InvokeEndpointWithResponseStream is not answered: event streams are left out", file=sys.stderr)
        kinds.pop()
    rounds = {kind[0]: [] for kind in kinds}
    for number in range(arguments.rounds):
        for name, *kind in kinds:
            rounds[name].append(one_round(*kind, arguments.seconds))
        print(f"round {number + 1} done", file=sys.stderr)
    print(f"\n{STREAMS:,} streams of chunks of {CHUNK_BYTES} bytes, {CHUNKS_PER_SECOND} a second each, medians of "
          f"{arguments.rounds} rounds of {arguments.seconds} s in turn; nginx with proxy_buffering off.\n")
    print("| side | chunks/s | CPU per chunk | least - most |\n|---|---|---|---|")
    for name, done in rounds.items():
        costs = [cost for cost, _ in done]
        rate = statistics.median(rate for _, rate in done)
        print(f"| {name} | {rate:,.0f} | {statistics.median(costs):.2f} us | {min(costs):.2f} - {max(costs):.2f} us |")
    print()
    ratio = lambda one, other: statistics.median(a / b for (a, _), (b, _) in zip(rounds[one], rounds[other]))
    verdict("CPU per chunk, gateway / nginx", ratio(kinds[0][0], kinds[1][0]), 1.2, at_most=True)
    if len(kinds) == 3:
        print(f"event-stream framing, CPU per chunk beside the plain stream: {ratio(kinds[2][0], kinds[0][0]):.2f}")


def has_event_streams(gateway):
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as one:
        one.sendall(request(gateway, "invocations-response-stream", 0))
        return one.recv(64).startswith(b"HTTP/1.1 200")


def request(side, operation, first_bytes):
    attributes = [("X-Amzn-SageMaker-Custom-Attributes", f"bench: stream={first_bytes}")]
    return side.raw(MODEL, b"?", attributes, operation)


def one_round(side, operation, first_bytes, seconds):
    """Processor seconds for each chunk in millionths, and chunks a second, once all streams are under way."""
    asked = request(side, operation, first_bytes)
    with contextlib.ExitStack() as stack:
        poll, streams = select.epoll(), {}
        stack.callback(poll.close)
        for _ in range(STREAMS):
            one = stack.enter_context(socket.create_connection(("127.0.0.1", side.port)))
            one.sendall(asked)
            one.setblocking(False)
            streams[one.fileno()] = one
            poll.register(one, select.EPOLLIN)
        waiting, deadline = set(streams), time.monotonic() + READY_SECONDS
        while waiting:
            for number, data in received(poll, streams):
                if MARK in data:
                    waiting.discard(number)
            if time.monotonic() > deadline:
                raise SystemExit(f"{side.name}: {len(waiting)} streams did not begin")
        # What came together while the last ones began is caught up with first.
        settled = time.monotonic() + SETTLE_SECONDS
        while time.monotonic() < settled:
            for _ in received(poll, streams):
                pass
        before, begun, chunks = cpu_seconds(side.processes()), time.monotonic(), 0
        while time.monotonic() < begun + seconds:
            chunks += sum(data.count(MARK) for _, data in received(poll, streams))
        spent, took = cpu_seconds(side.processes()) - before, time.monotonic() - begun
    wanted = STREAMS * CHUNKS_PER_SECOND * took
    if not 0.9 * wanted < chunks < 1.1 * wanted:
        raise SystemExit(f"{side.name}: {chunks} chunks came, {wanted:.0f} were wanted")
    return spent / chunks * 1e6, chunks / took


def received(poll, streams):
    for number, _ in poll.poll(0.1):
        data = streams[number].recv(RECEIVE_BYTES)
        if not data:
            raise SystemExit("a stream ended")
        yield number, data
