"""Connections over TLS, whose bytes come and go in records: at rest, in the middle of an answer, from the first byte."""

import contextlib
import os
import socket
import ssl
import time

import pytest

from harness.bare import Bare, head, held_by_sockets, resident
from harness.certificates import Certificates
from harness.hosting import Hosting

# A connection rests after five seconds without progress, and is looked at once a second.
REST_S = 5 + 2
MIB = 1024 * 1024
CONNECTIONS = 200
# A session of TLS with its keys and buffers, and what an allocator keeps.
BYTES_MAX = 80 * 1024
ASKED = b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    return Certificates(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def trust(certificates):
    return ssl.create_default_context(cafile=certificates.ca)


@pytest.fixture
def server(make_server, certificates):
    return make_server(arguments=("--tls-cert", certificates.cert, "--tls-key", certificates.key))


class Sealed(Bare):
    """One connection over TLS."""

    def __init__(self, server, trust):
        super().__init__(server)
        self.socket = trust.wrap_socket(self.socket, server_hostname="127.0.0.1")

    def is_well(self):
        self.send(ASKED)
        status, answer = self.answer()
        return status == 200 and answer.endswith(b"ok")


def test_a_request_in_the_same_segment_as_the_end_of_the_handshake_is_answered(server, trust):
    """The server reads both at once, and nothing more comes of the socket then."""
    for _ in range(10):
        arrives, leaves = ssl.MemoryBIO(), ssl.MemoryBIO()
        sealed = trust.wrap_bio(arrives, leaves, server_hostname="127.0.0.1")
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as plain:
            while True:
                try:
                    sealed.do_handshake()
                    break
                except ssl.SSLWantReadError:
                    plain.sendall(leaves.read())
                    arrives.write(plain.recv(65536))
            sealed.write(ASKED)
            plain.sendall(leaves.read())
            answer = b""
            while not answer.endswith(b"ok"):
                try:
                    answer += sealed.read()
                except ssl.SSLWantReadError:
                    arrives.write(plain.recv(65536))
            assert answer.startswith(b"HTTP/1.1 200 OK\r\n")


def test_connections_at_rest_answer_again_and_cost_little(server, trust):
    with contextlib.ExitStack() as stack:
        assert stack.enter_context(Sealed(server, trust)).is_well()
        before = resident(server)
        clients = [stack.enter_context(Sealed(server, trust)) for _ in range(CONNECTIONS)]
        for _ in range(2):
            assert all(client.is_well() for client in clients)
            time.sleep(REST_S)
            assert (resident(server) - before) / CONNECTIONS < BYTES_MAX
        assert all(client.is_well() for client in clients)


def test_a_client_that_pauses_in_the_middle_of_its_answer_gets_all_of_it(server, trust, certificates):
    """As without TLS, which holds some records more."""
    original = server.client
    server.client = lambda service, region=None, **more: original(service, region, verify=str(certificates.ca), **more)
    hosting = Hosting(server)
    hosting.upload()
    endpoint = hosting.deploy("plain")
    short = b"the next one"
    with contextlib.ExitStack() as stack:

        def asking(body):
            client = stack.enter_context(Sealed(server, trust))
            client.send(head(server, endpoint, body) + body)
            return client

        held = held_by_sockets(asking(os.urandom(16 * MIB)))
        assert MIB < held < 15 * MIB
        bodies = [os.urandom(held + more * 1024) for more in range(-48, 256, 16)]
        clients = [asking(body) for body in bodies]
        time.sleep(REST_S)
        for client, body in zip(clients, bodies, strict=True):
            status, answer = client.answer()
            assert status == 200 and answer.partition(b"\r\n\r\n")[2] == body
            client.send(head(server, endpoint, short) + short)
            status, answer = client.answer()
            assert status == 200 and answer.partition(b"\r\n\r\n")[2] == short
