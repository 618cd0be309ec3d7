"""Stateful sessions: the instance that opened one gets the rest of it, and nobody else does."""

import datetime
import json

import pytest
from botocore.exceptions import ClientError

from harness.hosting import fresh, production_variant
from harness.waiting import eventually


def asking(body="", **commands):
    return json.dumps({"test": {"session": "keep"} | commands, "body": body}).encode()


def in_seconds(seconds):
    """A moment as containers write it; rounded up, so that it is never sooner."""
    moment = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=seconds + 1)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def begin(hosting, endpoint, **commands):
    """A new session: its id, and the answer."""
    answer = hosting.invoke(endpoint, asking(**commands), SessionId="NEW_SESSION")
    return answer["NewSessionId"].split(";")[0], answer


def turn(hosting, endpoint, session, **more):
    """The next turn of a session: which process answered, and how often it has seen the session."""
    told = json.loads(hosting.invoke(endpoint, asking(), SessionId=session, **more)["Payload"])
    assert told["session"] == session
    return told["pid"], told["turn"]


def refused(hosting, endpoint, session, **more):
    with pytest.raises(ClientError) as caught:
        hosting.invoke(endpoint, asking(), SessionId=session, **more)
    error = caught.value.response
    assert (error["Error"]["Code"], error["ResponseMetadata"]["HTTPStatusCode"]) == ("ValidationError", 400), error
    return error["Error"]["Message"]


@pytest.fixture(scope="module")
def three(hosting):
    return hosting.deploy("status", count=3)


def test_every_turn_of_a_session_goes_to_the_instance_that_opened_it(hosting, three):
    opened = {}
    for _ in range(12):
        session, answer = begin(hosting, three)
        opened[session] = json.loads(answer["Payload"])["pid"]
    assert len(set(opened.values())) > 1, "sessions are spread over the instances like other requests"
    for number in range(2, 6):
        for session, pid in opened.items():
            assert turn(hosting, three, session) == (pid, number)
