"""Sessions end: a token whose time is over is refused by every protocol in AWS's words, and a foreign one too.

STS's shortest session is a quarter of an hour. So the test opens a token that a server issued, with a second
implementation of its form and the server's own key, moves its end into the past, and seals it again.
"""

import base64
import hashlib
import hmac
import json
import os
import time

import boto3
import pytest
from botocore.config import Config
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from harness.clients import ONCE
from harness.expect import refused
from harness.hosting import ACCOUNT

ROLE = f"arn:aws:iam::{ACCOUNT}:role/ending"
INVALID = "The security token included in the request is invalid."
OVER = "The security token included in the request is expired"
# facts/sagemaker-api.md 4.4 and 4.6: service, call, code, status and text for a session that is over.
ENDED = [
    ("sagemaker", "list_models", {}, "ExpiredTokenException", 400, OVER),
    ("sagemaker-runtime", "invoke_endpoint", {"EndpointName": "e", "Body": b""}, "ExpiredTokenException", 403, OVER),
    ("sts", "get_caller_identity", {}, "ExpiredToken", 403, OVER),
    ("s3", "list_buckets", {}, "ExpiredToken", 400, "The provided token has expired."),
]
FOREIGN = [
    ("sagemaker", "list_models", {}, "UnrecognizedClientException", 400, INVALID),
    ("sagemaker-runtime", "invoke_endpoint", {"EndpointName": "e", "Body": b""}, "UnrecognizedClientException", 403, INVALID),
    ("sts", "get_caller_identity", {}, "InvalidClientTokenId", 403, INVALID),
    ("s3", "list_buckets", {}, "InvalidToken", 400, "The provided token is malformed or otherwise invalid."),
]
SERVICES = [row[0] for row in ENDED]


class Seal:
    """The server's seal on tokens, made anew from the key in its data directory."""

    def __init__(self, server):
        cluster_key = bytes.fromhex(json.loads((server.data_dir / "keys.json").read_text())["cluster_key"])
        self.aead = AESGCM(hmac.new(cluster_key, b"hostler session token v1", hashlib.sha256).digest())

    def open(self, token):
        raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        return json.loads(self.aead.decrypt(raw[1:13], raw[13:], raw[:1]))

    def close(self, session):
        nonce = os.urandom(12)
        sealed = self.aead.encrypt(nonce, json.dumps(session).encode(), b"\x02")
        return base64.urlsafe_b64encode(b"\x02" + nonce + sealed).decode().rstrip("=")


def assumed(server):
    return server.client("sts").assume_role(RoleArn=ROLE, RoleSessionName="ending", DurationSeconds=900)["Credentials"]


def client(server, service, keys, token):
    session = boto3.session.Session(keys["AccessKeyId"], keys["SecretAccessKey"], token, region_name="us-east-1")
    config = Config(retries=ONCE, s3={"addressing_style": "path"})
    return session.client(service, endpoint_url=server.url, config=config)


@pytest.mark.parametrize("service,call,members,code,status,text", ENDED, ids=SERVICES)
def test_a_session_that_is_over_is_refused(server, service, call, members, code, status, text):
    keys, seal = assumed(server), Seal(server)
    session = seal.open(keys["SessionToken"])
    assert session["e"] // 1000 == int(keys["Expiration"].timestamp())
    # Sealed again unchanged it is good: what is refused below is its end and nothing else.
    again = client(server, "sts", keys, seal.close(session))
    assert again.get_caller_identity()["Arn"].endswith(":assumed-role/ending/ending")
    session["e"] = int(time.time() * 1000) - 1000
    ended = client(server, service, keys, seal.close(session))
    assert refused(getattr(ended, call), code=code, status=status, **members) == text


@pytest.mark.parametrize("service,call,members,code,status,text", FOREIGN, ids=SERVICES)
def test_a_session_of_another_server_is_refused(server, make_server, service, call, members, code, status, text):
    other = make_server()
    keys = assumed(other)
    stranger = client(server, service, keys, keys["SessionToken"])
    assert refused(getattr(stranger, call), code=code, status=status, **members) == text


def test_a_session_of_another_role_does_not_lend_its_name(server):
    """The token says who calls: a changed role is a changed token, and no key of the server signs for it."""
    keys, seal = assumed(server), Seal(server)
    session = seal.open(keys["SessionToken"])
    forged = Seal.__new__(Seal)
    forged.aead = AESGCM(os.urandom(32))
    session["r"] = f"arn:aws:iam::{ACCOUNT}:role/admin"
    caller = client(server, "sts", keys, forged.close(session))
    assert refused(caller.get_caller_identity, code="InvalidClientTokenId", status=403) == INVALID
