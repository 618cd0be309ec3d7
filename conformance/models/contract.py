"""The container contract on the standard library: GET /ping and POST /invocations on the given port."""

import json
import os
import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Model(BaseHTTPRequestHandler):
    """A model that is healthy and echoes; subclasses differ in one thing each."""

    protocol_version = "HTTP/1.1"
    # A reply in two small writes would wait for the client's delayed acknowledgement.
    wbufsize = -1

    def ping(self):
        self.reply(200, b"")

    def invoke(self, body):
        self.reply(200, body, {"Content-Type": self.headers.get("Content-Type") or "application/octet-stream"})

    # -- plumbing -------------------------------------------------------------------------------

    def do_GET(self):
        if self.path == "/ping":
            self.ping()
        else:
            self.reply(404, b"no such path")

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if (self.headers.get("Transfer-Encoding") or "").lower() == "chunked":
            body = self.read_chunks()
        if self.path == "/invocations":
            self.invoke(body)
        else:
            self.reply(404, b"no such path")

    def read_chunks(self):
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def reply(self, status, body, headers=None):
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def reply_json(self, document, status=200, headers=None):
        self.reply(status, json.dumps(document).encode(), {"Content-Type": "application/json"} | (headers or {}))

    def log_message(self, text, *values):
        print(text % values, file=sys.stderr, flush=True)


def serve(model):
    """Serves until SIGTERM."""
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), model)
    server.daemon_threads = True
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    print(f"listening on {sys.argv[1]} with model directory {sys.argv[2]}, pid {os.getpid()}", flush=True)
    server.serve_forever()
