"""The log as JSON: one object a line, and each line about an endpoint says which and of which generation."""

import json
import os
import signal

import pytest

from harness.hosting import Hosting
from harness.waiting import eventually

SECRET = "a-secret-of-the-model"
CONFIG = 'log_format = "json"\n'


def test_every_line_is_an_object_and_names_its_endpoint_and_generation(make_server):
    server = make_server(CONFIG, start=False)
    server.environment_more = {"HOSTLER_LOG": "debug"}
    server.start()
    hosting = Hosting(server)
    hosting.upload()
    good = hosting.config(hosting.model(environment={"TOKEN": SECRET}), count=2)
    name = hosting.endpoint(good)
    bad = hosting.config(hosting.test_model("crash"))
    failing = hosting.endpoint(bad, wait=False)
    hosting.failed(failing)
    hosting.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=good)
    hosting.in_service(name)
    hosting.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=bad)
    hosting.in_service(name)
    payload = "0.5," * 63 + "0.25"
    hosting.invoke(name, payload, ContentType="text/csv")
    with pytest.raises(hosting.runtime.exceptions.ClientError):
        hosting.invoke(name, "not numbers", ContentType="text/csv")
    seen = json.loads(server.cli("describe", name, "--output", "json").stdout)
    os.kill(seen["Instances"][0]["Pid"], signal.SIGKILL)
    eventually(
        lambda: json.loads(server.cli("describe", name, "--output", "json").stdout)["Instances"],
        lambda now: len(now) == 2 and all(one["Health"] == "Healthy" and one["Id"] != seen["Instances"][0]["Id"] for one in now),
        "the killed instance is replaced",
    )
    hosting.delete(name)
    hosting.delete(failing)
    server.stop()

    lines = [json.loads(line) for line in server.log().splitlines()]
    assert all({"timestamp", "level", "target", "message"} <= set(line) for line in lines)
    # A request that is refused before anything is chosen for it names what the client asked for, and no generation.
    ours = [line for line in lines if "request_id" not in line]
    names = ("\"instance\"", "\"endpoint\"", seen["Uid"], name, failing)
    about = [line for line in ours if any(part in json.dumps(line) for part in names)]
    for line in about:
        assert line.get("endpoint") in (name, failing), line
        assert isinstance(line.get("generation"), int), line
        if "instance" in line:
            assert f".g{line['generation']}." in line["instance"], line
    # Every phase of these lives has its lines, from each of the rooms.
    told = {(line["endpoint"], line["generation"], line["message"].split(" ")[0]) for line in about}
    for generation in (1, 2, 3):
        assert (name, generation, "launching") in told, told
    assert (failing, 1, "status") in told
    rooms = {line["target"].split("::")[0] for line in about}
    assert {"hostler_control", "hostler_gateway"} <= rooms, rooms
    messages = [line["message"] for line in about]
    for part in ("status Creating -> Failed", "status Updating -> RollingBack", "an instance failed a request", "ended:"):
        assert any(part in message for message in messages), part
    assert {line["account"] for line in about if "status" in line["message"]} == {"000000000000"}
    # Neither what is sent nor what is secret.
    text = server.log()
    credentials = (server.data_dir / "aws" / "credentials").read_text()
    secret_key = credentials.split("aws_secret_access_key")[1].split("=")[1].split()[0]
    for hidden in (SECRET, payload, "not numbers", secret_key):
        assert hidden not in text


def test_a_flag_wins_over_the_file_and_a_wrong_word_is_refused(make_server):
    server = make_server(CONFIG, arguments=["--log-format", "text"])
    assert "the server is ready" in server.log()
    assert not server.log().startswith("{")
    wrong = make_server('log_format = "xml"\n', start=False)
    with pytest.raises(AssertionError, match='log_format = "xml" is neither "text" nor "json"'):
        wrong.start()
