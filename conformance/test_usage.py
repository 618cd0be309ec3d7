"""`hostler usage`: instance time against this clock, invocations against what boto3 did; over stops, crashes and deletions."""

import csv
import io
import json
import time
import urllib.request
from datetime import datetime, timedelta, timezone

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from harness.hosting import Hosting, fresh, production_variant
from harness.waiting import eventually

# Written down every ten seconds.
FLUSHED_S = 30


def usage(server, *arguments):
    return json.loads(server.cli("usage", "--output", "json", *arguments).stdout)


def rows(server, *arguments, **members):
    found = usage(server, *arguments)["Usage"]
    return [row for row in found if members.items() <= row.items()]


def seconds(server, *arguments, **members):
    return sum(row["InstanceSeconds"] for row in rows(server, *arguments, **members))


def invocations(server, *arguments, **members):
    found = rows(server, *arguments, **members)
    return {
        name.removeprefix("Invocations"): sum(row[name] for row in found)
        for name in ("Invocations2xx", "Invocations4xx", "Invocations5xx")
    }


def of_region(server, region):
    """As a caller of that region sees it, signed by botocore."""
    key, secret = server.keys()
    request = AWSRequest("GET", f"{server.url}/_hostler/usage")
    SigV4Auth(Credentials(key, secret), "hostler", region).add_auth(request)
    with urllib.request.urlopen(urllib.request.Request(request.url, headers=dict(request.headers))) as answer:
        return json.load(answer)["Usage"]


def asking(**commands):
    return json.dumps({"test": commands}).encode()


def invoke(hosting, name, times, **commands):
    for _ in range(times):
        try:
            hosting.invoke(name, asking(**commands))
        except ClientError as error:
            assert error.response["Error"]["Code"] == "ModelError"


def test_instance_time_and_invocations_are_what_they_were(server, hosting):
    began = time.monotonic()
    config = hosting.config(hosting.test_model("pid"), count=2)
    name = hosting.endpoint(config, Tags=[{"Key": "team", "Value": "blue"}])
    serving = time.monotonic()
    for times, commands in ((5, {}), (2, {"status": 400}), (3, {"status": 500})):
        invoke(hosting, name, times, **commands)
    of_it = {"EndpointName": name, "VariantName": "AllTraffic", "InstanceType": "ml.m5.large"}
    asked = time.monotonic()
    seen = seconds(server, **of_it)
    assert 2 * (asked - serving) <= seen <= 2 * (time.monotonic() - began)
    hosting.sagemaker.delete_endpoint(EndpointName=name)
    asked = time.monotonic()
    hosting.gone(name)
    gone = time.monotonic()
    seen = seconds(server, **of_it)
    assert 2 * (asked - serving) <= seen <= 2 * (gone - began)
    assert seconds(server, **of_it) == seen, "what is gone goes on being counted"
    counts = eventually(
        lambda: invocations(server, **of_it), lambda seen: seen["2xx"], "the last invocations are written down", FLUSHED_S
    )
    assert counts == {"2xx": 5, "4xx": 2, "5xx": 3}
    (row,) = rows(server, **of_it)
    assert row["Invocations"] == 10 and abs(row["InstanceHours"] - seen / 3600) < 1e-9
    (tagged,) = rows(server, "--by-tag", "team", TagValue="blue")
    assert (tagged["InstanceSeconds"], tagged["Invocations"]) == (seen, 10)


def test_time_counts_under_the_tags_of_its_time(server, hosting):
    name = hosting.deploy("pid")
    arn = hosting.sagemaker.describe_endpoint(EndpointName=name)["EndpointArn"]
    key = "cost center/ä"
    time_of = {}
    began = time.monotonic()
    for value in ("one", "two"):
        hosting.sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": key, "Value": value}])
        time_of[value] = time.monotonic()
        invoke(hosting, name, 4, delay_ms=150)
        eventually(
            lambda value=value: rows(server, "--by-tag", key, TagValue=value),
            lambda seen: seen and seen[0]["Invocations"] == 4,
            "they are written down",
            FLUSHED_S,
        )
    hosting.sagemaker.delete_tags(ResourceArn=arn, TagKeys=[key])
    ended = time.monotonic()
    one, two = (seconds(server, "--by-tag", key, TagValue=value) for value in ("one", "two"))
    assert 0.6 <= one <= time_of["two"] - began and 0.6 <= two <= ended - time_of["one"]
    hosting.delete(name)
    assert seconds(server, "--by-tag", key, TagValue="two") == two
    total = usage(server, "--by-tag", key)
    assert total["TagKey"] == key
    assert abs(total["Total"]["InstanceSeconds"] - usage(server)["Total"]["InstanceSeconds"]) < 1


def test_what_was_used_outlives_stops_and_crashes_and_nothing_counts_while_nothing_runs(make_server):
    server = make_server()
    hosting = Hosting(server)
    name = hosting.deploy("pid")
    serving = time.monotonic()
    invoke(hosting, name, 3)
    asked = time.monotonic()
    assert server.stop() == 0
    stopped = time.monotonic()
    # What was not written down before is written at the stop; instances end with the server.
    time.sleep(3)
    server.start()
    hosting = Hosting(server)
    assert invocations(server, EndpointName=name) == {"2xx": 3, "4xx": 0, "5xx": 0}
    hosting.in_service(name)
    again = time.monotonic()
    eventually(lambda: seconds(server, EndpointName=name), lambda seen: seen > asked - serving, "it is there")
    seen = seconds(server, EndpointName=name)
    assert seen <= (stopped - serving) + (time.monotonic() - stopped - 3) + 1
    invoke(hosting, name, 2)
    eventually(
        lambda: invocations(server, EndpointName=name)["2xx"], lambda seen: seen == 5, "they are written", FLUSHED_S
    )
    server.kill()
    crashed = time.monotonic()
    server.start()
    # The instance went on, so its time did.
    later = seconds(server, EndpointName=name)
    assert later >= seen + (crashed - again) * 0.9
    assert invocations(server, EndpointName=name)["2xx"] == 5
    hosting = Hosting(server)
    hosting.delete(name)
    used = seconds(server, EndpointName=name)
    server.kill()
    server.start()
    assert seconds(server, EndpointName=name) == used >= later


def test_variants_types_and_regions_are_told_apart(server, hosting):
    model = hosting.test_model("pid")
    config = fresh("config")
    variants = [
        production_variant(model, "small", instance_type="ml.t2.medium"),
        production_variant(model, "large", instance_type="ml.m5.large"),
    ]
    hosting.sagemaker.create_endpoint_config(EndpointConfigName=config, ProductionVariants=variants)
    name = hosting.endpoint(config)
    seen = {(row["VariantName"], row["InstanceType"]) for row in rows(server, "--name", name)}
    assert seen == {("small", "ml.t2.medium"), ("large", "ml.m5.large")}
    assert {row["EndpointName"] for row in of_region(server, "us-east-1")} >= {name}
    assert of_region(server, "eu-west-1") == []
    hosting.delete(name)


def test_days_bound_what_is_told_and_a_wrong_one_is_said(server, hosting):
    name = hosting.deploy("pid")
    today = datetime.now(timezone.utc).date()
    tomorrow, yesterday = today + timedelta(days=1), today - timedelta(days=1)
    assert rows(server, "--since", str(today), "--until", str(tomorrow), EndpointName=name)
    assert usage(server, "--since", str(yesterday), "--until", str(today))["Usage"] == []
    assert rows(server, "--month", f"{today:%Y-%m}", EndpointName=name)
    for arguments, words in (
        (("--since", "soon"), "since=soon is not a day"),
        (("--month", "2026"), "--month 2026 is not a month"),
        (("--since", str(tomorrow)), "there is no day from"),
    ):
        refused = server.cli("usage", *arguments, check=False)
        assert refused.returncode == 1 and words in refused.stderr.decode()
    hosting.delete(name)


def test_people_read_a_table_and_programs_csv(server, hosting):
    name = hosting.deploy("pid")
    table = server.cli("usage", "--name", name).stdout.decode().splitlines()
    assert table[1].split()[:4] == ["ENDPOINT", "ID", "VARIANT", "TYPE"]
    assert table[2].split()[0] == name and table[3].startswith("TOTAL")
    (row,) = csv.DictReader(io.StringIO(server.cli("usage", "--name", name, "--csv").stdout.decode()))
    assert row["EndpointName"] == name and float(row["InstanceHours"]) > 0
    hosting.delete(name)


def test_usage_is_no_resource(server, hosting):
    name = hosting.deploy("pid")
    hosting.delete(name)
    assert rows(server, EndpointName=name)
    assert hosting.sagemaker.list_endpoints(NameContains=name)["Endpoints"] == []
    uid = rows(server, EndpointName=name)[0]["EndpointUid"]
    arn = f"arn:aws:sagemaker:us-east-1:000000000000:usage/{uid}-{datetime.now(timezone.utc):%Y-%m}-instances"
    for call in (
        lambda: hosting.sagemaker.list_tags(ResourceArn=arn),
        lambda: hosting.sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "a", "Value": "b"}]),
    ):
        with pytest.raises(ClientError):
            call()
