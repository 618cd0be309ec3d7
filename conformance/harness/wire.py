"""Requests as bytes on the wire, signed by botocore's own signers or deliberately not."""

import datetime
import http.client
import json
import ssl
import urllib.parse
from unittest import mock

from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

JSON = "application/x-amz-json-1.1"
FORM = "application/x-www-form-urlencoded; charset=utf-8"
STS_VERSION = "2011-06-15"
LONG_SIGNATURE_TEXT = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key "
    "and signing method. Consult the service documentation for details."
)


class Answer:
    """A response: status, headers by lower-case name, body."""

    def __init__(self, response):
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self.body = response.read()

    @property
    def text(self):
        return self.body.decode("utf-8", "replace")

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def message(self):
        document = self.json
        return document.get("message", document.get("Message"))

    @property
    def code(self):
        """The error code as SDKs find it: the header first, then `__type`."""
        header = self.headers.get("x-amzn-errortype")
        if header:
            return header.split(":")[0]
        return self.json.get("__type", "").rsplit("#", 1)[-1]

    def __repr__(self):
        return f"<{self.status} {self.headers} {self.text[:600]}>"


class Wire:
    """Sends requests to one server."""

    def __init__(self, server):
        self.server = server
        self.key, self.secret = server.keys()
        self.credentials = Credentials(self.key, self.secret)

    def send(self, method, path, headers=None, body=b"", timeout=70):
        parts = urllib.parse.urlsplit(self.server.url)
        if parts.scheme == "https":
            context = ssl._create_unverified_context()
            connection = http.client.HTTPSConnection(parts.hostname, parts.port, timeout=timeout, context=context)
        else:
            connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout)
        try:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            headers = dict(headers or {})
            headers.setdefault("Host", parts.netloc)
            if "Content-Length" not in headers and (body or method in ("POST", "PUT")):
                headers["Content-Length"] = str(len(body))
            for name, value in headers.items():
                connection.putheader(name, value)
            try:
                connection.endheaders(body or None)
            except (BrokenPipeError, ConnectionResetError):
                pass  # It would not read to the end; what it said is there all the same.
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def signed(self, method, path, service, headers=None, body=b"", **how):
        """Headers of a signed request. `how`: credentials, region, at (a datetime)."""
        signer = S3SigV4Auth if service == "s3" else SigV4Auth
        headers = dict(headers or {})
        headers.setdefault("Host", urllib.parse.urlsplit(self.server.url).netloc)
        request = AWSRequest(method, self.server.url + path, headers=headers, data=body)
        signer_of = signer(how.get("credentials", self.credentials), service, how.get("region", "us-east-1"))
        with at(how.get("at")):
            signer_of.add_auth(request)
        return dict(request.headers.items())

    def presigned(self, method, path, expires=900, **how):
        """An S3 path with its signature in the query."""
        request = AWSRequest(method, self.server.url + path)
        credentials = how.get("credentials", self.credentials)
        region = how.get("region", "us-east-1")
        with at(how.get("at")):
            S3SigV4QueryAuth(credentials, "s3", region, expires).add_auth(request)
        parts = urllib.parse.urlsplit(request.url)
        return f"{parts.path}?{parts.query}"

    # -- the three protocols ------------------------------------------------------------------------

    def control(self, operation, document=None, raw=None, headers=None, sign=True, **how):
        """An awsJson1.1 request."""
        body = raw if raw is not None else json.dumps({} if document is None else document).encode()
        headers = {"Content-Type": JSON, "X-Amz-Target": f"SageMaker.{operation}"} | (headers or {})
        headers = {name: value for name, value in headers.items() if value is not None}
        if sign:
            headers = self.signed("POST", "/", how.pop("service", "sagemaker"), headers, body, **how)
        return self.send("POST", "/", headers, body)

    def invoke(self, endpoint, body=b"", headers=None, sign=True, **how):
        """A restJson1 request to the data plane."""
        path = how.pop("path", f"/endpoints/{endpoint}/invocations")
        headers = dict(headers or {})
        if sign:
            headers = self.signed("POST", path, how.pop("service", "sagemaker"), headers, body, **how)
        return self.send("POST", path, headers, body)

    def sts(self, action, parameters=None, sign=True, **how):
        """A query request."""
        form = {"Action": action, "Version": STS_VERSION} | (parameters or {})
        body = urllib.parse.urlencode(form).encode()
        headers = {"Content-Type": FORM}
        if sign:
            headers = self.signed("POST", "/", how.pop("service", "sts"), headers, body, **how)
        return self.send("POST", "/", headers, body)

    def object(self, method, path, body=b"", headers=None, sign=True, **how):
        """An S3 request."""
        headers = dict(headers or {})
        if sign:
            headers = self.signed(method, path, how.pop("service", "s3"), headers, body, **how)
        return self.send(method, path, headers, body)


def at(moment):
    """While it lasts, botocore signs as if it were that moment."""
    if moment is None:
        moment = now()
    return mock.patch("botocore.auth.get_current_datetime", lambda *_, **__: moment)


def now(**ago):
    """The present, or some time ago: now(minutes=6); negative is in the future."""
    return datetime.datetime.now(datetime.UTC) - datetime.timedelta(**ago)


def tampered(authorization):
    """An Authorization header whose signature has its last digit changed."""
    last = authorization[-1]
    return authorization[:-1] + ("0" if last != "0" else "1")
