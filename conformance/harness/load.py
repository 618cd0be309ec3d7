"""A steady load of invocations from boto3 and from bare connections, each answer written down."""

import http.client
import threading
import time
import urllib.parse

from botocore.exceptions import BotoCoreError, ClientError

from harness.wire import Wire



class Load:
    """Asks an endpoint from several threads until it is left. One try per request: what fails is seen."""

    def __init__(self, server, name, boto3_threads=2, bare_threads=2):
        self.server = server
        self.name = name
        self.answers = 0
        self.failures = []
        # When each failed request began, and when it was known to have failed.
        self.failed_at = []
        self._lock = threading.Lock()
        self._done = threading.Event()
        works = [self._by_boto3] * boto3_threads + [self._bare] * bare_threads
        self._threads = [threading.Thread(target=work, daemon=True) for work in works]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._done.set()
        for thread in self._threads:
            thread.join(timeout=60)
            assert not thread.is_alive(), "a request never ended"

    def assert_nothing_was_lost(self, at_least=20):
        assert self.failures == []
        assert self.answers >= at_least, f"only {self.answers} requests were made"

    def _note(self, began, failure):
        with self._lock:
            if failure is None:
                self.answers += 1
            else:
                self.failures.append(failure)
                self.failed_at.append((began, time.monotonic()))

    def _bodies(self):
        while not self._done.is_set():
            yield b"{}"
            yield b'{"test": {"delay_ms": 30}, "body": "slow"}'

    def _by_boto3(self):
        client = self.server.client("sagemaker-runtime")
        for body in self._bodies():
            began = time.monotonic()
            try:
                client.invoke_endpoint(EndpointName=self.name, Body=body)["Body"].read()
                self._note(began, None)
            except (ClientError, BotoCoreError) as error:
                self._note(began, error)
        client.close()

    def _bare(self):
        """One connection that is kept, as a client without an SDK does."""
        wire = Wire(self.server)
        path = f"/endpoints/{self.name}/invocations"
        address = urllib.parse.urlsplit(self.server.url)
        connection = None
        for body in self._bodies():
            began = time.monotonic()
            try:
                if connection is None:
                    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=70)
                connection.request("POST", path, body, wire.signed("POST", path, "sagemaker", {}, body))
                response = connection.getresponse()
                text = response.read()
                self._note(began, None if response.status == 200 else (response.status, text))
            except (OSError, http.client.HTTPException) as error:
                self._note(began, error)
                connection.close()
                connection = None
                # A server that is away refuses at once; asking without a pause would only heat the machine.
                time.sleep(0.01)
        if connection is not None:
            connection.close()
