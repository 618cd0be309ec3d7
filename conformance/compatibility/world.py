"""One server, the calls to it, and what its answers held: the ground on which verdicts are proven."""

import json
import re
from collections import Counter
from functools import cached_property

from compatibility import members
from harness import event_frames
from harness.hosting import Hosting, fresh
from harness.wire import Wire

# A line of the log about a member without effect, and its fields, wherever they stand in it.
NOTED = "a request member has no effect here"
ARN = re.compile(r'\barn="([^"]+)"')
NOTE = re.compile(r'\bnote="((?:[^"\\]|\\.)*)"')


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

    def observe(self, operation, document, parent=""):
        """An answer, or what came of one of its members later: `parent` is that member."""
        shape = members.response(operation)[parent].shape if parent else members.operation(operation).output_shape
        for path, is_there in members.walk(shape, document, parent):
            (self.there if is_there else self.absent)[operation, path] += 1

    def stream(self, endpoint, body=b"", **more):
        """A streamed call: boto3's answer, and its events as boto3 or the service model has them."""
        operation = "InvokeEndpointWithResponseStream"
        answer = self.hosting.runtime.invoke_endpoint_with_response_stream(EndpointName=endpoint, Body=body, **more)
        events = []
        for headers, payload in event_frames.events(answer["Body"]._raw_stream.read()):
            kind = headers.get(":event-type") or headers[":exception-type"]
            events.append({kind: {"Bytes": payload} if kind == "PayloadPart" else json.loads(payload)})
        for event in events:
            self.observe(operation, event, "Body")
        return answer, events

    def _after_call(self, parsed, model, http_response, **_):
        if http_response.status_code < 300:
            self.observe(model.name, parsed)
        else:
            self.errors[model.name, parsed["Error"]["Code"]] += 1

    def logged_notes(self, arn):
        """The notes that the log holds on a resource."""
        lines = [line for line in self.server.log().splitlines() if NOTED in line]
        return [NOTE.search(line)[1] for line in lines if ARN.search(line)[1] == arn]

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
