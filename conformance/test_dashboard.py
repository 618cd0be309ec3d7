"""dashboards/: Prometheus scrapes a loaded server, and every expression of the dashboard and the alerts finds data."""

import json
import os
import re
import signal
import subprocess

import pytest
from botocore.exceptions import ClientError

from harness import prometheus
from harness.hosting import fresh, production_variant
from harness.scraping import Scrape
from harness.server import ROOT
from harness.waiting import eventually

DASHBOARD = ROOT / "dashboards/hostler.json"
ALERTS = ROOT / "dashboards/alerts.yml"
# Exported, and no panel needs it.
LEFT_OUT = set()
# What Grafana puts in place of its variables; a scrape every second needs no longer window than this.
VARIABLES = {"$__rate_interval": "10s"} | {
    f"${name}": ".*" for name in ("job", "server", "account", "endpoint", "variant")
}
PANELS = {"row", "stat", "timeseries"}
UNITS = {"short", "reqps", "ops", "percentunit", "s", "bytes", "Bps"}


def dashboard():
    return json.loads(DASHBOARD.read_text())


def panels():
    return [panel for panel in dashboard()["panels"] if panel["type"] != "row"]


def filled(expression):
    for variable, value in VARIABLES.items():
        expression = expression.replace(variable, value)
    assert "$" not in expression, f"an unknown variable: {expression}"
    return expression


def named(expression):
    return set(re.findall(r"\b(?:hostler|process)_\w+", expression))


def base(name):
    return re.sub(r"_(bucket|sum|count)$", "", name)


@pytest.fixture(scope="module")
def watched(server, hosting, tmp_path_factory):
    """Prometheus beside a server on which something of everything has happened."""
    if not prometheus.is_installed():
        reason = "prometheus is not installed: apt-get install prometheus"
        pytest.fail(reason) if os.environ.get("HOSTLER_TEST_ALL") else pytest.skip(reason)
    target = server.url.removeprefix("http://")
    with prometheus.Prometheus(tmp_path_factory.mktemp("prometheus"), target, ALERTS) as watching:
        load(server, hosting, watching)
        yield watching


def load(server, hosting, watching):
    models = {name: hosting.test_model("pid") for name in ("blue", "green")}
    config = fresh("config")
    variants = [production_variant(model, name) for name, model in models.items()]
    hosting.sagemaker.create_endpoint_config(EndpointConfigName=config, ProductionVariants=variants)
    name = hosting.endpoint(config)
    hosting.deploy()
    os.kill(int(json.loads(hosting.invoke(name, TargetVariant="green")["Payload"])["pid"]), signal.SIGKILL)
    bodies = [b"", json.dumps({"test": {"status": 400}}).encode(), json.dumps({"test": {"status": 500}}).encode()]

    def drive():
        for body in bodies:
            try:
                hosting.invoke(name, body, TargetVariant="blue")
            except ClientError:
                pass
        count = 'hostler_model_latency_seconds_count{variant="blue"}'
        return [float(row["value"][1]) for row in watching.query(f"increase({count}[10s])")]

    # Two scrapes with a difference between them make a rate.
    eventually(drive, lambda seen: any(value > 5 for value in seen), "Prometheus saw the load", 60)
    eventually(
        lambda: Scrape(server).value("instances", endpoint=name, variant="green", state="healthy"),
        lambda seen: seen == 1,
        "the killed instance is replaced",
    )


def test_every_expression_of_every_panel_finds_data(watched):
    empty = []
    for panel in panels():
        for target in panel["targets"]:
            if not watched.query(filled(target["expr"])):
                empty.append((panel["title"], target["expr"]))
    assert empty == []
    numbers = [
        float(row["value"][1])
        for panel in panels()
        if panel["title"] in ("Model latency", "Overhead latency")
        for target in panel["targets"]
        for row in watched.query(filled(target["expr"]))
    ]
    assert len(numbers) == 8 and all(0 < number < 60 for number in numbers), numbers


def test_every_variable_offers_what_there_is(watched):
    offered = {}
    for variable in dashboard()["templating"]["list"]:
        if variable["type"] == "query":
            match = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"]["query"])
            series, label = match.groups()
            values = watched.get(f"label/{label}/values", **{"match[]": filled(series)})
            offered[variable["name"]] = set(values)
    assert offered["variant"] == {"blue", "green", "AllTraffic"}
    assert offered["job"] == {"hostler"} and offered["account"] == {"000000000000"}
    assert len(offered["server"]) == 1 and len(offered["endpoint"]) == 2


def test_prometheus_scrapes_without_complaint(watched):
    (target,) = watched.get("targets")["activeTargets"]
    assert (target["health"], target["lastError"]) == ("up", "")
    log = (watched.directory / "prometheus.log").read_text()
    assert [line for line in log.splitlines() if "level=warn" in line or "level=error" in line] == []


def test_alert_rules_are_evaluated_and_see_the_failure_of_the_model(watched):
    checked = subprocess.run(["promtool", "check", "rules", str(ALERTS)], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr
    rules = re.findall(r"(?m)^ +- alert: (\w+)$", ALERTS.read_text())
    # A third of the invocations of the load fail; nothing else is wrong.
    expected = {rule: ("ok", "inactive") for rule in rules} | {"HostlerModelErrors": ("ok", "pending")}

    def states():
        (group,) = watched.get("rules")["groups"]
        return {rule["name"]: (rule["health"], rule["state"]) for rule in group["rules"]}

    eventually(states, lambda seen: seen == expected, "the rules say what is wrong and nothing else")


def test_panels_and_alerts_name_what_is_exported_and_all_of_it_is_shown_or_left_out(server, hosting):
    hosting.deploy("pid")
    exported = {base(sample.name) for family in Scrape(server).families for sample in family.samples}
    shown = {base(name) for panel in panels() for target in panel["targets"] for name in named(target["expr"])}
    alerting = {base(name) for name in named(re.sub(r"(?m)^\s*(summary|action):.*$", "", ALERTS.read_text()))}
    assert (shown | alerting) - exported == set()
    assert exported - shown == LEFT_OUT


def test_the_dashboard_is_what_grafana_10_and_11_import():
    seen = dashboard()
    assert seen["uid"] == "hostler" and "id" not in seen and 36 <= seen["schemaVersion"] <= 39
    assert seen["templating"]["list"][0] == seen["templating"]["list"][0] | {"type": "datasource", "query": "prometheus"}
    ids = [panel["id"] for panel in seen["panels"]]
    assert len(set(ids)) == len(ids)
    taken = set()
    for panel in seen["panels"]:
        place = panel["gridPos"]
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])}
        assert place["x"] + place["w"] <= 24 and not cells & taken, f"{panel['title']} lies over another"
        taken |= cells
        assert panel["type"] in PANELS
        if panel["type"] == "row":
            continue
        source = {"type": "prometheus", "uid": "${datasource}"}
        assert panel["datasource"] == source and panel["fieldConfig"]["defaults"]["unit"] in UNITS
        assert panel["description"].endswith("."), panel["title"]
        refs = [target["refId"] for target in panel["targets"]]
        assert len(set(refs)) == len(refs) > 0
        assert all(target["datasource"] == source for target in panel["targets"])
    for variable in seen["templating"]["list"][1:]:
        assert variable["datasource"]["uid"] == "${datasource}" and variable["allValue"] == ".*"
        assert variable["query"]["query"] == variable["definition"]
