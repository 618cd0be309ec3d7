"""Under a steady load nothing is lost: not by an update, a rollback or a change of size; by a death just what it held."""

import concurrent.futures
import json
import os
import signal
import time

import pytest
from botocore.exceptions import ClientError

from harness.hosting import Hosting
from harness.load import Load
from harness.waiting import eventually
from test_updates import blue_green, describe, instances, says, update

RESTART_S = 1.0


def rolling(batch=1, wait=0):
    return {"RollingUpdatePolicy": {"MaximumBatchSize": instances(batch), "WaitIntervalInSeconds": wait}}


@pytest.mark.parametrize(
    "policy",
    [
        None,
        blue_green("ALL_AT_ONCE", termination_wait=1),
        blue_green("CANARY", wait=1, termination_wait=1, CanarySize=instances(1)),
        blue_green("LINEAR", wait=1, LinearStepSize=instances(1)),
        rolling(),
        rolling(wait=1),
    ],
    ids=["no policy", "all at once", "canary", "linear", "rolling", "rolling with a wait"],
)
def test_no_request_is_lost_by_an_update_or_by_one_that_goes_back(hosting, policy):
    name = hosting.endpoint(says(hosting, "old", count=2))
    more = {"DeploymentConfig": policy} if policy else {}
    broken = hosting.config(hosting.test_model("crash"), count=2)
    with Load(hosting.server, name) as load:
        update(hosting, name, says(hosting, "new", count=2), **more)
        hosting.in_service(name)
        update(hosting, name, broken, **more)
        hosting.in_service(name)
        assert "FailureReason" in describe(hosting, name)
        update(hosting, name, says(hosting, "newest", count=2), **more)
        hosting.in_service(name)
    load.assert_nothing_was_lost()
    hosting.delete(name)


def test_no_request_is_lost_when_an_update_goes_back_after_traffic_was_on(hosting):
    """The new model answers, and then its pings fail: sick instances, three times, make it go back."""
    name = hosting.endpoint(says(hosting, "old", count=2))
    sick = hosting.test_model("plain", {"TEST_ANSWER": "body=new", "TEST_PING_SICK_AFTER": "5"})
    policy = blue_green("CANARY", wait=300, CanarySize=instances(1))
    with Load(hosting.server, name) as load:
        update(hosting, name, hosting.config(sick, count=2), DeploymentConfig=policy)
        hosting.in_service(name)
    seen = describe(hosting, name)
    assert "stopped being answered with 200" in seen["FailureReason"]
    load.assert_nothing_was_lost()
    hosting.delete(name)


def test_no_request_is_lost_by_a_change_of_size_or_weight(hosting):
    name = hosting.endpoint(says(hosting, "x"))

    def scale(**size):
        hosting.sagemaker.update_endpoint_weights_and_capacities(
            EndpointName=name, DesiredWeightsAndCapacities=[{"VariantName": "AllTraffic", **size}]
        )
        hosting.in_service(name)

    with Load(hosting.server, name) as load:
        for count in (4, 1, 3, 2, 1):
            scale(DesiredInstanceCount=count)
        scale(DesiredWeight=0.0)
        scale(DesiredWeight=2.0)
    load.assert_nothing_was_lost()
    hosting.delete(name)


def held_by(hosting, name):
    """Requests in flight by the pid of the instance."""
    seen = json.loads(hosting.server.cli("describe", name, "--output", "json").stdout)
    return {instance["Pid"]: instance["InFlight"] for instance in seen["Instances"]}


def ask_all(hosting, name, body, count, pool):
    client = hosting.server.client("sagemaker-runtime", max_pool_connections=count)

    def ask():
        try:
            return client.invoke_endpoint(EndpointName=name, Body=body)["Body"].read()
        except ClientError as error:
            return error

    return [pool.submit(ask) for _ in range(count)]


HELD = 8


@pytest.mark.parametrize("retry_lost", [False, True])
def test_the_death_of_one_of_two_fails_just_what_it_held_and_none_with_retry_lost(hosting, tmp_path, retry_lost):
    config = hosting.config(hosting.test_model("plain"), count=2)
    tags = [{"Key": "hostler:retry_lost", "Value": "true"}] if retry_lost else []
    name = hosting.endpoint(config, Tags=tags)
    release = tmp_path / "release"
    body = json.dumps({"test": {"until": str(release)}, "body": "answered"}).encode()
    with concurrent.futures.ThreadPoolExecutor(HELD) as pool, Load(hosting.server, name) as load:
        asked = ask_all(hosting, name, body, HELD, pool)
        # The load's own requests come and go beside the held ones.
        held = eventually(
            lambda: held_by(hosting, name),
            lambda seen: len(seen) == 2 and all(count >= HELD // 2 - 1 for count in seen.values()),
            "both hold requests",
        )
        victim = min(held)
        os.kill(victim, signal.SIGKILL)
        eventually(lambda: is_alive_pid(victim), lambda alive: not alive, "it is dead")
        if not retry_lost:
            eventually(
                lambda: sum(future.done() for future in asked), lambda count: count > 0, "what it held has failed"
            )
        hosting.in_service(name)
        eventually(lambda: held_by(hosting, name), lambda seen: len(seen) == 2 and victim not in seen, "it is replaced")
        release.touch()
        answers = [future.result(timeout=60) for future in asked]
    lost = [answer for answer in answers if isinstance(answer, ClientError)]
    others = load.failures
    for error in lost + others:
        document = error.response if isinstance(error, ClientError) else json.loads(error[1])
        assert document["OriginalStatusCode"] == 0, document
    if retry_lost:
        assert lost == [] and others == []
    else:
        # What it held when it was looked at, and what the load's four threads may have written to it since.
        assert 0 < len(lost) <= HELD
        assert len(lost) + len(others) <= held[victim] + 4
    assert all(answer == b"answered" for answer in answers if answer not in lost)
    hosting.delete(name)


def is_alive_pid(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_restart_that_leaves_instances_running_only_refuses_or_resets_and_is_short(make_server):
    server = make_server(arguments=("--leave-running",))
    hosting = Hosting(server)
    name = hosting.deploy("plain", count=2)
    port = server.port
    with Load(server, name) as load:
        eventually(lambda: load.answers, lambda count: count > 50, "the load is on")
        assert load.failures == []
        began = time.monotonic()
        server.stop()
        stopped = time.monotonic()
        server.start("--listen", f"127.0.0.1:{port}")
        ready = server.ready_at
        answered = load.answers
        eventually(lambda: load.answers, lambda count: count > answered + 50, "it is answered again")
    assert load.failures, "nobody asked meanwhile"
    for failure in load.failures:
        words = repr(failure)
        known = ("refused", "reset", "RemoteDisconnected", "BrokenPipe", "Connection", "EndpointConnectionError")
        assert any(word in words for word in known), failure
    drain = stopped - began
    first, last = min(at for at, _ in load.failed_at), max(at for _, at in load.failed_at)
    assert last - first < RESTART_S + drain, f"{last - first:.2f} s with a drain of {drain:.2f} s"
    assert last <= ready + RESTART_S
    Hosting(server).delete(name)
