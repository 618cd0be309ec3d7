"""The load: which requests there are, and a process that sends them over kept connections and counts what comes back.

Started as `python -m soak.mix` with its orders as JSON on standard input; its counts are JSON on standard output.

Why: on two cores the client must cost less than the server. Requests are signed once and sent again and again (AWS and
Hostler accept an identical signature for five minutes), sockets are plain, and one process has a few threads only.
Each thread's bodies are its own, so an answer that went to the wrong client is seen.
"""

import bisect
import json
import math
import random
import socket
import sys
import threading
import time
from dataclasses import asdict, dataclass, field

from harness.event_frames import events, path_of
from harness.raw_client import PATIENCE_S
from harness.wire import Wire

# Signatures are good for 5 minutes; a request may wait for some of that.
SIGNED_FOR_S = 150.0
# Buckets of the histogram: a fortieth of a doubling each, so a figure is right within 2 %.
BUCKETS_PER_DOUBLING = 40
# Enough for every kill of an hour; a server that fails everything is known by less.
FAILURES_MAX = 10_000
KIB, MIB = 1024, 1024 * 1024


@dataclass
class Kind:
    """Requests that are alike."""

    name: str
    endpoint: str
    share: float
    body_bytes: int
    # Commands for the test model, in a header that the gateway passes on.
    commands: str = ""
    # The model answers with so many chunks of the body, and the client has them as events; 0 for a plain answer.
    streamed_chunks: int = 0


@dataclass
class Counts:
    """What happened."""

    answered: dict = field(default_factory=dict)
    failures: list = field(default_factory=list)
    failed: int = 0
    late: int = 0
    buckets: dict = field(default_factory=dict)

    def add(self, other):
        for mine, more in ((self.answered, other.answered), (self.buckets, other.buckets)):
            for name, count in more.items():
                mine[name] = mine.get(name, 0) + count
        self.failures += other.failures[: FAILURES_MAX - len(self.failures)]
        self.failed += other.failed
        self.late += other.late

    def seconds_at(self, kind, quantile):
        """The time that this share of a kind's requests took at most."""
        own = [(name.split(":"), count) for name, count in self.buckets.items()]
        rows = sorted((int(bucket), count) for (name, bucket), count in own if name == kind)
        wanted = quantile * sum(count for _, count in rows)
        for bucket, count in rows:
            wanted -= count
            if wanted <= 0:
                return 2 ** (bucket / BUCKETS_PER_DOUBLING) / 1e6
        return math.nan


class Broken(Exception):
    """No answer, or another than was asked for."""


class Sender:
    """One thread, one connection."""

    def __init__(self, wire, kinds, number, rate, until):
        self.wire, self.kinds, self.number, self.rate, self.until = wire, kinds, number, rate, until
        self.random = random.Random(number)
        total = 0.0
        self.sums = [total := total + kind.share for kind in kinds]
        self.counts = Counts()
        self.socket = None
        self.signed = {}
        self.buffer = bytearray(256 * KIB)
        self.bodies = {kind.name: self._body(kind.body_bytes) for kind in kinds}

    def _body(self, length):
        mark = b"%d." % self.number
        return (mark * (length // len(mark) + 1))[:length]

    def run(self):
        due = time.monotonic() + self.random.random() / self.rate if self.rate else 0.0
        while (now := time.monotonic()) < self.until:
            if self.rate:
                if now < due:
                    time.sleep(min(due, self.until) - now)
                    continue
                due += 1.0 / self.rate
                if now - due > 1.0:
                    # It is behind: what was not asked in time is left out, and said.
                    self.counts.late += int((now - due) * self.rate)
                    due = now
            picked = self.random.random() * self.sums[-1]
            self.ask(self.kinds[min(bisect.bisect(self.sums, picked), len(self.kinds) - 1)])
        if self.socket:
            self.socket.close()

    def ask(self, kind):
        head, body = self.request(kind)
        began = time.monotonic()
        try:
            if self.socket is None:
                self.socket = socket.create_connection(self.wire.address, timeout=PATIENCE_S * 3)
                self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            # A small request in one write.
            if len(body) < 64 * KIB:
                self.socket.sendall(head + body)
            else:
                self.socket.sendall(head)
                self.socket.sendall(body)
            if kind.streamed_chunks:
                self.read_stream(body * kind.streamed_chunks)
            else:
                self.read(body)
        except (OSError, Broken) as error:
            self.counts.failed += 1
            if len(self.counts.failures) < FAILURES_MAX:
                self.counts.failures.append([kind.name, kind.endpoint, began, time.monotonic(), f"{error!r}"[:500]])
            if self.socket:
                self.socket.close()
            self.socket = None
            return
        micros = max(1.0, (time.monotonic() - began) * 1e6)
        bucket = f"{kind.name}:{round(math.log2(micros) * BUCKETS_PER_DOUBLING)}"
        self.counts.buckets[bucket] = self.counts.buckets.get(bucket, 0) + 1
        self.counts.answered[kind.name] = self.counts.answered.get(kind.name, 0) + 1

    def request(self, kind):
        known = self.signed.get(kind.name)
        if known is None or time.monotonic() - known[0] > SIGNED_FOR_S:
            body = self.bodies[kind.name]
            path = path_of(kind.endpoint) if kind.streamed_chunks else f"/endpoints/{kind.endpoint}/invocations"
            headers = {"Content-Length": str(len(body))}
            if kind.commands:
                headers["X-Amzn-SageMaker-Custom-Attributes"] = f"test: {kind.commands}"
            headers = self.wire.signed("POST", path, "sagemaker", headers, body)
            lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
            # So that the threads' next signatures do not all fall together.
            known = self.signed[kind.name] = (
                time.monotonic() - self.random.random() * 30.0,
                f"POST {path} HTTP/1.1\r\n{lines}\r\n".encode(),
                body,
            )
        return known[1:]

    def read_stream(self, expected):
        received = b""
        # The last chunk of HTTP; checksums make the same bytes within an event as good as impossible.
        while not received.endswith(b"\r\n0\r\n\r\n"):
            more = self.socket.recv(64 * KIB)
            received += more
            if not more:
                raise Broken(f"closed in the answer: {received[:300]!r}")
            if received.startswith(b"HTTP/1.1 4"):
                # A plain error; it comes in one piece.
                raise Broken(f"{received!r}")
        head, _, chunked = received.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise Broken(f"{received!r}")
        raw = bytearray()
        while size := int(chunked[: (end := chunked.index(b"\r\n"))], 16):
            raw += chunked[end + 2 : end + 2 + size]
            chunked = chunked[end + 4 + size :]
        found = events(raw)
        if found and ":exception-type" in found[-1][0]:
            raise Broken(f"{found[-1][0][':exception-type']} {found[-1][1]!r}")
        if b"".join(payload for _, payload in found) != expected:
            raise Broken(f"another's stream: {found!r}")

    def read(self, expected):
        view = memoryview(self.buffer)
        have = 0
        while (end := self.buffer.find(b"\r\n\r\n", 0, have)) < 0:
            count = self.socket.recv_into(view[have:])
            if count == 0:
                raise Broken("closed before the answer")
            have += count
        head = bytes(view[: end + 2]).lower()
        left = bytes(view[end + 4 : have])
        at = head.find(b"content-length: ")
        if at < 0:
            raise Broken(f"no length: {head!r}")
        length = int(head[at + 16 : head.index(b"\r", at)])
        if head[9:12] != b"200":
            while len(left) < length and (more := self.socket.recv(length - len(left))):
                left += more
            raise Broken(f"{head[9:12].decode()} {left!r}")
        if length != len(expected):
            raise Broken(f"{length} bytes instead of {len(expected)}")
        if not expected.startswith(left):
            raise Broken(f"another's answer: {left[:60]!r}")
        seen = len(left)
        expected = memoryview(expected)
        while seen < length:
            count = self.socket.recv_into(view)
            if count == 0:
                raise Broken("closed in the answer")
            if view[:count] != expected[seen : seen + count]:
                raise Broken("other bytes than were sent")
            seen += count


class SharedWire(Wire):
    """A wire whose server is known by its address and key alone."""

    def __init__(self, url, key, secret):
        from types import SimpleNamespace

        super().__init__(SimpleNamespace(url=url, keys=lambda: (key, secret)))
        host, _, port = url.removeprefix("http://").partition(":")
        self.address = (host, int(port))


def main():
    orders = json.load(sys.stdin)
    wire = SharedWire(orders["url"], orders["key"], orders["secret"])
    kinds = [Kind(**kind) for kind in orders["kinds"]]
    threads, rate = orders["threads"], orders["rate"] / orders["threads"]
    until = time.monotonic() + orders["seconds"]
    senders = [Sender(wire, kinds, orders["first"] + number, rate, until) for number in range(threads)]
    running = [threading.Thread(target=sender.run) for sender in senders]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    counts = Counts()
    for sender in senders:
        counts.add(sender.counts)
    used = time.process_time()
    json.dump(asdict(counts) | {"cpu_s": used}, sys.stdout)


if __name__ == "__main__":
    main()
