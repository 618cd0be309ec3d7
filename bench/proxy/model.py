"""The model behind the benches of bodies and streams: cheap, and the same for every side.

Usage: python3 model.py PORT

Reads any body and answers `ok`. With `bench: stream=FIRST` in X-Amzn-SageMaker-Custom-Attributes the answer never ends: a
chunk of FIRST bytes at once, then one of CHUNK bytes at each TICK, for all streams together.
"""

import asyncio
import re
import sys

BUFFER = 1024 * 1024
CHUNK_BYTES = 100
CHUNKS_PER_SECOND = 10
MARK = b"~~~\n"  # one in each chunk but the first, to be counted
CHUNK = b"%x\r\n%s%s\r\n" % (CHUNK_BYTES, b"t" * (CHUNK_BYTES - len(MARK)), MARK)
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok"
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"
STREAMS = set()


class Connection(asyncio.BufferedProtocol):
    def __init__(self):
        self.buffer, self.head, self.left = bytearray(BUFFER), b"", 0

    def connection_made(self, transport):
        self.transport = transport

    def connection_lost(self, _):
        STREAMS.discard(self.transport)

    def get_buffer(self, _):
        return self.buffer

    def buffer_updated(self, count):
        if self.left > 0:
            self.body(count)
            return
        self.head += self.buffer[:count]
        head, end, rest = self.head.partition(b"\r\n\r\n")
        if not end:
            return
        length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
        first = re.search(rb"bench: stream=(\d+)", head)
        self.head, self.first = b"", first and int(first[1])
        self.left = int(length[1]) if length else 0
        self.body(len(rest))

    def body(self, count):
        self.left -= count
        if self.left > 0:
            return
        if self.first is None:
            self.transport.write(ANSWER)
            return
        first = b"%x\r\n%s\r\n" % (self.first, b"f" * self.first) if self.first else b""
        self.transport.write(STREAM + first)
        STREAMS.add(self.transport)


async def main():
    loop = asyncio.get_running_loop()
    await loop.create_server(Connection, "127.0.0.1", int(sys.argv[1]), backlog=4096)
    due = loop.time()
    while True:
        due += 1 / CHUNKS_PER_SECOND
        await asyncio.sleep(max(0, due - loop.time()))
        for transport in list(STREAMS):
            transport.write(CHUNK)


if __name__ == "__main__":
    asyncio.run(main())
