"""What goes over the wire between boto3 and a server, as text that is the same in every run.

boto3's own events give the request as it was signed and sent, and the response before it is parsed. What differs from
run to run (ids, times, signatures, ports, tokens, the client's name) is masked, each by a word in angle brackets; so is
a Content-Length, after it was held against the body.
"""

import contextlib
import json
import re
import urllib.parse

from botocore.eventstream import EventStream

from harness import event_frames

# Headers whose values differ from run to run, or from machine to machine.
MASKED_HEADERS = {
    "amz-sdk-invocation-id": "<uuid>",
    "date": "<date>",
    "user-agent": "<user agent>",
    "x-amz-date": "<date>",
    "x-amzn-requestid": "<uuid>",
}
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
# Said when an answer came before the whole request was read, which is a race; and it is between two hops alone.
LEFT_OUT = {"connection"}
# What the ids of instances begin with.
INSTANCE = re.compile(r"\b[0-9a-f]{16}(?=\.g\d+\.)")
SIGNATURE = re.compile(r"Credential=[^/]+/\d{8}/(.*), SignedHeaders=(.*), Signature=[0-9a-f]{64}$")
PORT = re.compile(r"127\.0\.0\.1:\d+")
# Elements of an STS answer that are made anew each time.
ELEMENT = re.compile(
    r"<(AccessKeyId|SecretAccessKey|SessionToken|Expiration|RequestId|AssumedRoleId|UserId)>[^<]+</\1>"
)


class Recorder:
    """Takes down the calls of clients that it watches, while a case is open."""

    def __init__(self):
        # Operation → the cases in the order in which they came, each a title and its exchanges.
        self.operations = {}
        self._title = None
        self._request = None

    def watch(self, client):
        """Clients made by boto3 only."""
        service = client.meta.service_model.service_id.hyphenize()
        client.meta.events.register(f"before-send.{service}", self._sent)
        client.meta.events.register(f"response-received.{service}", self._received)
        return client

    @contextlib.contextmanager
    def case(self, title):
        """Takes down what is called inside, under this title."""
        assert self._title is None, "a case within a case"
        self._title = title
        try:
            yield
        finally:
            self._title = None

    def _sent(self, request, **_):
        if self._title is not None:
            self._request = (request.method, request.url, dict(request.headers.items()), request.body)

    def _received(self, response_dict, parsed_response, event_name, **_):
        if self._title is None:
            return
        operation = event_name.rsplit(".", 1)[1]
        body = response_dict["body"]
        if not isinstance(body, bytes):
            # A streamed answer: read here, and put back for the caller.
            answer = parsed_response["Body"]
            body = answer._raw_stream.read() if isinstance(answer, EventStream) else answer.read()
            parsed_response["Payload"] = body
        headers = {name.lower(): value for name, value in response_dict["headers"].items()}
        text = exchange(self._request, response_dict["status_code"], headers, body)
        self.operations.setdefault(operation, []).append((self._title, text))

    def transcript(self, operation):
        """Everything that was taken down of an operation, as one text."""
        parts = [f"# {operation}\n"]
        for title, text in self.operations.get(operation, ()):
            parts.append(f"## {title}\n\n{text}")
        return "\n".join(parts)


def exchange(request, status, headers, body):
    """One request and its answer."""
    method, url, sent_headers, sent_body = request
    target = urllib.parse.urlsplit(url)
    path = target.path + (f"?{target.query}" if target.query else "")
    sent_body = sent_body or b""
    sent_body = sent_body.encode() if isinstance(sent_body, str) else bytes(sent_body)
    lines = [f"{method} {path}", *_headers(sent_headers, sent_body), "", *_body(sent_body)]
    is_events = headers.get("content-type") == "application/vnd.amazon.eventstream"
    answer = [str(status), *_headers(headers, body), "", *(_events if is_events else _body)(body)]
    return "".join(_line(mark, line) for mark, part in ((">", lines), ("<", answer)) for line in part)


def _line(mark, line):
    return f"{mark} {line}\n" if line else f"{mark}\n"


def _headers(headers, body):
    shown = []
    for name, value in headers.items():
        name = name.lower()
        if name in LEFT_OUT:
            continue
        value = value.decode() if isinstance(value, bytes) else str(value)
        if name == "content-length":
            assert int(value) == len(body), f"Content-Length {value} of a body of {len(body)} bytes"
            value = "<length>" if body else "0"
        elif name == "authorization":
            value = SIGNATURE.sub(r"Credential=<key>/<day>/\1, SignedHeaders=\2, Signature=<signature>", value)
        elif name in MASKED_HEADERS:
            value = MASKED_HEADERS[name]
        shown.append(f"{name}: {masked(value)}")
    return sorted(shown)


def _events(body):
    """Each message of an event stream: its headers, then its payload."""
    lines = []
    for number, (headers, payload) in enumerate(event_frames.events(body)):
        lines += [""] if number else []
        lines += [*(f"{name} {value}" for name, value in headers.items()), *_body(payload)]
    return lines


def _body(body):
    if not body:
        return ["(no body)"]
    text = body.decode("utf-8")
    try:
        document = json.loads(text)
    except ValueError:
        text = ELEMENT.sub(lambda found: f"<{found[1]}><masked></{found[1]}>", text)
        return masked(text).replace("><", ">\n<").splitlines()
    return masked(json.dumps(_timeless(document), indent=2, ensure_ascii=False)).splitlines()


def _timeless(value, key=""):
    """The document without its times and tokens."""
    if isinstance(value, dict):
        return {name: _timeless(inner, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [_timeless(inner, key) for inner in value]
    if key.endswith("Time") and isinstance(value, (int, float)):
        return "<time>"
    if key == "NextToken":
        return "<token>"
    return value


def masked(text):
    text = INSTANCE.sub("<instance>", text)
    return PORT.sub("127.0.0.1:<port>", UUID.sub("<uuid>", text))
