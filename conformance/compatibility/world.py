"""One server, the calls to it, and what its answers held: the ground on which verdicts are proven."""

import json
import re
from collections import Counter
from functools import cached_property

from compatibility import members
from harness.hosting import Hosting, fresh
from harness.wire import Wire

NOTED = re.compile(r'a request member has no effect here arn="([^"]+)" note="((?:[^"\\]|\\.)*)"')


class World:
    """A server of its own, for as long as the module runs."""

    def __init__(self, server):
        self.server = server
        self.hosting = Hosting(server)
        self.wire = Wire(server)
        # (operation, path of the answer) → how many answers had it, and how many had not.
        self.there, self.absent = Counter(), Counter()
        # (operation, code) → how many answers were that error.
        self.errors = Counter()
        self.sts = server.client("sts")
        for client in (self.hosting.sagemaker, self.hosting.runtime, self.sts):
            service = client.meta.service_model.service_id.hyphenize()
            client.meta.events.register(f"after-call.{service}", self._after_call)

    def call(self, operation, document):
        """An operation of the control plane, unchecked by any client; the answer."""
        answer = self.wire.control(operation, document)
        if answer.status != 200:
            self.errors[operation, answer.code] += 1
        elif answer.body:
            self.observe(operation, answer.json)
        return answer

    def ask(self, operation, **document):
        """A call that has to succeed; its document."""
        answer = self.call(operation, document)
        assert answer.status == 200, f"{operation} {document}: {answer}"
        return answer.json if answer.body else {}

    def observe(self, operation, document):
        for path, is_there in members.walk(members.operation(operation).output_shape, document):
            (self.there if is_there else self.absent)[operation, path] += 1

    def _after_call(self, parsed, model, http_response, **_):
        if http_response.status_code < 300:
            self.observe(model.name, parsed)
        else:
            self.errors[model.name, parsed["Error"]["Code"]] += 1

    def logged_notes(self, arn):
        """The notes that the log holds on a resource."""
        return [note for named, note in NOTED.findall(self.server.log()) if named == arn]

    def described_notes(self, endpoint):
        """What `hostler describe` notes."""
        return json.loads(self.server.cli("describe", endpoint, "--output", "json").stdout)["Notes"]

    def printed(self, endpoint):
        """All that `hostler describe` prints for a person, on one line."""
        return " ".join(self.server.cli("describe", endpoint).stdout.decode().split())

    @cached_property
    def model(self):
        return self.hosting.test_model("plain", {"TEST_ANSWER": "body=here"})

    @cached_property
    def config(self):
        return self.hosting.config(self.model)

    @cached_property
    def endpoint(self):
        """An endpoint that is InService and that nobody changes."""
        return self.hosting.endpoint(self.config, fresh("Probed"))

    @cached_property
    def data(self):
        """An S3 prefix with two objects."""
        self.hosting.upload(b"one", key="probed/one")
        return self.hosting.upload(b"two", key="probed/two").removesuffix("two")
