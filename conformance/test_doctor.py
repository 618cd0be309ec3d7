"""`hostler doctor`: what this machine can run."""

import json
import os
import pwd
import shutil
import socket
import subprocess
import tempfile

import pytest

from harness.server import BINARY, clean_environment

VERDICTS = {"ok", "limited", "missing"}


def doctor(*arguments, **more):
    command = [str(part) for part in (BINARY, "doctor", *arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=clean_environment(), timeout=60, **more)


def rows(done):
    document = json.loads(done.stdout)
    return document, {row["Subject"]: row for row in document["Rows"]}


def test_every_row_has_a_verdict_a_sentence_and_what_to_do(tmp_path):
    done = doctor("--data-dir", tmp_path / "data", "--output", "json")
    assert done.returncode == 0, done.stderr
    document, _ = rows(done)
    assert document["CanRun"] is True
    for row in document["Rows"]:
        assert row["Verdict"] in VERDICTS
        assert row["Says"]
        assert (row["ToDo"] is None) == (row["Verdict"] == "ok"), row
    assert not (tmp_path / "data").exists(), "a look must not make the directory"


def test_it_says_what_the_kernel_says(tmp_path):
    _, seen = rows(doctor("--data-dir", tmp_path, "--output", "json"))
    assert os.uname().release in seen["kernel"]["Says"]
    assert seen["python3"]["Verdict"] == "ok" or shutil.which("python3", path="/usr/bin:/usr/local/bin:/bin") is None


def test_its_word_on_limits_is_the_servers(server, tmp_path):
    _, seen = rows(doctor("--data-dir", tmp_path, "--output", "json"))
    warned = "cannot hold instances to all limits" in server.log()
    assert (seen["control groups"]["Verdict"] != "ok") == warned


def test_its_word_on_opt_ml_model_is_that_of_a_real_try(tmp_path):
    _, seen = rows(doctor("--data-dir", tmp_path, "--output", "json"))
    can = subprocess.run(["unshare", "--user", "--mount", "true"], capture_output=True).returncode == 0
    assert (seen["/opt/ml/model"]["Verdict"] == "ok") == can, seen["/opt/ml/model"]


def test_a_kernel_without_namespaces_is_a_limit_with_what_to_do(tmp_path):
    # Limits of a user namespace hold for those below it: the same refusal as that of a machine set so.
    script = 'echo 0 > /proc/sys/user/max_mnt_namespaces && exec "$@"'
    command = ["unshare", "-Ur", "sh", "-c", script, "sh", BINARY, "doctor", "--data-dir", tmp_path, "--output", "json"]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, env=clean_environment())
    document, seen = rows(done)
    assert document["CanRun"] is True
    assert seen["/opt/ml/model"]["Verdict"] == "limited"
    assert "unshare(CLONE_NEWNS) failed" in seen["/opt/ml/model"]["Says"]
    assert "user.max_mnt_namespaces" in seen["/opt/ml/model"]["ToDo"]


def test_a_server_that_runs_is_found(server):
    done = doctor("--data-dir", server.data_dir, "--listen", f"127.0.0.1:{server.port}", "--output", "json")
    _, seen = rows(done)
    assert seen["server"]["Verdict"] == "ok" and server.url in seen["server"]["Says"]
    assert seen["port"]["Verdict"] == "ok" and "this data directory" in seen["port"]["Says"]


def test_a_port_that_another_server_has_is_told_from_a_strangers(server, tmp_path):
    done = doctor("--data-dir", tmp_path, "--listen", f"127.0.0.1:{server.port}", "--output", "json")
    document, seen = rows(done)
    assert document["CanRun"] is True and done.returncode == 0
    assert seen["port"]["Verdict"] == "limited"
    assert "a server of another data directory" in seen["port"]["Says"]
    assert "--listen" in seen["port"]["ToDo"]
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        port = stranger.getsockname()[1]
        _, seen = rows(doctor("--data-dir", tmp_path, "--listen", f"127.0.0.1:{port}", "--output", "json"))
    assert "another program" in seen["port"]["Says"]


def test_a_stopped_server_is_missing_and_said_how_to_start(make_server):
    server = make_server()
    server.stop()
    _, seen = rows(doctor("--data-dir", server.data_dir, "--output", "json"))
    assert seen["server"]["Verdict"] == "missing"
    assert f"hostler serve --data-dir {server.data_dir}" in seen["server"]["ToDo"]


def test_a_file_in_the_place_of_the_data_directory_stops_a_server(tmp_path):
    path = tmp_path / "data"
    path.write_text("")
    done = doctor("--data-dir", path)
    assert done.returncode == 1
    assert "needed: " in done.stdout
    assert "no server can run here" in done.stdout


@pytest.fixture
def foreign_directory():
    """A directory of mode 0555 that everybody can enter, with a copy of the binary in it."""
    # pytest's own directories are closed to others.
    directory = tempfile.mkdtemp(prefix="hostler-doctor-")
    shutil.copy(BINARY, os.path.join(directory, "hostler"))
    os.chmod(directory, 0o555)
    yield directory
    os.chmod(directory, 0o755)
    shutil.rmtree(directory)


def test_a_directory_that_cannot_be_written_stops_a_server(foreign_directory):
    # Root may write anywhere, so it becomes somebody who may not.
    somebody = pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else None
    command = [os.path.join(foreign_directory, "hostler"), "doctor", "--data-dir", foreign_directory]
    done = subprocess.run(
        [*command, "--output", "json"],
        capture_output=True,
        text=True,
        user=somebody,
        cwd="/",
        env=clean_environment(),
        timeout=60,
    )
    document, seen = rows(done)
    assert done.returncode == 1 and document["CanRun"] is False
    assert seen["data directory"]["Verdict"] == "missing" and seen["data directory"]["Needed"] is True
    assert "Permission denied" in seen["data directory"]["Says"]


def test_few_open_files_are_a_limit_and_said_how_to_raise(tmp_path):
    import resource

    def few():
        resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 2048))

    _, seen = rows(doctor("--data-dir", tmp_path, "--output", "json", preexec_fn=few))
    assert seen["open files"]["Verdict"] == "limited"
    assert "1024" in seen["open files"]["Says"] and "2048" in seen["open files"]["Says"]
    assert "ulimit -n" in seen["open files"]["ToDo"]
