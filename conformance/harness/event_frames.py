"""Event-stream messages of a raw answer, checked one by one, and a client of bare sockets that reads them.

botocore's own decoder reads them; lengths and both checksums are looked at here once more, with zlib.
"""

import http.client
import socket
import struct
import urllib.parse
import zlib

from botocore.eventstream import EventStreamBuffer

PART = {":message-type": "event", ":event-type": "PayloadPart", ":content-type": "application/octet-stream"}


def events(raw, is_whole=True):
    """(headers, payload) of each message; fails where a sum is wrong, or a byte is left over of what is whole."""
    raw, at = bytes(raw), 0
    while len(raw) - at >= 12:
        length, headers_length, prelude_crc = struct.unpack_from(">III", raw, at)
        message = raw[at : at + length]
        assert zlib.crc32(message[:8]) == prelude_crc
        assert 12 + headers_length + 4 <= length
        if len(message) < length:
            break
        assert zlib.crc32(message[:-4]) == struct.unpack(">I", message[-4:])[0]
        at += length
    assert at == len(raw) or not is_whole, f"{len(raw) - at} bytes are left of {len(raw)}"
    buffer = EventStreamBuffer()
    buffer.add_data(raw[:at])
    return [(message.headers, message.payload) for message in buffer]


def parts(raw):
    """The payloads of a stream that consists of parts alone."""
    found = events(raw)
    assert all(headers == PART for headers, _ in found), found
    assert all(payload for _, payload in found), "there is an empty part"
    return [payload for _, payload in found]


def path_of(endpoint):
    return f"/endpoints/{endpoint}/invocations-response-stream"


class RawStream:
    """One streamed call over a socket of its own, read as it comes: no SDK, no retries, no read-ahead."""

    def __init__(self, wire, endpoint, body=b"", headers=None, receive_buffer=None):
        address = urllib.parse.urlsplit(wire.server.url)
        headers = {"Content-Length": str(len(body))} | (headers or {})
        signed = wire.signed("POST", path_of(endpoint), "sagemaker", headers, body)
        self.response = None
        self.socket = socket.socket()
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(60)
        self.socket.connect((address.hostname, address.port))
        lines = [f"POST {path_of(endpoint)} HTTP/1.1", *(f"{name}: {value}" for name, value in signed.items())]
        self.socket.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    def answer(self):
        """The head, and a body that can be read; to the end only if it ends well-formed."""
        self.response = http.client.HTTPResponse(self.socket, method="POST")
        self.response.begin()
        return self.response

    def close(self):
        if self.response is not None:
            self.response.close()
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
