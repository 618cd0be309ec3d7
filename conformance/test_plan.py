"""`hostler plan`: what it says of an update is what the update does then, and saying it does nothing."""

import json
import re
import time

import pytest

from harness.expect import refused
from harness.hosting import fresh

CANARY = {
    "BlueGreenUpdatePolicy": {
        "TrafficRoutingConfiguration": {
            "Type": "CANARY",
            "WaitIntervalInSeconds": 2,
            "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": 50},
        }
    }
}
ROLLING = {
    "RollingUpdatePolicy": {
        "MaximumBatchSize": {"Type": "CAPACITY_PERCENT", "Value": 50},
        "WaitIntervalInSeconds": 1,
    }
}
LAUNCHED = re.compile(r"launching instance [0-9a-f]+\.g(\d+)\.([\w-]+)\.(\d+)\.")


def plan(server, *arguments, code=0, **more):
    done = server.cli("plan", *arguments, "--output", "json", check=False, **more)
    assert done.returncode == code, (done.stdout, done.stderr)
    return json.loads(done.stdout)


def two_configs(hosting):
    return [hosting.config(hosting.test_model("plain"), count=count) for count in (2, 4)]


def launched_in(plan):
    moments = [instance for moment in plan["Moments"] for instance in moment["Launched"]]
    return [(instance["Generation"], instance["Variant"], instance["Ordinal"]) for instance in moments]


@pytest.mark.parametrize(
    "way, flags",
    [
        (None, []),
        (CANARY, ["--canary", "50", "--wait", "2"]),
        (ROLLING, ["--rolling", "50", "--wait", "1"]),
    ],
)
def test_an_update_does_what_was_planned(server, hosting, tmp_path, way, flags):
    former, coming = two_configs(hosting)
    name = hosting.endpoint(former)
    planned = plan(server, name, "--config", coming, *flags)
    if way:
        file = tmp_path / "way.json"
        file.write_text(json.dumps(way))
        assert plan(server, name, "--config", coming, "--deployment-config", file)["Moments"] == planned["Moments"]
    assert hosting.sagemaker.describe_endpoint(EndpointName=name)["EndpointConfigName"] == former
    before, begun = len(server.log()), time.monotonic()
    more = {"DeploymentConfig": way} if way else {}
    hosting.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=coming, **more)
    hosting.in_service(name)
    took_ms = 1000 * (time.monotonic() - begun)
    launched = [(int(g), v, int(ordinal)) for g, v, ordinal in LAUNCHED.findall(server.log()[before:])]
    assert launched == launched_in(planned)
    assert len(launched) == planned["Launches"] == 4
    # A plan counts the waits exactly and the launches as they were, so that it is no more than what passes, but for the
    # chance that these launches are quicker.
    waits_ms = sum(moment.get("WatchedMs", 0) for moment in planned["Moments"])
    assert waits_ms <= planned["DurationMs"] and waits_ms <= took_ms
    seen = json.loads(server.cli("describe", name, "--output", "json").stdout)
    (peak,) = planned["Peak"]
    assert len(seen["Instances"]) == peak["After"] == 4
    assert seen["EndpointStatus"] == planned["EndStatus"] == "InService"
    hosting.delete(name)


def test_a_refusal_is_told_with_awss_words_and_the_exit_code(server, hosting):
    former, coming = two_configs(hosting)
    name = hosting.endpoint(former)
    for config, way in [(fresh("nothing"), None), (coming, {**CANARY, **ROLLING})]:
        flags = ["--deployment-config", "-"] if way else []
        stdin = json.dumps(way).encode() if way else b""
        told = plan(server, name, "--config", config, *flags, code=1, stdin=stdin)
        more = {"DeploymentConfig": way} if way else {}
        update = hosting.sagemaker.update_endpoint
        message = refused(update, EndpointName=name, EndpointConfigName=config, **more)
        assert told["Refusals"] == [{"Code": "ValidationException", "Message": message}]
    hosting.delete(name)


def test_a_creation_is_planned_where_there_is_no_endpoint(server, hosting):
    config = hosting.config(hosting.test_model("plain"), count=3)
    name = fresh("planned")
    planned = plan(server, name, "--config", config)
    assert (planned["Operation"], planned["Launches"], planned["From"]) == ("CreateEndpoint", 3, None)
    listed = hosting.sagemaker.list_endpoints(NameContains=name)["Endpoints"]
    assert listed == []


def test_a_person_reads_when_what_happens_and_what_becomes_of_a_failure(server, hosting):
    former, coming = two_configs(hosting)
    name = hosting.endpoint(former)
    shown = server.cli("plan", name, "--config", coming, "--canary", "25", "--wait", "30").stdout.decode()
    lines = shown.splitlines()
    assert lines[0].split() == ["plan", "UpdateEndpoint", "would", "be", "accepted"]
    (watched,) = [line for line in lines if "watched for 30.0 s" in line]
    assert "g1 75%  g2 25%" in watched and "g1 2/2  g2 4/4" in watched
    assert any(f"back to {former} (generation 1)" in line for line in lines)
    assert any(line.startswith("at peak") and "6 x ml.m5.large (2 now, 4 afterwards)" in line for line in lines)
    assert server.cli("plan", "--help").stdout.decode().count("hostler plan digits") >= 4
    hosting.delete(name)
