"""GET /metrics: what boto3 did, as Prometheus' own parsers read it; who may read; what is gone and what begins anew."""

import concurrent.futures
import http.client
import json
import os
import shutil
import signal
import subprocess
import time

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from harness.hosting import ACCOUNT, REGION, Hosting, fresh, production_variant
from harness.scraping import OPEN, Scrape, fetch
from harness.waiting import eventually

CONFIG = """
[limits]
model_timeout_s = 2
"""
CLASSES = ("2xx", "4xx", "5xx", "abandoned")


def asking(**commands):
    return json.dumps({"test": commands}).encode()


def fails(hosting, endpoint, **commands):
    with pytest.raises(ClientError) as caught:
        hosting.invoke(endpoint, asking(**commands))
    assert caught.value.response["Error"]["Code"] == "ModelError"


def invocations(server, endpoint, **labels):
    return Scrape(server).by("status_class", "invocations_total", endpoint=endpoint, **labels)


def classes(**counts):
    """Keywords are `c2xx`, `c4xx`, `c5xx` and `abandoned`."""
    return {name: counts.get(f"c{name}", counts.get(name, 0)) for name in CLASSES}


def test_invocations_are_counted_by_variant_and_by_how_they_ended(server, hosting):
    models = {name: hosting.test_model("pid") for name in ("blue", "green")}
    config = fresh("config")
    variants = [production_variant(model, name) for name, model in models.items()]
    hosting.sagemaker.create_endpoint_config(EndpointConfigName=config, ProductionVariants=variants)
    name = hosting.endpoint(config)
    before = Scrape(server)
    # The series are there before the first request, so that the first increase is seen.
    assert before.by("status_class", "invocations_total", endpoint=name, variant="blue") == classes()
    taken = []
    for _ in range(7):
        started = time.monotonic()
        hosting.invoke(name, asking(delay_ms=100), TargetVariant="blue")
        taken.append(time.monotonic() - started)
    for status, times in ((400, 2), (404, 1), (500, 3), (503, 1)):
        for _ in range(times):
            with pytest.raises(ClientError):
                hosting.invoke(name, asking(status=status), TargetVariant="green")
    with pytest.raises(ClientError):
        hosting.invoke(name, b"", TargetVariant="red")
    after = Scrape(server)
    blue, green = ({"endpoint": name, "variant": variant} for variant in models)
    assert after.by("status_class", "invocations_total", **blue) == classes(c2xx=7)
    assert after.by("status_class", "invocations_total", **green) == classes(c4xx=3, c5xx=4)
    labels = after.all("invocations_total", **blue, status_class="2xx")[0][0]
    assert (labels["account"], labels["region"]) == (ACCOUNT, REGION)
    for latency in ("model_latency_seconds", "overhead_latency_seconds"):
        assert after.value(f"{latency}_count", **blue) == 7
        assert after.value(f"{latency}_count", **green) == 7
        assert after.value(f"{latency}_bucket", **blue, le="+Inf") == 7
    # Seven tenths of a second of waiting, and no more than the client saw of it all.
    model, overhead = (after.value(f"{part}_latency_seconds_sum", **blue) for part in ("model", "overhead"))
    assert 0.7 <= model < model + overhead <= sum(taken)
    assert after.value("model_latency_seconds_bucket", **blue, le="0.05") == 0
    assert set(after.by("reason", "invocations_unanswered_total", **green).values()) == {0.0}
    hosting.delete(name)


def test_silence_has_its_reason_and_a_client_that_goes_away_is_no_failure_of_the_model(server, hosting):
    name = hosting.deploy("pid")
    fails(hosting, name, hang="true")
    fails(hosting, name, close="true")
    impatient = server.client("sagemaker-runtime", read_timeout=0.5, retries={"max_attempts": 0})
    with pytest.raises(ReadTimeoutError):
        impatient.invoke_endpoint(EndpointName=name, Body=asking(hang="true"))
    eventually(
        lambda: invocations(server, name), lambda seen: seen == classes(c5xx=2, abandoned=1), "all three are counted"
    )
    seen = Scrape(server)
    reasons = seen.by("reason", "invocations_unanswered_total", endpoint=name)
    assert reasons == {"timeout": 1, "lost": 1, "no_instance": 0, "line_full": 0, "waited_too_long": 0}
    assert seen.value("model_latency_seconds_count", endpoint=name) == 2
    assert seen.value("requests_in_flight", endpoint=name) == 0
    hosting.delete(name)


def test_a_streamed_answer_counts_when_it_has_ended(server, hosting):
    name = hosting.deploy("status")
    large = asking(body="x" * 1024, repeat=1024)
    assert len(hosting.invoke(name, large)["Payload"]) == 1 << 20
    assert invocations(server, name) == classes(c2xx=1)
    # The gateway passes on what comes after 256 KiB: some pieces, and most of the model's two seconds are left.
    slow = asking(body="x" * 65536, repeat=64, pause_ms=50)
    answer = hosting.runtime.invoke_endpoint(EndpointName=name, Body=slow)
    assert Scrape(server).value("requests_in_flight", endpoint=name) == 1
    assert invocations(server, name) == classes(c2xx=1)
    answer["Body"].close()
    eventually(lambda: invocations(server, name), lambda seen: seen["abandoned"] == 1, "it is counted as abandoned")
    assert Scrape(server).value("requests_in_flight", endpoint=name) == 0
    hosting.delete(name)


def test_requests_under_way_and_held_are_seen_while_they_are(server, hosting, tmp_path):
    name = hosting.deploy("pid")
    gate = tmp_path / "gate"
    with_request(
        hosting,
        name,
        asking(until=str(gate)),
        lambda: eventually(
            lambda: Scrape(server).value("requests_in_flight", endpoint=name), lambda seen: seen == 1, "it is in flight"
        ),
        lambda: gate.touch(),
    )
    assert Scrape(server).value("requests_in_flight", endpoint=name) == 0
    assert Scrape(server).value("requests_held") == 0
    hosting.delete(name)


def with_request(hosting, name, body, look, let_go):
    """Looks while a request is under way."""
    with concurrent.futures.ThreadPoolExecutor() as pool:
        under_way = pool.submit(hosting.invoke, name, body)
        try:
            look()
        finally:
            let_go()
        under_way.result(30)


def test_endpoints_and_instances_are_shown_as_they_stand_and_not_when_they_are_gone(server, hosting):
    def statuses(region=REGION):
        counts = Scrape(server).by("status", "endpoints", account=ACCOUNT, region=region)
        return {status: count for status, count in counts.items() if count}

    assert statuses() == {}
    name = hosting.endpoint(hosting.config(hosting.test_model("pid"), count=2))
    failing = hosting.endpoint(hosting.config(hosting.test_model("crash")), wait=False)
    hosting.failed(failing)
    eventually(statuses, lambda seen: seen == {"InService": 1, "Failed": 1}, "both are shown")
    elsewhere = Hosting(server)
    elsewhere.sagemaker = server.client("sagemaker", region="eu-west-1")
    elsewhere.endpoint(elsewhere.config(elsewhere.test_model("pid")), name=name)
    assert statuses("eu-west-1") == {"InService": 1}
    seen = Scrape(server)
    states = seen.by("state", "instances", endpoint=name, region=REGION)
    assert states == {"starting": 0, "healthy": 2, "sick": 0, "failed": 0, "draining": 0, "removing": 0}
    assert seen.value("instances_desired", endpoint=name, region=REGION) == 2
    assert seen.value("instances", endpoint=name, region="eu-west-1", state="healthy") == 1
    for hosted, gone in ((hosting, name), (hosting, failing), (elsewhere, name)):
        hosted.delete(gone)
    left = eventually(lambda: Scrape(server), lambda seen: not seen.all("endpoints"), "no endpoint is shown")
    assert [labels for _, labels, _ in left.samples if labels.get("endpoint") in (name, failing)] == []


def test_an_instance_that_is_replaced_because_it_failed_is_a_restart(server, hosting):
    name = hosting.deploy("pid")
    assert Scrape(server).value("instance_restarts_total", endpoint=name) == 0
    pid = int(json.loads(hosting.invoke(name)["Payload"])["pid"])
    os.kill(pid, signal.SIGKILL)
    eventually(
        lambda: Scrape(server).value("instance_restarts_total", endpoint=name), lambda seen: seen == 1, "it is counted"
    )
    eventually(
        lambda: Scrape(server).value("instances", endpoint=name, state="healthy"), lambda seen: seen == 1, "it is healed"
    )
    hosting.delete(name)


def test_rooms_count_what_they_do(server, hosting):
    before = Scrape(server)
    name = hosting.deploy()
    hosting.delete(name)
    again = hosting.deploy()
    after = Scrape(server)

    def grew(metric, **labels):
        return after.value(metric, **labels) - before.value(metric, **labels)

    # The first use may have been another test's.
    assert grew("artifact_cache_uses_total", outcome="hit") + grew("artifact_cache_uses_total", outcome="miss") == 2
    assert grew("artifact_cache_uses_total", outcome="hit") >= 1
    assert after.value("artifact_fetched_bytes_total") > 0 and after.value("artifact_cache_bytes") > 0
    assert grew("store_commits_total", outcome="committed") >= 8
    assert grew("store_commit_duration_seconds_count") >= grew("store_commits_total", outcome="committed")
    assert after.value("store_commits_total", outcome="failed") == 0
    assert grew("reconcile_runs_total", outcome="applied") > 4
    assert after.value("reconcile_runs_total", outcome="abandoned") == 0
    assert grew("probes_total", result="passed") >= 2
    assert after.value("build_info") == 1
    assert after.value("process_resident_memory_bytes") > 1e6
    assert 0 < after.value("process_open_fds") < after.value("process_max_fds")
    assert abs(after.value("process_start_time_seconds") - time.time()) < 600
    hosting.delete(again)


def test_refused_signatures_are_counted_by_why(server):
    before = Scrape(server).by("reason", "signature_refusals_total")
    wrong = server.session()
    client = wrong.client("sagemaker", aws_secret_access_key="x" * 40, aws_access_key_id=server.keys()[0])
    unknown = wrong.client("sagemaker", aws_secret_access_key="x" * 40, aws_access_key_id="AKIAXXXXXXXXXXXXXXXX")
    for refused in (client, client, unknown):
        with pytest.raises(ClientError):
            refused.list_models()
    after = Scrape(server).by("reason", "signature_refusals_total")
    grown = {reason: after[reason] - before[reason] for reason in after}
    assert grown == {"mismatch": 2, "key": 1, "scope": 0, "time": 0, "unreadable": 0}


def test_both_forms_say_the_same_and_promtool_finds_nothing_to_complain(server, hosting, leave_out):
    name = hosting.deploy("pid")
    hosting.invoke(name)
    opened, plain = Scrape(server), Scrape(server, accept="text/plain")
    assert opened.content_type == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    assert plain.content_type == "text/plain; version=0.0.4; charset=utf-8"
    assert fetch(server)[1] == plain.content_type
    series = [{(name, *sorted(labels.items())) for name, labels, _ in scrape.samples} for scrape in (opened, plain)]
    assert series[0] == series[1]
    assert {family.name for family in opened.families} == {family.name for family in plain.families} - {
        # The older form has no type for it.
        "hostler_build_info"
    } | {"hostler_build"}
    kinds = {family.name: family.type for family in plain.families}
    assert kinds["hostler_invocations"] == "counter" and kinds["hostler_model_latency_seconds"] == "histogram"
    for family in opened.families:
        assert len(family.documentation) > 20, f"{family.name} does not say how to read it"
    hosting.delete(name)
    if not shutil.which("promtool"):
        leave_out("promtool is not installed: apt-get install prometheus")
    checked = subprocess.run(["promtool", "check", "metrics"], input=plain.text, capture_output=True, text=True)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


def test_a_head_request_has_no_body_and_nothing_else_is_answered(server):
    for method, status in (("HEAD", 200), ("GET", 200)):
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        connection.request(method, "/metrics")
        answer = connection.getresponse()
        assert answer.status == status
        assert (method == "HEAD") == (answer.read() == b"")
        connection.close()


def test_what_has_no_place_is_counted_together_and_never_goes_down(make_server):
    server = make_server("metrics_endpoints_max = 1\n" + CONFIG)
    hosting = Hosting(server)
    config = hosting.config(hosting.test_model("pid"))
    shown, second, third = (hosting.endpoint(config) for _ in range(3))
    for name, times in ((shown, 1), (second, 2), (third, 3)):
        for _ in range(times):
            hosting.invoke(name)

    def counts(name):
        found = Scrape(server).all("invocations_total", endpoint=name, status_class="2xx")
        return found[0][1] if found else None

    assert [counts(name) for name in (shown, second, third, "_others")] == [1, None, None, 5]
    hosting.delete(second)
    assert counts("_others") == 5
    hosting.delete(shown)
    fourth = hosting.endpoint(config)
    hosting.invoke(fourth)
    hosting.invoke(third)
    # The place that came free is the next one's; who had none stays where it was.
    assert [counts(name) for name in (third, fourth, "_others")] == [None, 1, 6]
    desired = Scrape(server).all("instances_desired")
    assert {labels["endpoint"]: value for labels, value in desired} == {fourth: 1, "_others": 1}


def test_counters_begin_anew_with_the_server_and_what_was_adopted_is_shown_at_once(make_server):
    server = make_server(arguments=("--leave-running",))
    hosting = Hosting(server)
    name = hosting.deploy("pid")
    hosting.invoke(name)
    started = Scrape(server).value("process_start_time_seconds")
    assert invocations(server, name) == classes(c2xx=1)
    server.kill()
    server.start()
    assert invocations(server, name) == classes()
    assert Scrape(server).value("process_start_time_seconds") > started
    Hosting(server).invoke(name)
    assert invocations(server, name) == classes(c2xx=1)
    Hosting(server).delete(name)


def test_beyond_loopback_only_the_token_opens_it(make_server, tmp_path):
    beyond = ("--listen", "0.0.0.0:0", "--allow-plaintext")
    status, kind, text = fetch(make_server(arguments=beyond), OPEN)
    assert status == 403 and "metrics_token_file" in text and kind.startswith("text/plain")
    token = tmp_path / "token"
    token.write_text("s3cret\n")
    server = make_server(f"metrics_token_file = {json.dumps(str(token))}\n", arguments=beyond)
    assert fetch(server)[0] == 403
    assert fetch(server, token="other")[0] == 403
    assert Scrape(server, token="s3cret").value("build_info") == 1


def test_a_token_file_that_is_none_ends_the_start(make_server, tmp_path):
    empty = tmp_path / "empty"
    empty.touch()
    for path, word in ((empty, "one token"), (tmp_path / "absent", "reading it failed")):
        server = make_server(f"metrics_token_file = {json.dumps(str(path))}\n", start=False)
        with pytest.raises(AssertionError, match="before it was ready"):
            server.start()
        assert word in server.log()
