"""The commands of `hostler` beside `serve`: ls, describe, logs, invoke, env."""

import json
import os
import signal
import stat
import subprocess
import sys

import pytest

from harness import artifacts
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
