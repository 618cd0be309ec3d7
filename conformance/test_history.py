"""`hostler history` and the admin API behind it: who did what, when and why; over restarts and kill -9."""

import datetime
import json

import pytest

from harness.hosting import Hosting, fresh

ROOT = "arn:aws:iam::000000000000:root"


def history(server, name, *more, kind="endpoint"):
    """The events as JSON, and what is said of those that are missing."""
    done = server.cli("history", name, "--kind", kind, "--output", "json", *more)
    return json.loads(done.stdout)


def story(events):
    """Operation, move and author of each event."""
    return [
        (event["Operation"], (event["From"], event["To"]) if event["MovesStatus"] else None, event["Who"])
        for event in events
    ]


def test_every_accepted_change_and_every_move_of_the_status_is_told_in_order(server, hosting):
    begun = datetime.datetime.now(datetime.UTC)
    one, two = hosting.config(hosting.model()), hosting.config(hosting.test_model("plain"))
    name = hosting.endpoint(one, Tags=[{"Key": "team", "Value": "secret-of-ours"}])
    arn = hosting.sagemaker.describe_endpoint(EndpointName=name)["EndpointArn"]
    hosting.sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "stage", "Value": "secret-of-ours"}])
    hosting.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=two)
    hosting.in_service(name)
    hosting.sagemaker.delete_tags(ResourceArn=arn, TagKeys=["team"])
    hosting.sagemaker.update_endpoint_weights_and_capacities(
        EndpointName=name, DesiredWeightsAndCapacities=[{"VariantName": "AllTraffic", "DesiredInstanceCount": 2}]
    )
    hosting.in_service(name)
    hosting.delete(name)

    told = history(server, name)
    assert told["IsThere"] is False and told["Dropped"] == 0 and told["Before"] is None
    events = told["Events"]
    assert story(events) == [
        ("CreateEndpoint", (None, "Creating"), ROOT),
        (None, ("Creating", "InService"), "hostler"),
        ("AddTags", None, ROOT),
        ("UpdateEndpoint", ("InService", "Updating"), ROOT),
        (None, ("Updating", "InService"), "hostler"),
        ("DeleteTags", None, ROOT),
        ("UpdateEndpointWeightsAndCapacities", ("InService", "Updating"), ROOT),
        (None, ("Updating", "InService"), "hostler"),
        ("DeleteEndpoint", ("InService", "Deleting"), ROOT),
        (None, ("Deleting", None), "hostler"),
    ]
    assert [event["Number"] for event in events] == list(range(1, 11))
    assert [event["Generation"] for event in events] == [1, 1, 1, 2, 2, 2, 2, 2, 2, 2]
    assert len({event["Uid"] for event in events}) == 1
    update = events[3]["Arguments"]
    assert (update["FromEndpointConfigName"], update["EndpointConfigName"]) == (one, two)
    assert events[6]["Arguments"]["Variants"] == "AllTraffic: 1 -> 2 instances"
    assert events[2]["Arguments"] == {"Tags": "stage"}
    assert "secret-of-ours" not in json.dumps(told), "values of tags are nobody's history"
    assert all(event["Why"] for event in events if event["Who"] == "hostler")
    assert "healthy" in events[1]["Why"] and "bake ended" in events[4]["Why"]
    times = [event["At"] for event in events]
    assert times == sorted(times)
    assert begun.timestamp() * 1000 - 1 <= times[0] <= datetime.datetime.now(datetime.UTC).timestamp() * 1000


def test_a_failed_creation_and_a_failed_update_say_why(server, hosting):
    bad = hosting.config(hosting.test_model("crash"))
    name = hosting.endpoint(bad, wait=False)
    reason = hosting.failed(name)
    last = history(server, name)["Events"][-1]
    assert (last["From"], last["To"], last["Why"]) == ("Creating", "Failed", reason.strip())

    name = hosting.deploy()
    hosting.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=bad)
    hosting.in_service(name)
    back = history(server, name)["Events"][-2:]
    assert story(back) == [
        (None, ("Updating", "RollingBack"), "hostler"),
        (None, ("RollingBack", "InService"), "hostler"),
    ]
    assert [event["Generation"] for event in back] == [2, 1]
    assert "exited with code 3" in back[0]["Why"] and "taken back" in back[1]["Why"]


def test_a_name_that_is_used_again_has_the_history_of_both(server, hosting):
    name = hosting.deploy()
    hosting.delete(name)
    hosting.endpoint(hosting.config(hosting.model()), name=name)
    events = history(server, name.upper())["Events"]
    assert [event["Operation"] for event in events].count("CreateEndpoint") == 2
    first, second = events[0]["Uid"], events[-1]["Uid"]
    assert first != second
    text = server.cli("history", name).stdout.decode().splitlines()
    assert [line.strip() for line in text].count("--- another endpoint of the same name ---") == 1
    hosting.delete(name)


def test_configs_and_models_have_a_history_too(server, hosting):
    model = hosting.model(Tags=[{"Key": "team", "Value": "v"}])
    config = hosting.config(model)
    for name, kind, noun in [(config, "endpoint-config", "EndpointConfig"), (model, "model", "Model")]:
        delete = getattr(hosting.sagemaker, f"delete_{kind.replace('-', '_')}")
        delete(**{f"{noun}Name": name})
        events = history(server, name, kind=kind)["Events"]
        assert story(events) == [(f"Create{noun}", None, ROOT), (f"Delete{noun}", None, ROOT)]
        assert all(event["Generation"] is None for event in events)
    assert history(server, config, kind="endpoint-config")["Events"][0]["Arguments"]["Variants"] == (
        f"AllTraffic runs {model} on 1"
    )
    created = history(server, model, kind="model")["Events"][0]["Arguments"]
    assert created["ModelData"] == "s3://conformance-models/kmeans/model.tar.gz" and created["Tags"] == "team"


def test_people_get_a_row_for_each_event_and_are_told_what_is_left_out(server, hosting):
    name = hosting.deploy()
    done = server.cli("history", name, "--limit", "1")
    (row,) = done.stdout.decode().splitlines()
    moment, words = row[:22].strip(), row[22:]
    assert moment.endswith("Z")
    shown = datetime.datetime.strptime(moment, "%Y-%m-%d %H:%M:%SZ").replace(tzinfo=datetime.UTC)
    assert abs((datetime.datetime.now(datetime.UTC) - shown).total_seconds()) < 120
    assert words == "g1 · Creating -> InService · by hostler: its instance is healthy"
    assert done.stderr.decode().strip() == "1 older event(s) are not shown"
    whole = server.cli("history", name)
    assert whole.stderr == b"" and len(whole.stdout.decode().splitlines()) == 2
    assert "CreateEndpoint (EndpointConfigName" in whole.stdout.decode()
    hosting.delete(name)


def test_a_name_that_never_was_is_not_found_and_a_near_one_is_named(server, hosting):
    name = hosting.endpoint(hosting.config(hosting.model()), name=fresh("quite-another-word"))
    done = server.cli("history", name + "x", check=False)
    assert done.returncode == 1
    assert "Could not find endpoint" in done.stderr.decode()
    assert f"did you mean `{name}`?" in done.stderr.decode()
    assert server.cli("history", "no such name", check=False).returncode == 1
    assert server.cli("history", name, "--limit", "0", check=False).returncode == 2
    hosting.delete(name)


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_history_outlives_the_server(make_server, end):
    server = make_server()
    hosting = Hosting(server)
    hosting.upload()
    name = hosting.deploy()
    hosting.sagemaker.add_tags(
        ResourceArn=hosting.sagemaker.describe_endpoint(EndpointName=name)["EndpointArn"],
        Tags=[{"Key": fresh("key"), "Value": "v"}],
    )
    before = history(server, name)["Events"]
    assert len(before) == 3
    getattr(server, end)()
    server.start()
    hosting = Hosting(server)
    hosting.in_service(name)
    assert history(server, name)["Events"] == before
    hosting.delete(name)
    assert history(server, name)["Events"][:3] == before
    assert len(history(server, name)["Events"]) == 5
