"""`[throttling]`: a client that asks too often gets AWS's ThrottlingException, which SDKs then retry by themselves."""

import subprocess
import sys
import threading
import time

import pytest
from botocore.exceptions import ClientError

from harness import accounts
from harness.expect import refused
from harness.hosting import ROLE, fresh
from harness.scraping import Scrape
from harness.wire import Wire

CONFIG = """
[throttling]
default = { per_s = 20, burst = 20 }
DescribeModel = { per_s = 0.001, burst = 3 }
ListTags = 4
"ListEndpoint*" = { per_s = 0.001, burst = 2 }
InvokeEndpoint = { per_s = 10, burst = 10 }
"""
# boto3 as it comes: its own retries, whatever they are in this release.
DEFAULT = {"retries": None}


@pytest.fixture(scope="module")
def endpoint(hosting):
    return hosting.deploy("pid")


def outcomes(call, times, **members):
    """The codes of so many calls, None for those that were answered."""
    seen = []
    for _ in range(times):
        try:
            call(**members)
            seen.append(None)
        except ClientError as error:
            seen.append(error.response["Error"]["Code"])
    return seen


def burst_then_refusals(seen, burst, code="ValidationException"):
    """What was let through had an answer of the operation; the rest was too much."""
    assert seen[:burst] == [code] * burst and set(seen[burst:]) == {"ThrottlingException"}, seen


def test_a_burst_passes_and_the_next_call_is_throttled_in_awss_words(server):
    account = accounts.create(server, "100000000001")
    call = account.client("sagemaker").describe_model
    burst_then_refusals(outcomes(call, 6, ModelName="nobody"), 3)
    assert refused(call, code="ThrottlingException", ModelName="nobody") == "Rate exceeded"


def test_what_is_throttled_is_counted_by_its_class(server):
    account = accounts.create(server, "100000000009")
    before = Scrape(server).by("class", "throttled_requests_total")
    outcomes(account.client("sagemaker").describe_model, 5, ModelName="nobody")
    after = Scrape(server).by("class", "throttled_requests_total")
    grown = {name: after[name] - before[name] for name in after}
    # 3 of the 5 are the burst.
    assert grown == {name: 2 if name == "DescribeModel" else 0 for name in after}, grown


def test_the_documents_are_those_of_each_service(server, endpoint):
    """facts/sagemaker-api.md 3.6 and 4.4: both answer 400; the runtime's body has nothing but a null."""
    wire = Wire(server)
    seen = [wire.control("DescribeModel", {"ModelName": "nobody"}) for _ in range(4)][-1]
    assert seen.status == 400 and seen.headers["x-amzn-errortype"] == "ThrottlingException"
    assert seen.json == {"__type": "ThrottlingException", "message": "Rate exceeded"}
    runtime = server.client("sagemaker-runtime")
    answers = []
    runtime.meta.events.register("response-received.*", lambda response_dict, **_: answers.append(response_dict))
    outcomes(runtime.invoke_endpoint, 200, EndpointName=endpoint, Body=b"")
    throttled = [answer for answer in answers if answer["status_code"] != 200]
    assert throttled
    for answer in throttled:
        assert (answer["status_code"], answer["body"]) == (400, b'{"message":null}')
        assert answer["headers"]["x-amzn-errortype"] == "ThrottlingException"


def test_accounts_do_not_use_up_each_others_rate(server):
    for number in ("100000000002", "100000000003"):
        account = accounts.create(server, number)
        burst_then_refusals(outcomes(account.client("sagemaker").describe_model, 5, ModelName="nobody"), 3)
        # Nor do keys, users and roles make more of one account's.
        more = [accounts.create(server, number, "--name", "more"), account.assumed()]
        for caller in more:
            burst_then_refusals(outcomes(caller.client("sagemaker").describe_model, 3, ModelName="nobody"), 0)


def test_classes_are_counted_apart_and_a_class_together(server):
    account = accounts.create(server, "100000000004")
    sagemaker = account.client("sagemaker")
    assert outcomes(sagemaker.list_endpoints, 1) + outcomes(sagemaker.list_endpoint_configs, 1) == [None, None]
    assert outcomes(sagemaker.list_endpoints, 1) + outcomes(sagemaker.list_endpoint_configs, 1) == ["ThrottlingException"] * 2
    assert outcomes(sagemaker.list_models, 1) == [None]


def test_a_stranger_uses_up_nobodys_rate(server):
    account = accounts.create(server, "100000000005")
    wrong = accounts.Account(server, account.number, account.access_key_id, "wrong")
    call = wrong.client("sagemaker").describe_model
    assert set(outcomes(call, 20, ModelName="nobody")) == {"InvalidSignatureException"}
    burst_then_refusals(outcomes(account.client("sagemaker").describe_model, 4, ModelName="nobody"), 3)


def test_s3_sts_and_the_admin_api_are_not_throttled(server):
    account = accounts.create(server, "100000000006")
    assert set(outcomes(account.client("s3").list_buckets, 60)) == {None}
    assert set(outcomes(account.client("sts").get_caller_identity, 60)) == {None}
    for _ in range(25):
        server.cli("quotas")


def test_boto3_with_its_own_retries_gets_every_answer(server, hosting):
    """ListTags passes four times a second; twelve calls in a row are three times what passes at once."""
    resource = hosting.sagemaker.create_model(
        ModelName=fresh("throttled"), ExecutionRoleArn=ROLE, PrimaryContainer={"Image": "x/conformance-pid:1"}
    )["ModelArn"]
    once = server.client("sagemaker").list_tags
    assert "ThrottlingException" in outcomes(once, 12, ResourceArn=resource)
    patient = server.client("sagemaker", **DEFAULT)
    attempts = []
    patient.meta.events.register("response-received.*", lambda response_dict, **_: attempts.append(response_dict["status_code"]))
    assert outcomes(patient.list_tags, 12, ResourceArn=resource) == [None] * 12
    assert attempts.count(200) == 12 and attempts.count(400) > 0, attempts


def test_boto3_with_its_own_retries_invokes_every_time(server, endpoint):
    patient = server.client("sagemaker-runtime", **DEFAULT)
    attempts = []
    patient.meta.events.register("response-received.*", lambda response_dict, **_: attempts.append(response_dict["status_code"]))
    assert outcomes(patient.invoke_endpoint, 30, EndpointName=endpoint, Body=b"") == [None] * 30
    assert attempts.count(200) == 30 and attempts.count(400) > 0, attempts


def test_no_second_sees_more_than_its_rate_from_many_clients(server, endpoint):
    """Eight clients on connections of their own: what passes is bound by the rate, not by the connections."""
    passed, stop = [], threading.Event()
    began = time.monotonic()

    def loop():
        runtime = server.client("sagemaker-runtime")
        while not stop.is_set():
            try:
                runtime.invoke_endpoint(EndpointName=endpoint, Body=b"")
                passed.append(time.monotonic())
            except ClientError as error:
                assert error.response["Error"]["Code"] == "ThrottlingException", error

    threads = [threading.Thread(target=loop) for _ in range(8)]
    for thread in threads:
        thread.start()
    stop.wait(3)
    stop.set()
    for thread in threads:
        thread.join()
    took = time.monotonic() - began
    assert 10 <= len(passed) <= took * 10 + 10, (len(passed), took)


def test_the_aws_cli_retries_and_shows_the_code_when_it_may_not(server, hosting):
    resource = hosting.sagemaker.create_model(
        ModelName=fresh("throttled"), ExecutionRoleArn=ROLE, PrimaryContainer={"Image": "x/conformance-pid:1"}
    )["ModelArn"]
    once = server.client("sagemaker").list_tags
    command = [sys.executable, "-m", "awscli", "sagemaker", "list-tags", "--resource-arn", resource]

    def aws_once():
        # Nothing is left of the rate when the CLI's first attempt comes, as long as others go on asking.
        stop = threading.Event()

        def keep_empty():
            while not stop.is_set():
                outcomes(once, 1, ResourceArn=resource)

        thread = threading.Thread(target=keep_empty)
        thread.start()
        try:
            return subprocess.run(command, capture_output=True, env=server.environment() | {"AWS_MAX_ATTEMPTS": "1"}, timeout=120, text=True)
        finally:
            stop.set()
            thread.join()

    shown = aws_once().stderr
    assert "(ThrottlingException)" in shown and "Rate exceeded" in shown, shown
    done = subprocess.run(command, capture_output=True, env=server.environment(), timeout=120, text=True)
    assert done.returncode == 0, done.stderr


def test_mistakes_are_told_together(make_server):
    server = make_server(
        '[throttling]\nCreateEndpont = 1\nListTags = 0\nAddTags = "fast"\nDeleteTags = { per_s = 1, bust = 2 }\n'
        "[quotas]\nendpoint = 1\n",
        start=False,
    )
    with pytest.raises(AssertionError) as caught:
        server.start()
    for part in ("5 mistakes", "`CreateEndpont` is neither", "`ListTags`: 0 a second", "`AddTags`: a number", "unknown key `bust`", "[quotas]"):
        assert part in str(caught.value), part


def test_without_the_table_nothing_is_throttled(make_server):
    server = make_server()
    assert set(outcomes(server.client("sagemaker").list_models, 300)) == {None}
