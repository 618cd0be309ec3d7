"""SigV4 on every door: what is missing, unknown, wrong, expired, out of scope or tampered with.

Signatures come from botocore; each protocol answers in AWS's own code, text and status.
"""

import html
import re

import pytest
from botocore.credentials import Credentials

from harness.hosting import BUCKET, Hosting
from harness.wire import JSON, LONG_SIGNATURE_TEXT, Wire, now, tampered

INVALID_TOKEN = "The security token included in the request is invalid."
S3_MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your key and signing method."
)


@pytest.fixture(scope="module")
def wire(server):
    hosting = Hosting(server)
    hosting.upload()
    return Wire(server)


def xml(answer, tag):
    found = re.search(f"<{tag}>(.*?)</{tag}>", answer.text, re.DOTALL)
    return html.unescape(found.group(1)) if found else None


class Door:
    """One protocol: how to send, and where its errors say what."""

    def __init__(self, name, send, signed, errors):
        self.name, self.send, self.signed, self.errors = name, send, signed, errors

    def __repr__(self):
        return self.name


def _json_errors(answer):
    return answer.code, answer.message


def _xml_errors(answer):
    return xml(answer, "Code"), xml(answer, "Message")


DOORS = {
    "control": Door(
        "control",
        lambda wire, **how: wire.control("ListModels", {}, **how),
        ("POST", "/", "sagemaker", {"Content-Type": JSON, "X-Amz-Target": "SageMaker.ListModels"}, b"{}"),
        _json_errors,
    ),
    "runtime": Door(
        "runtime",
        lambda wire, **how: wire.invoke("nobody", b"x", **how),
        ("POST", "/endpoints/nobody/invocations", "sagemaker", {"Content-Type": "text/csv"}, b"x"),
        _json_errors,
    ),
    "s3": Door(
        "s3",
        lambda wire, **how: wire.object("GET", f"/{BUCKET}?list-type=2", **how),
        ("GET", f"/{BUCKET}?list-type=2", "s3", {}, b""),
        _xml_errors,
    ),
    "sts": Door(
        "sts",
        lambda wire, **how: wire.sts("GetCallerIdentity", **how),
        (
            "POST",
            "/",
            "sts",
            {"Content-Type": "application/x-www-form-urlencoded"},
            b"Action=GetCallerIdentity&Version=2011-06-15",
        ),
        _xml_errors,
    ),
}


def check(door, answer, status, code, message):
    assert answer.status == status, answer
    got_code, got_message = DOORS[door].errors(answer)
    assert got_code == code, answer
    if isinstance(message, re.Pattern):
        assert message.match(got_message), got_message
    elif message is not None:
        # AWS may add the canonical string after its sentence.
        assert (got_message or "").startswith(message), got_message


@pytest.mark.parametrize("door", DOORS)
def test_a_right_signature_is_let_in(wire, door):
    answer = DOORS[door].send(wire)
    if door == "runtime":
        assert answer.code == "ValidationError", "known, and told that there is no such endpoint"
    else:
        assert answer.status == 200, answer


@pytest.mark.parametrize(
    ("door", "status", "code", "message"),
    [
        ("control", 400, "MissingAuthenticationTokenException", "Missing Authentication Token"),
        ("runtime", 403, "MissingAuthenticationTokenException", "Missing Authentication Token"),
        ("s3", 403, "AccessDenied", "Access Denied"),
        ("sts", 403, "MissingAuthenticationToken", "Request is missing Authentication Token"),
    ],
)
def test_a_missing_signature(wire, door, status, code, message):
    check(door, DOORS[door].send(wire, sign=False), status, code, message)


@pytest.mark.parametrize(
    ("door", "status", "code", "message"),
    [
        ("control", 400, "UnrecognizedClientException", INVALID_TOKEN),
        ("runtime", 403, "UnrecognizedClientException", INVALID_TOKEN),
        ("s3", 403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records."),
        ("sts", 403, "InvalidClientTokenId", INVALID_TOKEN),
    ],
)
def test_an_unknown_key(wire, door, status, code, message):
    stranger = Credentials("AKIAIOSFODNN7EXAMPLE", "some secret")
    check(door, DOORS[door].send(wire, credentials=stranger), status, code, message)


WRONG = [
    ("control", 400, "InvalidSignatureException", LONG_SIGNATURE_TEXT),
    ("runtime", 403, "InvalidSignatureException", LONG_SIGNATURE_TEXT),
    ("s3", 403, "SignatureDoesNotMatch", S3_MISMATCH),
    ("sts", 403, "SignatureDoesNotMatch", LONG_SIGNATURE_TEXT),
]


@pytest.mark.parametrize(("door", "status", "code", "message"), WRONG)
def test_a_wrong_secret(wire, door, status, code, message):
    check(door, DOORS[door].send(wire, credentials=Credentials(wire.key, "not the secret")), status, code, message)


@pytest.mark.parametrize(("door", "status", "code", "message"), WRONG)
def test_one_wrong_digit_of_the_signature(wire, door, status, code, message):
    method, path, service, headers, body = DOORS[door].signed
    headers = wire.signed(method, path, service, headers, body)
    headers["Authorization"] = tampered(headers["Authorization"])
    check(door, wire.send(method, path, headers, body), status, code, message)


@pytest.mark.parametrize(("door", "status", "code", "message"), [row for row in WRONG if row[0] != "s3"])
def test_a_tampered_body(wire, door, status, code, message):
    method, path, service, headers, body = DOORS[door].signed
    headers = wire.signed(method, path, service, headers, body)
    headers.pop("Content-Length", None)
    check(door, wire.send(method, path, headers, body + b" "), status, code, message)


def test_a_tampered_body_of_an_object(wire):
    path = f"/{BUCKET}/tampered"
    headers = wire.signed("PUT", path, "s3", {}, b"as signed")
    answer = wire.send("PUT", path, headers, b"otherwise")
    assert answer.status == 400
    assert xml(answer, "Code") == "XAmzContentSHA256Mismatch"
    assert wire.object("GET", path).status == 404, "nothing was kept"


@pytest.mark.parametrize(("door", "status", "code", "message"), WRONG)
def test_a_tampered_path_or_query(wire, door, status, code, message):
    method, path, service, headers, body = DOORS[door].signed
    headers = wire.signed(method, path, service, headers, body)
    other = path + ("&max-keys=1" if "?" in path else "?x=1")
    check(door, wire.send(method, other, headers, body), status, code, message)


EXPIRED = re.compile(r"Signature expired: \d{8}T\d{6}Z is now earlier than \d{8}T\d{6}Z \(\d{8}T\d{6}Z - 5 min\.\)")
EARLY = re.compile(
    r"Signature not yet current: \d{8}T\d{6}Z is still later than \d{8}T\d{6}Z \(\d{8}T\d{6}Z \+ 5 min\.\)"
)
SKEWED = "The difference between the request time and the current time is too large."


@pytest.mark.parametrize(
    ("door", "minutes", "status", "code", "message"),
    [
        ("control", 6, 400, "InvalidSignatureException", EXPIRED),
        ("control", -6, 400, "InvalidSignatureException", EARLY),
        ("runtime", 6, 403, "InvalidSignatureException", EXPIRED),
        ("runtime", -6, 403, "InvalidSignatureException", EARLY),
        ("sts", 6, 403, "SignatureDoesNotMatch", EXPIRED),
        ("sts", -6, 403, "SignatureDoesNotMatch", EARLY),
        ("s3", 16, 403, "RequestTimeTooSkewed", SKEWED),
        ("s3", -16, 403, "RequestTimeTooSkewed", SKEWED),
    ],
)
def test_a_clock_that_is_wrong(wire, door, minutes, status, code, message):
    check(door, DOORS[door].send(wire, at=now(minutes=minutes)), status, code, message)


@pytest.mark.parametrize(("door", "minutes"), [("control", 4), ("runtime", 4), ("sts", 4), ("s3", 14)])
def test_a_clock_that_is_a_little_off_is_let_in(wire, door, minutes):
    for sign in (1, -1):
        answer = DOORS[door].send(wire, at=now(minutes=minutes * sign))
        code = None if answer.status == 200 else answer.code
        assert code in (None, "ValidationError"), answer


@pytest.mark.parametrize(
    ("door", "status", "code"),
    [
        ("control", 400, "InvalidSignatureException"),
        ("runtime", 403, "InvalidSignatureException"),
        ("sts", 403, "SignatureDoesNotMatch"),
    ],
)
def test_a_scope_of_another_service(wire, door, status, code):
    expected = (
        "Credential should be scoped to correct service: 'sagemaker'."
        if door != "sts"
        else ("Credential should be scoped to correct service: 'sts'.")
    )
    check(door, DOORS[door].send(wire, service="dynamodb"), status, code, expected)


@pytest.mark.parametrize("door", ["control", "runtime"])
def test_a_header_without_its_parts(wire, door):
    method, path, _, headers, body = DOORS[door].signed
    answer = wire.send(method, path, headers | {"Authorization": "AWS4-HMAC-SHA256 Credential=x"}, body)
    assert answer.status in (400, 403)
    assert answer.code == "IncompleteSignatureException"


def test_a_presigned_url_lets_in_until_it_expires(wire):
    path = f"/{BUCKET}/kmeans/model.tar.gz"
    assert wire.send("GET", wire.presigned("GET", path)).status == 200
    answer = wire.send("GET", wire.presigned("GET", path, expires=60, at=now(minutes=2)))
    assert answer.status == 403
    assert (xml(answer, "Code"), xml(answer, "Message")) == ("AccessDenied", "Request has expired")


def test_a_presigned_url_is_for_one_path_and_method(wire):
    path = f"/{BUCKET}/kmeans/model.tar.gz"
    presigned = wire.presigned("GET", path)
    assert xml(wire.send("GET", presigned.replace("kmeans/", "other/")), "Code") == "SignatureDoesNotMatch"
    assert xml(wire.send("DELETE", presigned), "Code") == "SignatureDoesNotMatch"
    assert wire.object("HEAD", path).status == 200


def test_the_same_signature_twice_is_accepted(wire):
    method, path, service, headers, body = DOORS["control"].signed
    headers = wire.signed(method, path, service, headers, body)
    assert [wire.send(method, path, headers, body).status for _ in range(2)] == [200, 200]


def assumed(server, name="someone", seconds=900):
    role = "arn:aws:iam::000000000000:role/conformance"
    answer = server.client("sts").assume_role(RoleArn=role, RoleSessionName=name, DurationSeconds=seconds)
    made = answer["Credentials"]
    return Credentials(made["AccessKeyId"], made["SecretAccessKey"], made["SessionToken"])


@pytest.mark.parametrize("door", DOORS)
def test_a_session_is_let_in_and_its_token_cannot_be_left_out_or_changed(wire, server, door):
    session = assumed(server)
    answer = DOORS[door].send(wire, credentials=session)
    assert answer.status == 200 or answer.code == "ValidationError", answer
    for token in (None, session.token[:-6] + "AAAAAA", "made up"):
        forged = Credentials(session.access_key, session.secret_key, token)
        answer = DOORS[door].send(wire, credentials=forged)
        assert answer.status in (400, 403), (token, answer)
