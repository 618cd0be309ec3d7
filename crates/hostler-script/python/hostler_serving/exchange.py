"""One connection: requests read, handed to a worker, answers written.

Why: the parts of HTTP that matter here are few: lengths and chunks of bodies, kept connections, streams.
Invariants: whatever is asked is answered or its connection is closed. A stream that breaks off is never ended as a whole
one: the connection is closed in the middle.
"""

import http.server
import json

from hostler_serving.pool import Late, Lost
from hostler_serving.worker import BROKEN, CANCEL, END

# Between two reads of a body, or until a write is taken.
STALL_S = 60.0
CHUNK_LINE_BYTES = 1024
READ_BYTES = 1 << 20


class TooLarge(Exception):
    """The body is larger than it may be."""


class Malformed(Exception):
    """The body is not what HTTP says."""


class Exchange(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "hostler-script"
    sys_version = ""
    # Head and body of an answer leave together.
    wbufsize = 64 * 1024
    disable_nagle_algorithm = True

    def log_message(self, *_words):
        """Pings and requests are not logged: the gateway counts them."""

    def do_GET(self):
        if self.path.split("?")[0] == "/ping":
            is_well = self.server.pool.is_ready and not self.server.is_stopping
            self._say(200 if is_well else 503, b"" if is_well else b"the model is being loaded\n")
        elif self.path.split("?")[0] == "/execution-parameters":
            mib = max(self.server.settings.payload_bytes_max >> 20, 1)
            parameters = {
                "MaxConcurrentTransforms": self.server.settings.workers,
                "BatchStrategy": "MULTI_RECORD",
                "MaxPayloadInMB": mib,
            }
            self._say(200, json.dumps(parameters).encode(), "application/json")
        else:
            self._say(404, b"there are /ping and /invocations\n")

    def do_POST(self):
        self.connection.settimeout(STALL_S)
        self.server.begin()
        try:
            self._post()
        finally:
            self.server.end()
        self.connection.settimeout(None)

    def _post(self):
        if self.server.is_stopping:
            self.close_connection = True
        try:
            body = self._body()
        except TooLarge:
            self.close_connection = True
            most = self.server.settings.payload_bytes_max
            self._say(413, f"the body is larger than the {most} bytes allowed\n".encode())
            return
        except (Malformed, ValueError) as error:
            self.close_connection = True
            self._say(400, f"{error}\n".encode())
            return
        if self.path.split("?")[0] == "/invocations":
            self._invoke(body)
        else:
            self._say(404, b"there are /ping and /invocations\n")

    def _invoke(self, body):
        pool, timeout_s = self.server.pool, self.server.settings.timeout_s
        worker = pool.lend(timeout_s)
        if worker is None:
            self._say(503, f"all workers were busy for {timeout_s:g} s\n".encode())
            return
        head = {
            "content_type": self.headers.get("Content-Type"),
            "accept": self.headers.get("Accept"),
            "headers": dict(self.headers.items()),
        }
        is_whole = False
        try:
            worker.send(json.dumps(head).encode(), body, timeout_s=timeout_s)
            answer = worker.head(timeout_s)
            if answer["stream"]:
                is_whole = self._stream(worker, answer, timeout_s)
            else:
                text = worker.receive(timeout_s)
                pool.give_back(worker)
                is_whole, worker = True, None
                self._say(answer["status"], text, answer["content_type"])
        except Late:
            self._say(500, f"the handler took longer than {timeout_s:g} s (SAGEMAKER_MODEL_SERVER_TIMEOUT)\n".encode())
        except Lost:
            self._say(500, f"the worker {worker.how_it_ended()} while it had the request\n".encode())
        finally:
            if worker is not None:
                (pool.give_back if is_whole else pool.discard)(worker)

    def _stream(self, worker, answer, timeout_s):
        """Whether the worker has come to the end of it."""
        self._begin(answer["status"], answer["content_type"])
        is_chunked = self.request_version != "HTTP/1.0"
        self.close_connection = self.close_connection or not is_chunked
        if is_chunked:
            self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.flush()
        while True:
            try:
                frame = worker.receive(timeout_s)
            except (Late, Lost):
                self.close_connection = True
                return False
            mark, piece = frame[:1], frame[1:]
            if mark == END:
                if is_chunked:
                    self.wfile.write(b"0\r\n\r\n")
                self.wfile.flush()
                return True
            if mark == BROKEN:
                self.close_connection = True
                return True
            try:
                self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece) if is_chunked else piece)
                self.wfile.flush()
            except OSError:
                self.close_connection = True
                return self._cancel(worker, timeout_s)

    def _cancel(self, worker, timeout_s):
        """The client is gone: the worker need not go on. Whether it has stopped."""
        try:
            worker.send(CANCEL)
            while worker.receive(timeout_s)[:1] not in (END, BROKEN):
                pass
        except (Late, Lost):
            return False
        return True

    def _body(self):
        most = self.server.settings.payload_bytes_max
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            return self._chunks(most)
        length = int(self.headers.get("Content-Length") or 0)
        if length < 0:
            raise Malformed("the length of the body is negative")
        if length > most:
            raise TooLarge
        return self._exactly(length)

    def _chunks(self, most):
        pieces, size = [], 0
        while True:
            length = int(self.rfile.readline(CHUNK_LINE_BYTES).split(b";")[0], 16)
            if length < 0:
                raise Malformed("the length of a chunk is negative")
            size += length
            if size > most:
                raise TooLarge
            if length == 0:
                # Trailers, up to the empty line.
                while self.rfile.readline(CHUNK_LINE_BYTES) not in (b"\r\n", b"\n", b""):
                    pass
                return b"".join(pieces)
            pieces.append(self._exactly(length))
            self.rfile.readline(CHUNK_LINE_BYTES)

    def _exactly(self, length):
        pieces = []
        while length:
            piece = self.rfile.read(min(length, READ_BYTES))
            if not piece:
                raise Malformed("the connection ended in the middle of the body")
            pieces.append(piece)
            length -= len(piece)
        return b"".join(pieces)

    def _say(self, status, body, content_type="text/plain; charset=utf-8"):
        self._begin(status, content_type)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if status != 204:
            self.wfile.write(body)
        self.wfile.flush()

    def _begin(self, status, content_type):
        self.send_response_only(status)
        # A handler's word is no header of its own.
        self.send_header("Content-Type", content_type.replace("\r", " ").replace("\n", " "))
        if self.close_connection:
            self.send_header("Connection", "close")
