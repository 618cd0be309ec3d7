"""A container that the test plays byte by byte: it accepts, reads and writes what its script says, and no more.

The container process (models/raw.py) hands its listening socket over, so the test process is the container as far as
the wire goes. Pings are answered here; every other request meets the next script, or an echo when there is none. What
came in is written down as it came, so that a test can say how often a model was asked, and what.
"""

import contextlib
import secrets
import select
import socket
import struct
import threading
import time
from collections import deque

from harness.waiting import eventually

PATIENCE_S = 30.0
GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood"
PING = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
RESET_AT_ONCE = struct.pack("ii", 1, 0)


class Ended(Exception):
    """The other side has closed, or the script has."""


# -- the steps of a script; bytes are a step too: they are sent ------------------------------------------------


class Step:
    def __init__(self, name, play):
        self.name = name
        self.play = play

    def __repr__(self):
        return self.name


# The rest of the request, to its end.
READ = Step("READ", lambda connection: connection.read_request())
# The good answer: what the request's body was.
ECHO = Step("ECHO", lambda connection: connection.echo(b""))
RESET = Step("RESET", lambda connection: connection.reset())
CLOSE = Step("CLOSE", lambda connection: connection.close())
# Says that nothing more comes, and goes on reading.
HALF_CLOSE = Step("HALF_CLOSE", lambda connection: connection.socket.shutdown(socket.SHUT_WR))
# Nothing more comes until the other side hangs up.
HANG = Step("HANG", lambda connection: connection.until_closed())


def read(count):
    """Just so many bytes of the request."""
    return Step(f"read({count})", lambda connection: connection.read_exactly(count))


def echo_and(junk):
    """The good answer and more, in one write."""
    return Step("echo_and", lambda connection: connection.echo(junk))


def slowly(data, pause_s=0.002):
    """A byte at a time."""

    def play(connection):
        for number in range(len(data)):
            connection.send(data[number : number + 1])
            time.sleep(pause_s)

    return Step("slowly", play)


def endless(data, pause_s=0.0):
    """The same again and again, until the other side has had enough."""

    def play(connection):
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            connection.send(data)
            time.sleep(pause_s)

    return Step("endless", play)


def _wait(event):
    assert event.wait(PATIENCE_S), "the client has seen nothing"


# Goes on when the test's client has seen the head of the answer.
WHEN_SEEN = Step("WHEN_SEEN", lambda connection: _wait(connection.container.head_is_seen))
# Says that everything up to here is on the wire.
SAID = Step("SAID", lambda connection: connection.container.is_said.set())


# -- the container ----------------------------------------------------------------------------------------------


class Connection:
    """One connection of the gateway's."""

    def __init__(self, container, stream):
        self.container = container
        self.socket = stream
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        stream.settimeout(PATIENCE_S)
        self.requests = []
        self.ended = threading.Event()

    def run(self):
        try:
            while self._wait_for_bytes():
                first = self.socket.recv(1, socket.MSG_PEEK)
                if first == b"G":
                    self._ping()
                    continue
                self.container.connections.append(self) if not self.requests else None
                self.requests.append(b"")
                for step in self.container.next_script():
                    self.send(step) if isinstance(step, bytes) else step.play(self)
        except (Ended, OSError):
            pass
        finally:
            self.socket.close()
            self.ended.set()
            self.container.open.discard(self)

    def _wait_for_bytes(self):
        """False when it was closed between two requests."""
        try:
            return self.socket.recv(1, socket.MSG_PEEK) != b""
        except OSError:
            return False

    def _ping(self):
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += self._take(1)
        self.send(PING)

    def send(self, data):
        self.socket.sendall(data)

    def _take(self, count):
        data = self.socket.recv(count)
        if not data:
            raise Ended
        return data

    def read_exactly(self, count):
        pieces = []
        while count > 0:
            pieces.append(self._take(min(count, 1 << 20)))
            count -= len(pieces[-1])
        self.requests[-1] += b"".join(pieces)

    def read_request(self):
        while b"\r\n\r\n" not in self.requests[-1]:
            self.read_exactly(1)
        head, _, body = self.requests[-1].partition(b"\r\n\r\n")
        lines = [line.partition(b":") for line in head.lower().split(b"\r\n")]
        lengths = [int(value) for name, _, value in lines if name == b"content-length"]
        # The gateway has the whole body before it asks a container.
        assert len(lengths) <= 1 and all(name != b"transfer-encoding" for name, _, _ in lines), head
        self.read_exactly(sum(lengths) - len(body))

    def echo(self, junk):
        body = self.requests[-1].partition(b"\r\n\r\n")[2]
        self.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b%b" % (len(body), body, junk))

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_AT_ONCE)
        self.close()

    def close(self):
        self.socket.close()
        raise Ended

    def until_closed(self):
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            self._take(65536)

    def hang_up(self):
        """From another thread: ends it between two requests."""
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)


class RawContainer:
    """An endpoint of one instance, and that instance."""

    def __init__(self, hosting):
        self.hosting = hosting
        self.connections = []
        self.open = set()
        self.accepted = 0
        self.head_is_seen = threading.Event()
        self.is_said = threading.Event()
        self.otherwise = [READ, ECHO]
        self._scripts = deque()
        self._at_accept = deque()
        name = f"hostler-raw-{secrets.token_hex(8)}"
        self._handover = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._handover.bind("\0" + name)
        self._handover.listen()
        self._handover.settimeout(PATIENCE_S)
        config = hosting.config(hosting.test_model("raw", {"RAW_CONTAINER": name}))
        self.endpoint = hosting.endpoint(config, wait=False)
        with self._handover.accept()[0] as container:
            container.settimeout(PATIENCE_S)
            fds = socket.recv_fds(container, 64, 1)[1]
        self.listener = socket.socket(fileno=fds[0])
        self.listener.setblocking(False)
        self._stop, self._stopped = socket.socketpair()
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()
        hosting.in_service(self.endpoint)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.hosting.delete(self.endpoint)
        self._stop.close()
        self._accepting.join(PATIENCE_S)
        for connection in list(self.open):
            connection.hang_up()
        for each in (self.listener, self._handover, self._stopped):
            each.close()

    def _accept(self):
        while self._stopped not in select.select([self.listener, self._stopped], [], [])[0]:
            try:
                stream = self.listener.accept()[0]
            except OSError:
                # It refuses at the moment.
                time.sleep(0.005)
                continue
            self.accepted += 1
            connection = Connection(self, stream)
            if self._at_accept:
                with contextlib.suppress(Ended):
                    self._at_accept.popleft().play(connection)
                continue
            self.open.add(connection)
            threading.Thread(target=connection.run, daemon=True).start()

    # -- what the test says -----------------------------------------------------------------------

    def plays(self, *scripts):
        """What the next requests meet, one script each."""
        self._scripts.extend(scripts)

    def at_accept(self, step, count=1):
        """What the next connections meet before a byte is read, a ping's too."""
        self._at_accept.extend([step] * count)

    def next_script(self):
        try:
            return self._scripts.popleft()
        except IndexError:
            return self.otherwise

    def refuse(self):
        """Nobody listens any more: connections are refused, also those that wait to be accepted."""
        self.listener.shutdown(socket.SHUT_RDWR)

    def listen(self):
        self.listener.listen(128)

    def start_afresh(self):
        """No kept connection, no script, nothing seen."""
        for connection in list(self.open):
            connection.hang_up()
        eventually(lambda: len(self.open), lambda count: count == 0, "the gateway's connections have ended")
        assert not self._scripts, f"these were never played: {list(self._scripts)}"
        self._at_accept.clear()
        self.connections.clear()
        self.head_is_seen.clear()
        self.is_said.clear()
        self.otherwise = [READ, ECHO]

    # -- what it saw ------------------------------------------------------------------------------

    @property
    def requests(self):
        """Every request that reached it since it started afresh, as it came."""
        return [request for connection in list(self.connections) for request in connection.requests]

    def bodies(self):
        return [request.partition(b"\r\n\r\n")[2] for request in self.requests]
