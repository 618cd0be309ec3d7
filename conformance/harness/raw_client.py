"""A client that writes and reads bytes itself: what it sends may be wrong, what it gets is looked at strictly."""

import contextlib
import socket
import struct
import urllib.parse

from harness.wire import Wire

PATIENCE_S = 30.0


class Closed(Exception):
    """The server closed before an answer was whole."""


class Reply:
    """One answer: the status, headers by lower-case name in order, the body, and whether it came whole."""

    def __init__(self, status, headers, body, is_whole=True):
        self.status = status
        self.headers = headers
        self.body = body
        self.is_whole = is_whole

    def __repr__(self):
        whole = "" if self.is_whole else ", broken off"
        return f"<{self.status} {self.headers} {self.body[:400]!r}{whole}>"


class RawClient:
    """One connection to a server."""

    def __init__(self, server):
        self.server = server
        self.wire = Wire(server)
        self.address = urllib.parse.urlsplit(server.url)
        self.socket = socket.create_connection((self.address.hostname, self.address.port), timeout=PATIENCE_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._read = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    # -- out ------------------------------------------------------------------------------------

    def request(self, endpoint, body=b"", headers=(), framing=True, signed_body=None, line=None, sign=True, **how):
        """The bytes of an invocation. `headers`: lines that are not signed, before the signed ones. Without `framing`
        there is no Content-Length but what the caller adds. `line` replaces the request line, not what is signed."""
        path = how.pop("path", f"/endpoints/{endpoint}/invocations")
        own = {}
        if sign:
            own = self.wire.signed("POST", path, "sagemaker", {}, body if signed_body is None else signed_body, **how)
        own.setdefault("Host", self.address.netloc)
        lines = [line or f"POST {path} HTTP/1.1", *headers]
        lines += [f"{name}: {value}" for name, value in own.items() if name.lower() != "content-length"]
        if framing:
            lines.append(f"Content-Length: {len(body)}")
        return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + (body if framing else b"")

    def send(self, data):
        self.socket.sendall(data)

    def send_what_goes(self, data):
        """For bytes that nobody has to read to the end."""
        with contextlib.suppress(ConnectionError):
            self.socket.sendall(data)

    def half_close(self):
        self.socket.shutdown(socket.SHUT_WR)

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    # -- in -------------------------------------------------------------------------------------

    def _more(self):
        try:
            data = self.socket.recv(65536)
        except ConnectionError:
            data = b""
        if not data:
            raise Closed
        self._read += data

    def _line(self):
        while b"\r\n" not in self._read:
            self._more()
        line, self._read = self._read.split(b"\r\n", 1)
        return line.decode("latin-1")

    def _exactly(self, count):
        while len(self._read) < count:
            self._more()
        data, self._read = self._read[:count], self._read[count:]
        return data

    def reply(self, on_head=lambda: None):
        """The next answer. Raises `Closed` when there is none; one that breaks off says so."""
        version, status = self._line().split(" ")[:2]
        assert version in ("HTTP/1.1", "HTTP/1.0"), version
        headers = {}
        while line := self._line():
            name, colon, value = line.partition(":")
            assert colon and name.lower() not in headers, line
            headers[name.lower()] = value.strip()
        reply = Reply(int(status), headers, b"", is_whole=False)
        on_head()
        if reply.status < 200:
            reply.is_whole = True
            return reply
        with contextlib.suppress(Closed):
            if headers.get("transfer-encoding") == "chunked":
                assert "content-length" not in headers, headers
                body = bytearray()
                try:
                    while size := int(self._line(), 16):
                        body += self._exactly(size)
                        assert self._line() == ""
                    assert self._line() == ""
                finally:
                    reply.body = bytes(body)
            elif "content-length" in headers:
                length = int(headers["content-length"])
                try:
                    reply.body = self._exactly(length)
                except Closed:
                    reply.body, self._read = self._read, b""
                    raise
            else:
                # Only the end of the connection ends it.
                with contextlib.suppress(Closed):
                    while True:
                        self._more()
                reply.body, self._read = self._read, b""
            reply.is_whole = True
        return reply

    def ask(self, endpoint, body=b"", **how):
        self.send(self.request(endpoint, body, **how))
        return self.reply()

    def rest(self):
        """Everything until the server closes."""
        with contextlib.suppress(Closed):
            while True:
                self._more()
        rest, self._read = self._read, b""
        return rest

    def is_closed(self):
        """Whether the server has closed, or does within the patience; nothing else may come."""
        assert self._read == b"", self._read
        try:
            return self.socket.recv(1) == b""
        except ConnectionError:
            return True
