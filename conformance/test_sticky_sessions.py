"""Stateful sessions: the instance that opened one gets the rest of it, and nobody else does."""

import datetime
import json

import pytest
from botocore.exceptions import ClientError

from harness.hosting import Hosting, fresh, production_variant
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


def test_the_containers_headers_are_relayed_as_they_are(hosting, three):
    expires = in_seconds(600)
    answer = hosting.invoke(three, asking(expires=expires), SessionId="NEW_SESSION")
    session = json.loads(answer["Payload"])["session"]
    assert answer["NewSessionId"] == f"{session}; Expires={expires}"
    assert "ClosedSessionId" not in answer
    answer = hosting.invoke(three, asking(session="close"), SessionId=session)
    assert answer["ClosedSessionId"] == session
    assert "NewSessionId" not in answer


def test_the_container_sees_the_session_id(hosting, three):
    def seen(**more):
        body = json.dumps({"test": {"tell": "all"}}).encode()
        return json.loads(hosting.invoke(three, body, **more)["Payload"])["headers"]

    header = "x-amzn-sagemaker-session-id"
    assert seen(SessionId="NEW_SESSION")[header] == "NEW_SESSION"
    session, _ = begin(hosting, three)
    assert seen(SessionId=session)[header] == session
    assert header not in seen()


def test_a_stream_goes_on_with_a_session_and_opens_none(hosting, three):
    def streamed(asked, **commands):
        call = hosting.runtime.invoke_endpoint_with_response_stream
        answer = call(EndpointName=three, Body=asking(**commands), SessionId=asked)
        return json.loads(b"".join(event["PayloadPart"]["Bytes"] for event in answer["Body"]))

    session, answer = begin(hosting, three)
    pid = json.loads(answer["Payload"])["pid"]
    assert [streamed(session) for _ in range(4)] == [
        {"pid": pid, "session": session, "turn": number} for number in range(2, 6)
    ]
    assert turn(hosting, three, session) == (pid, 6)
    with pytest.raises(ClientError) as caught:
        streamed("NEW_SESSION")
    assert "must satisfy regular expression pattern" in caught.value.response["Error"]["Message"]
    streamed(session, session="close")
    with pytest.raises(ClientError) as caught:
        streamed(session)
    assert caught.value.response["Error"]["Message"].startswith(f"Session {session} of endpoint {three} not found")


def test_a_container_that_opens_no_session_opens_none(hosting, three):
    body = json.dumps({"test": {"body": "plain"}}).encode()
    answer = hosting.invoke(three, body, SessionId="NEW_SESSION")
    assert answer["Payload"] == b"plain"
    assert "NewSessionId" not in answer


def test_a_request_without_a_session_opens_and_closes_none(hosting, three):
    body = {"header": "X-Amzn-SageMaker-New-Session-Id: unasked-1"}
    assert "NewSessionId" not in hosting.invoke(three, json.dumps({"test": body}).encode())
    assert "unasked-1 of" in refused(hosting, three, "unasked-1")


def test_a_session_that_was_closed_is_not_found(hosting, three):
    session, _ = begin(hosting, three)
    other, _ = begin(hosting, three)
    hosting.invoke(three, asking(session="close"), SessionId=session)
    assert refused(hosting, three, session) == (
        f"Session {session} of endpoint {three} not found: it has expired, was closed, or never was. Begin another "
        "with the session id NEW_SESSION."
    )
    assert turn(hosting, three, other)[1] == 2


def test_a_session_is_closed_by_an_error_too(hosting, three):
    session, _ = begin(hosting, three)
    closing = {"status": 500, "header": f"X-Amzn-SageMaker-Closed-Session-Id: {session}"}
    with pytest.raises(ClientError) as caught:
        hosting.invoke(three, json.dumps({"test": closing}).encode(), SessionId=session)
    assert caught.value.response["Error"]["Code"] == "ModelError"
    assert "not found" in refused(hosting, three, session)


def test_a_session_expires_when_its_container_said(hosting, three):
    lasting, _ = begin(hosting, three, expires=in_seconds(600))
    session, _ = begin(hosting, three, expires=in_seconds(1))
    turn(hosting, three, session)

    def look():
        try:
            return turn(hosting, three, session)
        except ClientError as error:
            return error.response["Error"]["Message"]

    message = eventually(look, lambda seen: isinstance(seen, str), "the session expires")
    assert message.startswith(f"Session {session} of endpoint {three} not found")
    assert turn(hosting, three, lasting)[1] == 2


def test_a_session_id_that_never_was_is_a_validation_error(hosting, three):
    assert "never-there" in refused(hosting, three, "never-there")


def test_a_session_id_against_its_pattern_is_refused_in_awss_words(hosting, three):
    message = refused(hosting, three, "NEW_SESSIONS")
    assert "failed to satisfy constraint: Member must satisfy regular expression pattern" in message


def test_a_session_belongs_to_its_endpoint(hosting, three):
    other = hosting.deploy("status")
    session, _ = begin(hosting, three)
    assert f"of endpoint {other} not found" in refused(hosting, other, session)
    assert turn(hosting, three, session)[1] == 2


def test_a_target_variant_cannot_move_a_session(hosting):
    config = fresh("config")
    hosting.sagemaker.create_endpoint_config(
        EndpointConfigName=config,
        ProductionVariants=[
            production_variant(hosting.test_model("status"), "blue", InitialVariantWeight=1.0),
            production_variant(hosting.test_model("status"), "green", InitialVariantWeight=0.0),
        ],
    )
    name = hosting.endpoint(config)
    answer = hosting.invoke(name, asking(), SessionId="NEW_SESSION", TargetVariant="green")
    session = answer["NewSessionId"]
    pid = json.loads(answer["Payload"])["pid"]
    assert turn(hosting, name, session) == (pid, 2), "the weight is no longer asked"
    assert turn(hosting, name, session, TargetVariant="green") == (pid, 3)
    message = refused(hosting, name, session, TargetVariant="blue")
    assert message == f"Session {session} of endpoint {name} is not with variant blue but with variant green."
    assert turn(hosting, name, session) == (pid, 4)


def test_a_session_stays_through_an_update_until_its_instance_drains(hosting):
    """A canary: the former instance keeps its sessions until the new one has everything."""
    name = hosting.deploy("status", count=2)
    session, answer = begin(hosting, name)
    pid = json.loads(answer["Payload"])["pid"]
    canary = {"Type": "CANARY", "WaitIntervalInSeconds": 3, "CanarySize": {"Type": "INSTANCE_COUNT", "Value": 1}}
    hosting.sagemaker.update_endpoint(
        EndpointName=name,
        EndpointConfigName=hosting.config(hosting.test_model("status"), count=2),
        DeploymentConfig={"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": canary}},
    )
    turns = []

    def look():
        try:
            turns.append(turn(hosting, name, session))
            return None
        except ClientError as error:
            assert error.response["Error"]["Code"] == "ValidationError", error
            return error.response["Error"]["Message"]

    message = eventually(look, lambda seen: seen is not None, "the session ends")
    assert message == (
        f"Session {session} of endpoint {name} has ended: its instance takes no more requests. Begin another with the "
        "session id NEW_SESSION."
    )
    assert turns == [(pid, number) for number in range(2, len(turns) + 2)], "every turn went to the same process"
    hosting.in_service(name)
    assert "not found" in refused(hosting, name, session)
    begin(hosting, name)


@pytest.mark.parametrize("retry_lost", ["true", "false"])
def test_a_turn_that_dies_with_its_instance_is_not_tried_elsewhere(hosting, tmp_path, retry_lost):
    """Also where the owner allows it for others: nobody else has the session."""
    config = hosting.config(hosting.test_model("status"), count=2)
    name = hosting.endpoint(config, Tags=[{"Key": "hostler:retry_lost", "Value": retry_lost}])
    session, _ = begin(hosting, name)
    with pytest.raises(ClientError) as caught:
        hosting.invoke(name, asking(signal="KILL"), SessionId=session)
    error = caught.value.response
    assert (error["Error"]["Code"], error["OriginalStatusCode"]) == ("ModelError", 0)

    def look():
        try:
            return turn(hosting, name, session)
        except ClientError as gone:
            # Until the death is known its instance is asked, and nobody else.
            assert gone.response["Error"]["Code"] in ("ModelError", "ValidationError"), gone
            return gone.response["Error"]["Code"]

    eventually(look, lambda seen: seen == "ValidationError", "the session is gone")
    hosting.in_service(name)
    for _ in range(10):
        assert "not found" in refused(hosting, name, session)


def test_a_deleted_endpoint_takes_its_sessions_along(hosting):
    config = hosting.config(hosting.test_model("status"))
    name = hosting.endpoint(config)
    session, _ = begin(hosting, name)
    hosting.delete(name)
    hosting.endpoint(config, name=name)
    assert "not found" in refused(hosting, name, session)


def test_sessions_end_with_the_server_also_where_instances_stay(make_server):
    server = make_server(arguments=("--leave-running",))
    hosting = Hosting(server)
    name = hosting.deploy("status")
    session, answer = begin(hosting, name)
    server.stop()
    server.start()
    hosting = Hosting(server)
    assert "not found" in refused(hosting, name, session)
    _, again = begin(hosting, name)
    assert json.loads(again["Payload"])["pid"] == json.loads(answer["Payload"])["pid"], "the same process answers"
    hosting.delete(name)
