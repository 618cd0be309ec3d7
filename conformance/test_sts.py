"""GetCallerIdentity and AssumeRole."""

import datetime

import pytest

from harness.clients import client as make_client
from harness.expect import refused
from harness.hosting import ACCOUNT

ROLE = f"arn:aws:iam::{ACCOUNT}:role/team/Reader"


@pytest.fixture(scope="module")
def sts(server):
    return server.client("sts")


def session_of(made):
    import boto3

    keys = made["Credentials"]
    return boto3.session.Session(
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
        region_name="us-east-1",
    )


def test_the_caller_is_the_account_of_the_key(sts):
    seen = sts.get_caller_identity()
    assert seen["Account"] == ACCOUNT
    assert seen["Arn"] == f"arn:aws:iam::{ACCOUNT}:root"
    assert seen["UserId"]


def test_an_assumed_role_is_the_caller_of_what_it_signs(server, sts):
    made = sts.assume_role(RoleArn=ROLE, RoleSessionName="a-session", DurationSeconds=900)
    expected = f"arn:aws:sts::{ACCOUNT}:assumed-role/Reader/a-session"
    assert made["AssumedRoleUser"]["Arn"] == expected
    assert made["AssumedRoleUser"]["AssumedRoleId"].endswith(":a-session")
    assert made["Credentials"]["AccessKeyId"].startswith("ASIA")
    left = made["Credentials"]["Expiration"] - datetime.datetime.now(datetime.UTC)
    assert 840 < left.total_seconds() <= 901

    session = session_of(made)
    seen = session.client("sts", endpoint_url=server.url).get_caller_identity()
    assert seen["Account"] == ACCOUNT
    assert seen["Arn"] == expected
    listed = session.client("sagemaker", endpoint_url=server.url).list_models()
    assert listed["Models"] == []


def test_a_session_lasts_an_hour_when_nothing_is_said(sts):
    made = sts.assume_role(RoleArn=ROLE, RoleSessionName="an-hour")
    left = made["Credentials"]["Expiration"] - datetime.datetime.now(datetime.UTC)
    assert 3500 < left.total_seconds() <= 3601


@pytest.mark.parametrize(
    "wrong",
    [
        {"DurationSeconds": 899},
        {"DurationSeconds": 43201},
        {"RoleSessionName": "x"},
        {"RoleSessionName": "y" * 65},
        {"RoleSessionName": "no spaces"},
        {"RoleArn": "not-an-arn-at-all-but-long-enough"},
    ],
)
def test_parameters_beyond_their_borders_are_refused(server, wrong):
    client = make_client(server.session(), "sts", parameter_validation=False)
    members = {"RoleArn": ROLE, "RoleSessionName": "fine"} | wrong
    refused(client.assume_role, code="ValidationError", **members)


@pytest.mark.parametrize("right", [{"DurationSeconds": 900}, {"RoleSessionName": "ab"}, {"RoleSessionName": "y" * 64}])
def test_parameters_at_their_borders_are_accepted(sts, right):
    assert sts.assume_role(**({"RoleArn": ROLE, "RoleSessionName": "fine"} | right))["Credentials"]


def test_a_session_survives_a_restart(make_server):
    server = make_server()
    made = server.client("sts").assume_role(RoleArn=ROLE, RoleSessionName="kept")
    server.stop()
    server.start()
    seen = session_of(made).client("sts", endpoint_url=server.url).get_caller_identity()
    assert seen["Arn"].endswith("assumed-role/Reader/kept")
