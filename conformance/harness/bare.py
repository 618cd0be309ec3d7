"""Bare connections: bytes as a test wants them to go, and what comes back until the other side closes."""

import socket
import time

from harness.waiting import eventually
from harness.wire import Wire

# How long an answer that must come may take on a busy machine.
ANSWER_S = 30


class Bare:
    """One TCP connection to a server, without TLS."""

    def __init__(self, server, receive_buffer=None):
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(ANSWER_S)
        self.socket.connect(("127.0.0.1", server.port))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def answer(self):
        """The next answer's status and all of its bytes, by its Content-Length."""
        head = b""
        while b"\r\n\r\n" not in head:
            piece = self.socket.recv(65536)
            assert piece, f"the connection ended after {head!r}"
            head += piece
        head, _, body = head.partition(b"\r\n\r\n")
        fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
        while len(body) < int(fields[b"content-length"]):
            piece = self.socket.recv(65536)
            assert piece, f"the answer broke off after {len(body)} bytes"
            body += piece
        return int(head.split()[1]), head + b"\r\n\r\n" + body

    def until_closed(self):
        """Everything until the end, orderly or not, and how long that took."""
        began = time.monotonic()
        seen = b""
        try:
            while piece := self.socket.recv(65536):
                seen += piece
        except ConnectionResetError:
            pass
        return seen, time.monotonic() - began


def head(server, endpoint, body=b"", more=None, length=None):
    """The signed head of an invocation as bytes. `length` is announced instead of the body's own."""
    wire = Wire(server)
    path = f"/endpoints/{endpoint}/invocations"
    headers = wire.signed("POST", path, "sagemaker", {"Content-Type": "text/plain"} | (more or {}), body)
    headers["Content-Length"] = str(len(body) if length is None else length)
    lines = [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([f"POST {path} HTTP/1.1", *lines, "", ""]).encode()


def resident(server, what="VmRSS"):
    """The server's own memory in bytes; `VmHWM` for the most that it ever was."""
    with open(f"/proc/{server.process.pid}/status") as status:
        line = next(line for line in status if line.startswith(what))
    return int(line.split()[1]) * 1024


def held_by_sockets(client):
    """Bytes of an answer of many megabytes that the kernel holds on both sides, when it does not take more."""
    ends = {client.socket.getsockname()[1], client.socket.getpeername()[1]}

    def look():
        total = 0
        with open("/proc/net/tcp") as table:
            for line in list(table)[1:]:
                fields = line.split()
                if {int(end.split(":")[1], 16) for end in fields[1:3]} == ends:
                    total += sum(int(queue, 16) for queue in fields[4].split(":"))
        return total

    seen = []

    def is_full(last):
        return len(last) == 10 and len(set(last)) == 1 and last[0] > 1024 * 1024

    return eventually(lambda: seen.append(look()) or seen[-10:], is_full, "the sockets are full")[0]
