"""Ten endpoints of one model whose archive has a gigabyte: what is downloaded, what is on disk, how long each start takes."""

import http.server
import io
import json
import os
import subprocess
import tarfile
import threading
import time

from holding import disk
from stand import ANYWHERE, IMAGE, docker, milliseconds

BYTES = 1 << 30
PIECE = 1 << 20
INSTANCES = 10


def measure(stand, _):
    path = stand.directory / "model.tar.gz"
    archived(path)
    with Objects(path) as objects, stand.hosting(objects.settings()) as hosting:
        environment = ANYWHERE | {"TEST_ANSWER": "tell=all"}
        config = hosting.config(hosting.model(image=IMAGE, url="s3://bench/model.tar.gz", environment=environment))
        engine = docker("info", "--format", "{{.DockerRootDir}}")
        before = disk(engine)
        endpoints, took = [], []
        for _ in range(INSTANCES):
            begun = time.monotonic()
            endpoints.append(hosting.in_service(hosting.endpoint(config, wait=False), 300))
            took.append(time.monotonic() - begun)
        for endpoint in endpoints:
            told = json.loads(hosting.invoke(endpoint)["Payload"])
            assert [file for file in told["files"] if "weights" in str(file)], told
        assert len(docker("ps", "--quiet").split()) == INSTANCES
        print("start of each:" + "".join(milliseconds(one) for one in took))
        print(f"the tenth beside the second: {took[-1] / took[1]:.2f} times")
        print(f"of the object's {path.stat().st_size} bytes {objects.sent} were sent, {objects.sent / path.stat().st_size:.2f} times")
        print(f"on disk: {disk(hosting.server.data_dir) >> 10} MiB in the data directory, {(disk(engine) - before) >> 10} MiB more at the engine")
        for endpoint in endpoints:
            hosting.delete(endpoint)


def archived(path):
    """A gigabyte that does not compress, in a tar that gzip made as fast as it can."""
    with subprocess.Popen(["gzip", "-1"], stdin=subprocess.PIPE, stdout=open(path, "wb")) as gzip:
        with tarfile.open(fileobj=gzip.stdin, mode="w|") as tar:
            entry = tarfile.TarInfo("weights")
            entry.size = BYTES
            tar.addfile(entry, Random(BYTES))
        gzip.stdin.close()
    assert gzip.returncode == 0


class Random(io.RawIOBase):
    """So many random bytes."""

    def __init__(self, left):
        self.left = left

    def read(self, size=-1):
        piece = os.urandom(min(size, self.left))
        self.left -= len(piece)
        return piece


class Objects:
    """An S3 of one object, which counts what it sends and asks nobody who he is."""

    def __init__(self, path):
        self.path, self.sent = path, 0
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_HEAD(self):  # noqa: N802
                self.answer(False)

            def do_GET(self):  # noqa: N802
                self.answer(True)

            def answer(self, whole):
                size = path.stat().st_size
                first, last = 0, size - 1
                asked = self.headers.get("Range")
                if asked:
                    begin, _, end = asked.removeprefix("bytes=").partition("-")
                    first, last = int(begin), min(int(end or last), last)
                self.send_response(206 if asked else 200)
                if asked:
                    self.send_header("Content-Range", f"bytes {first}-{last}/{size}")
                self.send_header("Content-Length", str(last + 1 - first))
                self.send_header("ETag", '"0123456789abcdef0123456789abcdef-1"')
                self.send_header("Last-Modified", "Tue, 01 Dec 2026 00:00:00 GMT")
                self.end_headers()
                if whole:
                    with open(path, "rb") as file:
                        file.seek(first)
                        left = last + 1 - first
                        while left:
                            piece = file.read(min(PIECE, left))
                            self.wfile.write(piece)
                            left -= len(piece)
                            outer.sent += len(piece)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def settings(self):
        """Of a server that reads from here. The key is nobody's: nothing is asked for here."""
        file = self.path.with_name("nobodys-key")
        file.write_text("[bench]\naws_access_key_id = nobody\naws_secret_access_key = nobody\n")
        return f'[s3]\nendpoint = "{self.url}"\nassume_roles = false\nprofile = "bench"\ncredentials_file = "{file}"\n'

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
