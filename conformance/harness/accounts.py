"""Accounts beside the server's own: keys made by `hostler keys create`, and boto3 clients that use them."""

import json
from dataclasses import dataclass

import boto3
from botocore.config import Config

from harness.clients import ONCE
from harness.hosting import REGION, Hosting


@dataclass
class Account:
    """One key of one account of one server; stands in for the server where a client is made."""

    server: object
    number: str
    access_key_id: str
    secret: str
    token: str | None = None

    @property
    def role(self):
        return f"arn:aws:iam::{self.number}:role/conformance"

    def client(self, service, region=REGION, **config):
        session = boto3.session.Session(self.access_key_id, self.secret, self.token, region_name=region)
        settings = {"retries": ONCE, "read_timeout": 70, "s3": {"addressing_style": "path"}} | config
        return session.client(service, endpoint_url=self.server.url, config=Config(**settings))

    def hosting(self):
        return Hosting(self)

    def assumed(self, role=None, name="conformance", seconds=900):
        """The same account as a role."""
        keys = self.client("sts").assume_role(RoleArn=role or self.role, RoleSessionName=name, DurationSeconds=seconds)
        keys = keys["Credentials"]
        return Account(self.server, self.number, keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])

    def shown_log(self):
        return self.server.shown_log()


def create(server, number, *more):
    """A new key, by the command line."""
    made = json.loads(server.cli("keys", "create", "--account", number, "--output", "json", *more).stdout)
    assert made["Account"] == number
    return Account(server, number, made["AccessKeyId"], made["SecretAccessKey"])


def own(server):
    """The server's own key."""
    return Account(server, "000000000000", *server.keys())
