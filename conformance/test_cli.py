"""The commands of `hostler` beside `serve`: ls, describe, logs, invoke, env."""

import json
import os
import signal
import stat
import subprocess
import sys

import pytest

from harness import artifacts
from harness.hosting import Hosting
from harness.server import BINARY, clean_environment
from harness.waiting import eventually


@pytest.fixture(scope="module")
def endpoint(hosting):
    return hosting.deploy()


def test_ls_shows_endpoints_and_their_status(server, endpoint):
    shown = server.cli("ls").stdout.decode()
    (line,) = [line for line in shown.splitlines() if endpoint in line]
    assert "InService" in line


def test_ls_as_json_is_json(server, endpoint):
    document = json.loads(server.cli("ls", "--output", "json").stdout)
    assert endpoint in json.dumps(document)
    assert "InService" in json.dumps(document)


def test_describe_shows_an_endpoint(server, endpoint):
    shown = server.cli("describe", endpoint).stdout.decode()
    assert endpoint in shown
    assert "InService" in shown
    assert "AllTraffic" in shown
    assert endpoint in json.dumps(json.loads(server.cli("describe", endpoint, "--output", "json").stdout))


def test_describe_of_nothing_says_so_and_fails(server):
    done = server.cli("describe", "nobody-home", check=False)
    assert done.returncode != 0
    assert b"nobody-home" in done.stderr
    assert done.stdout == b""


def test_describe_shows_members_that_have_no_effect(server, hosting):
    model = hosting.test_model("pid")
    config = hosting.config(model, VolumeSizeInGB=20)
    name = hosting.endpoint(config)
    assert "VolumeSizeInGB" in server.cli("describe", name).stdout.decode()
    hosting.delete(name)


def test_invoke_reads_a_file_or_stdin(server, endpoint, tmp_path):
    body = "\n".join(artifacts.rows()).encode()
    path = tmp_path / "rows.csv"
    path.write_bytes(body)
    from_file = server.cli("invoke", endpoint, "--body", path, "--content-type", "text/csv").stdout
    from_stdin = server.cli("invoke", endpoint, "--body", "-", "--content-type", "text/csv", stdin=body).stdout
    clusters = [row["closest_cluster"] for row in json.loads(from_file)["predictions"]]
    assert clusters == [row["closest_cluster"] for row in artifacts.expected()]
    assert from_stdin == from_file


def test_invoke_tells_what_went_wrong(server, endpoint):
    done = server.cli("invoke", endpoint, "--body", "-", "--content-type", "text/csv", stdin=b"1,2", check=False)
    assert done.returncode != 0
    assert b"expected" in done.stderr
    done = server.cli("invoke", "nobody", "--body", "-", "--content-type", "text/csv", stdin=b"1", check=False)
    assert done.returncode != 0
    assert b"nobody" in done.stderr


def test_a_name_that_is_not_there_brings_the_nearest_ones(server, hosting):
    name = hosting.endpoint(hosting.config(hosting.test_model("pid")), name="weather-forecast")
    for command in (
        ("describe", "wether-forecast"),
        ("logs", "weather"),
        ("invoke", "Weather-forcast", "--body", "-", "--content-type", "text/csv"),
    ):
        done = server.cli(*command, stdin=b"1", check=False)
        said = done.stderr.decode()
        assert done.returncode == 1
        assert said.startswith("error: ")
        assert "hint: did you mean `weather-forecast`?" in said, said
    done = server.cli("describe", "zzzzqqqq", check=False)
    assert "hint: `hostler ls` shows" in done.stderr.decode()
    hosting.delete(name)


@pytest.mark.parametrize("name", ["a b", "a/b", "a?b", "..", "", "ä", "a%20b", "a\nb"])
@pytest.mark.parametrize("command", ["describe", "logs", "invoke"])
def test_what_cannot_be_a_name_is_refused_before_it_becomes_a_url(server, command, name):
    more = ("--body", "-", "--content-type", "text/csv") if command == "invoke" else ()
    done = server.cli(command, name, *more, stdin=b"1", check=False)
    said = done.stderr.decode()
    assert done.returncode == 1
    assert said.startswith("error: `") and "cannot be an endpoint's name\nhint: a name has letters" in said, said


def test_an_answer_is_waited_for_as_long_as_one_says(server, hosting):
    name = hosting.endpoint(hosting.config(hosting.test_model("plain", {"TEST_ANSWER": "hang=true"})))
    done = server.cli("invoke", name, "--body", "-", "--content-type", "a/b", "--timeout", "1", stdin=b"1", check=False)
    said = done.stderr.decode()
    assert done.returncode == 1
    assert said.startswith(f"error: no answer from {server.url} within 1 s\nhint: --timeout waits longer"), said
    hosting.delete(name)


def test_a_header_that_cannot_be_sent_is_named(server, endpoint):
    done = server.cli("invoke", endpoint, "--body", "-", "--content-type", "a\nb", stdin=b"1", check=False)
    assert done.returncode == 1
    assert b"`a\\nb` cannot be sent as --content-type" in done.stderr


def test_a_key_of_another_server_is_explained(server, make_server):
    other = make_server()
    done = other.cli("ls", "--endpoint", server.url, check=False)
    said = done.stderr.decode()
    assert done.returncode == 1
    assert "hint: " in said and "--data-dir" in said, said


def test_a_server_that_is_gone_is_named_with_what_to_do(make_server):
    server = make_server()
    server.stop()
    done = server.cli("ls", check=False)
    said = done.stderr.decode()
    assert done.returncode == 1
    assert f"no server answers at {server.url or 'http'}" in said or "no server answers at http://127.0.0.1:" in said
    assert "hint: " in said and "hostler serve" in said


def test_tls_to_a_server_without_it_is_explained(server):
    done = server.cli("ls", "--endpoint", server.url.replace("http://", "https://"), check=False)
    assert done.returncode == 1
    assert b"hint: does it speak TLS?" in done.stderr, done.stderr


def test_a_body_that_is_not_there_is_an_error_with_a_hint(server, endpoint, tmp_path):
    done = server.cli("invoke", endpoint, "--body", tmp_path / "nothing", "--content-type", "text/csv", check=False)
    assert done.returncode == 1
    assert b"hint: check the path" in done.stderr


def test_a_data_directory_in_use_is_explained(server):
    command = [str(BINARY), "serve", "--data-dir", str(server.data_dir), "--listen", "127.0.0.1:0"]
    done = subprocess.run(command, capture_output=True, text=True, env=clean_environment(), timeout=30)
    assert done.returncode == 1
    assert "is in use by process" in done.stderr
    assert "hint: use the server that runs" in done.stderr


def test_a_port_in_use_is_explained(server, tmp_path):
    command = [str(BINARY), "serve", "--data-dir", str(tmp_path), "--listen", f"127.0.0.1:{server.port}"]
    done = subprocess.run(command, capture_output=True, text=True, env=clean_environment(), timeout=30)
    assert done.returncode == 1
    assert f"listening on 127.0.0.1:{server.port} failed" in done.stderr
    assert "hint: another program has the port: choose one with --listen" in done.stderr


@pytest.mark.parametrize("url", ["127.0.0.1:7070", "http://a b", "http://", "https://host/?x=1"])
def test_a_url_that_is_none_is_refused_with_an_example(server, url):
    done = server.cli("ls", "--endpoint", url, check=False)
    assert done.returncode == 1
    assert b"hint: a URL begins with http:// or https://" in done.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "elvish", "powershell"])
def test_completions_know_every_command_that_is_shown(shell):
    done = subprocess.run([str(BINARY), "completions", shell], capture_output=True, text=True, env=clean_environment())
    assert done.returncode == 0
    for command in ("deploy", "inspect", "doctor", "describe"):
        assert command in done.stdout
    assert "runtime" not in done.stdout, "what only the server starts is not completed"
    assert done.stderr == ""


def test_bash_completes_commands_and_flags():
    script = subprocess.run([str(BINARY), "completions", "bash"], capture_output=True, text=True, env=clean_environment())
    program = (
        script.stdout
        + '\nCOMP_WORDS=(hostler dep); COMP_CWORD=1; _hostler hostler dep hostler; echo "${COMPREPLY[@]}"'
        + '\nCOMP_WORDS=(hostler deploy --rep); COMP_CWORD=2; _hostler hostler --rep deploy; echo "${COMPREPLY[@]}"'
    )
    done = subprocess.run(["bash", "-c", program], capture_output=True, text=True, env=clean_environment())
    assert done.stdout.splitlines() == ["deploy", "--replace"], done.stderr


@pytest.mark.parametrize(
    "command", ["serve", "deploy", "inspect", "ls", "quotas", "describe", "logs", "invoke", "env", "doctor"]
)
def test_help_of_each_command_explains_exit_codes(command):
    done = subprocess.run([str(BINARY), "help", command], capture_output=True, text=True, env=clean_environment())
    assert done.returncode == 0
    assert "Examples:" in done.stdout and "Exit codes:" in done.stdout


def test_a_man_page_is_roff_that_names_its_command():
    done = subprocess.run([str(BINARY), "man", "deploy"], capture_output=True, text=True, env=clean_environment())
    assert done.returncode == 0
    assert done.stdout.startswith(".ie") or ".TH" in done.stdout
    assert "hostler-deploy" in done.stdout.replace("\\-", "-").replace("\\", "")
    wrong = subprocess.run([str(BINARY), "man", "deplyo"], capture_output=True, text=True, env=clean_environment())
    assert wrong.returncode == 1
    assert "hint: there is deploy" in wrong.stderr


def test_logs_show_what_a_model_printed(server, hosting):
    name = hosting.deploy("pid")
    eventually(
        lambda: server.cli("logs", name).stdout.decode(), lambda text: "listening on" in text, "its words are in the log"
    )
    document = server.cli("logs", name, "--output", "json").stdout.decode()
    assert all(json.loads(line) is not None for line in document.splitlines() if line.strip())
    hosting.delete(name)


def test_logs_of_a_model_that_crashed_at_start_are_kept(server, hosting):
    name = hosting.endpoint(hosting.config(hosting.test_model("crash")), wait=False)
    hosting.failed(name, 90)
    assert "ValueError: the weights are of the wrong shape" in server.cli("logs", name).stdout.decode()
    hosting.delete(name)


@pytest.fixture
def updating(server, hosting, tmp_path):
    """An endpoint whose new instance is healthy once a file exists: its name, both configs, the file."""
    release = tmp_path / "release"
    old = hosting.config(hosting.test_model("plain", {"TEST_START_WORDS": "words of the former"}))
    slow = {"TEST_START_WORDS": "words of the new", "TEST_PING_FILE": str(release)}
    new = hosting.config(hosting.test_model("plain", slow))
    name = hosting.endpoint(old)
    hosting.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=new)
    yield name, old, new, release
    hosting.delete(name)


def rows(server, name, label):
    """The texts of the rows that `hostler describe` gives this label."""
    shown = server.cli("describe", name).stdout.decode().splitlines()
    return [line[12:] for line in shown if line[:12].strip() == label]


def test_describe_and_ls_show_an_update_while_it_runs_and_nothing_of_it_after(server, hosting, updating):
    name, old, new, release = updating
    eventually(lambda: rows(server, name, "instance"), lambda seen: len(seen) == 2, "both instances are there")
    assert rows(server, name, "status") == ["Updating"]
    (update,) = rows(server, name, "update")
    assert f"from config {old} (generation 1) to config {new} (generation 2), since 20" in update
    (stage,) = rows(server, name, "stage")
    assert stage.startswith("new instances start, since 20")
    ((former,), (coming,)) = rows(server, name, "former"), rows(server, name, "new")
    assert former.startswith("AllTraffic · 1 of 1 healthy · 100 % of the requests · model ")
    assert coming.startswith("AllTraffic · 0 of 1 healthy · 0 % of the requests · model ")
    sides = [row.split(" · ")[0] for row in rows(server, name, "instance")]
    assert sides == ["former", "new"]
    (line,) = [line for line in server.cli("ls").stdout.decode().splitlines() if line.split()[0] == name]
    assert line.split()[1] == "Updating"

    document = json.loads(server.cli("describe", name, "--output", "json").stdout)
    assert document["Update"]["From"] == {"EndpointConfigName": old, "Generation": 1}
    assert document["Update"]["To"] == {"EndpointConfigName": new, "Generation": 2}
    assert [fleet["Traffic"] for fleet in document["Fleets"]] == [1.0, 0.0]

    release.touch()
    hosting.in_service(name)
    for label in ("update", "stage", "former", "new", "last change"):
        assert rows(server, name, label) == [], label
    (instance,) = rows(server, name, "instance")
    assert ".g2.AllTraffic.0." in instance.split(" · ")[0], "one side is no side"
    assert json.loads(server.cli("describe", name, "--output", "json").stdout)["Update"] is None


def test_describe_tells_the_share_of_a_canary_and_how_long_it_is_watched(server, hosting):
    name = hosting.endpoint(hosting.config(hosting.test_model("plain"), count=2))
    policy = {
        "BlueGreenUpdatePolicy": {
            "TrafficRoutingConfiguration": {
                "Type": "CANARY",
                "WaitIntervalInSeconds": 3600,
                "CanarySize": {"Type": "INSTANCE_COUNT", "Value": 1},
            }
        }
    }
    new = hosting.config(hosting.test_model("plain"), count=4)
    hosting.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=new, DeploymentConfig=policy)
    stage = eventually(lambda: rows(server, name, "stage"), lambda seen: "take requests" in seen[0], "it bakes")[0]
    assert stage.startswith("step 1 of 2 (canary): new instances take requests and are watched for another ")
    assert rows(server, name, "former")[0].startswith("AllTraffic · 2 of 2 healthy · 75 % of the requests")
    assert rows(server, name, "new")[0].startswith("AllTraffic · 4 of 4 healthy · 25 % of the requests")
    hosting.delete(name)


def test_describe_tells_why_a_change_went_back_until_one_comes_through(server, hosting):
    good = hosting.config(hosting.test_model("plain"))
    name = hosting.endpoint(good)
    crash = hosting.config(hosting.test_model("crash"))
    hosting.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=crash)
    hosting.in_service(name)
    (reason,) = rows(server, name, "last change")
    assert reason.startswith("failed and went back: The primary container for production variant AllTraffic did not")
    assert rows(server, name, "failure") == []
    hosting.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=good)
    hosting.in_service(name)
    assert rows(server, name, "last change") == []
    hosting.delete(name)


def test_an_endpoint_that_goes_back_is_shown_so_and_takes_no_deployment(make_server, tmp_path):
    server = make_server("rollback_shown_s = 3600\n")
    hosting = Hosting(server)
    name = hosting.endpoint(hosting.config(hosting.test_model("plain")))
    crash = hosting.config(hosting.test_model("crash"))
    hosting.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=crash)
    listed = lambda: server.cli("ls").stdout.decode().split()  # noqa: E731
    eventually(listed, lambda words: words == [name, "RollingBack"], "ls shows that it goes back")
    (reason,) = rows(server, name, "failure")
    assert reason.startswith("the change goes back: The primary container for production variant AllTraffic did not")
    assert rows(server, name, "stage")[0].startswith("it goes back: the former instances answer, the new ones leave")
    assert rows(server, name, "former")[0].startswith("AllTraffic · 1 of 1 healthy · 100 % of the requests")
    (tmp_path / "weights").write_text("any")
    image = "models.example/conformance-plain:1"
    done = server.cli("deploy", tmp_path, "--name", name, "--image", image, check=False)
    assert done.returncode == 1
    assert f"endpoint `{name}` is RollingBack: it can be updated once that is over" in done.stderr.decode()
    hosting.delete(name)


def test_describe_tells_which_sizes_change(server, hosting, tmp_path):
    release = tmp_path / "release"
    model = hosting.test_model("plain", {"TEST_PING_FILE": str(release)})
    release.touch()
    name = hosting.endpoint(hosting.config(model))
    release.unlink()
    hosting.sagemaker.update_endpoint_weights_and_capacities(
        EndpointName=name,
        DesiredWeightsAndCapacities=[{"VariantName": "AllTraffic", "DesiredInstanceCount": 2, "DesiredWeight": 3.0}],
    )
    (update,) = rows(server, name, "update")
    assert update.startswith("of sizes; AllTraffic: 1 to 2 instance(s) and weight 1.0 to 3.0, since 20")
    (stage,) = rows(server, name, "stage")
    assert stage.startswith("instances that are added start, since 20")
    release.touch()
    hosting.in_service(name)
    assert rows(server, name, "update") == []
    hosting.delete(name)


def test_logs_show_the_instances_of_both_sides_during_an_update_and_after_it(server, hosting, updating):
    name, _, _, release = updating

    def said():
        lines = [line.split(" | ", 1) for line in server.cli("logs", name).stdout.decode().splitlines()]
        return {(line[0].split(".")[1], line[1]) for line in lines if len(line) == 2 and "words" in line[1]}

    both = {("g1", "words of the former"), ("g2", "words of the new")}
    eventually(said, lambda seen: seen == both, "both sides are told apart")
    release.touch()
    hosting.in_service(name)
    assert said() == both
    lines = [json.loads(line) for line in server.cli("logs", name, "--output", "json").stdout.splitlines()]
    assert {(line["generation"], line["line"]) for line in lines if "words" in line["line"]} == {
        (1, "words of the former"),
        (2, "words of the new"),
    }


def test_logs_follow_until_interrupted(server, hosting, tmp_path):
    name = hosting.deploy("pid")
    path = tmp_path / "followed"
    with open(path, "wb") as out:
        command = [str(BINARY), "logs", name, "-f", "--data-dir", str(server.data_dir)]
        follower = subprocess.Popen(command, stdout=out, stderr=subprocess.DEVNULL, env=clean_environment())
    try:
        eventually(path.read_text, lambda text: "listening on" in text, "the old lines")
        hosting.invoke(name, CustomAttributes="test: log=written just now")
        eventually(path.read_text, lambda text: "written just now" in text, "the new line")
    finally:
        follower.send_signal(signal.SIGINT)
        follower.wait(10)
    hosting.delete(name)


def test_env_prints_what_a_shell_can_evaluate(server):
    script = (
        f'eval "$("{BINARY}" env --data-dir "{server.data_dir}")" && '
        'echo "$AWS_PROFILE|$AWS_CONFIG_FILE|$AWS_SHARED_CREDENTIALS_FILE|$AWS_ENDPOINT_URL"'
    )
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, env=clean_environment())
    assert done.returncode == 0, done.stderr
    profile, config, credentials, url = done.stdout.strip().split("|")
    assert profile == "hostler"
    assert os.path.samefile(config, server.aws_config)
    assert os.path.samefile(credentials, server.aws_credentials)
    assert url.rstrip("/") == server.url


def test_the_written_profile_is_all_that_a_fresh_python_needs(server, endpoint):
    program = (
        "import boto3\n"
        "assert boto3.session.Session().region_name == 'us-east-1'\n"
        "for service in ('sagemaker', 'sagemaker-runtime', 's3', 'sts'):\n"
        "    print(boto3.client(service).meta.endpoint_url)\n"
        f"print(boto3.client('sagemaker').describe_endpoint(EndpointName='{endpoint}')['EndpointStatus'])\n"
    )
    environment = server.environment()
    done = subprocess.run([sys.executable, "-B", "-c", program], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    *urls, status = done.stdout.split()
    assert {url.rstrip("/") for url in urls} == {server.url}
    assert status == "InService"


def test_the_written_files_are_for_their_owner_alone(server):
    for path in (server.aws_config, server.aws_credentials):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_server_is_healthy_and_said_one_line(server):
    import urllib.request

    with urllib.request.urlopen(server.url + "/healthz") as answer:
        assert answer.status == 200


def test_a_command_without_a_server_says_what_to_do(tmp_path):
    done = subprocess.run(
        [str(BINARY), "ls", "--data-dir", str(tmp_path / "nothing")],
        capture_output=True,
        text=True,
        env=clean_environment(),
        timeout=30,
    )
    assert done.returncode != 0
    assert "serve" in done.stderr
    assert done.stdout == ""
