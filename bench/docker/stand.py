"""The image and the servers that the parts of the bench share."""

import contextlib
import os

import images
from harness.config import TESTMODEL
from harness.hosting import Hosting
from harness.server import Server, finish

IMAGE = "bench/testmodel:1"
ANYWHERE = {"TEST_LISTEN": "0.0.0.0"}


class Stand:
    def __init__(self, directory):
        self.directory = directory
        images.program(TESTMODEL, IMAGE)

    @contextlib.contextmanager
    def hosting(self, settings=""):
        """A server with the engine as its backend, and clients of it."""
        table = f'[docker]\nsocket = "{os.environ["HOSTLER_TEST_DOCKER"]}"\n'
        server = Server(self.directory, config=f"describe_hold_ms = 0\n{settings}\n{table}").start()
        try:
            yield Hosting(server)
        finally:
            finish(server, check=True)


def docker(*arguments):
    return images.docker(*arguments)


def milliseconds(seconds):
    return f"{seconds * 1000:8.1f} ms"
