"""Starting and stopping: refusals, keys, TLS, and what a stop leaves behind."""

import http.client
import json
import os
import resource
import signal
import socket
import ssl
import subprocess
import urllib.request

import pytest

from harness import artifacts, processes
from harness.hosting import Hosting
from harness.server import BINARY, clean_environment, instance_directories
from harness.waiting import eventually


def refused_start(server, *more):
    """What it says on stderr when it will not start."""
    done = subprocess.run(
        server.command(*more), capture_output=True, text=True, timeout=30, env=clean_environment(), cwd=server.directory
    )
    assert done.returncode != 0, f"it should not start: {done.stdout}"
    assert done.stdout == "", "data goes to stdout, complaints do not"
    return done.stderr


def test_a_data_directory_that_another_server_holds_is_refused(make_server):
    server = make_server()
    said = refused_start(server)
    assert str(server.data_dir) in said
    assert Hosting(server).sagemaker.list_models()["Models"] == [], "the first one is unharmed"


def test_a_data_directory_is_free_again_after_a_crash(make_server):
    server = make_server()
    server.kill()
    server.start()
    assert Hosting(server).sagemaker.list_models()["Models"] == []


@pytest.mark.parametrize("address", ["0.0.0.0:0", "[::]:0"])
def test_an_address_beyond_loopback_is_refused_without_tls(make_server, address):
    server = make_server(start=False)
    said = refused_start(server, "--listen", address)
    assert "--tls-cert" in said
    assert "--allow-plaintext" in said


def test_an_address_beyond_loopback_is_allowed_when_said(make_server):
    server = make_server(arguments=("--listen", "0.0.0.0:0", "--allow-plaintext"))
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/healthz") as answer:
        assert answer.status == 200


def test_a_port_that_is_taken_is_reported(make_server):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        address = f"127.0.0.1:{holder.getsockname()[1]}"
        said = refused_start(make_server(start=False), "--listen", address)
    assert address in said


def test_all_mistakes_in_the_settings_are_reported_together(make_server):
    server = make_server('colour = "red"\nlistn = "127.0.0.1:1"\n[limits]\nmodel_timeut_s = 3\n', start=False)
    said = refused_start(server)
    for wrong in ("colour", "listn", "model_timeut_s"):
        assert wrong in said, said


def test_mistakes_under_quotas_are_reported_together(make_server):
    server = make_server('accelerators = "maybe"\n[quotas]\nvariants = 11\n"ml.m5.larg" = 1\n', start=False)
    said = refused_start(server)
    for wrong in ('accelerators = "maybe"', "variants = 11", "`ml.m5.larg`"):
        assert wrong in said, said


def test_mistakes_in_roles_are_reported_with_all_others(make_server):
    settings = (
        'backend = "lambda"\nlisten = "here"\n'
        '[[role]]\narn = "digits"\nallow = []\n'
        '[[role]]\narn = "arn:aws:iam::000000000000:role/some"\nallow = ["models/*"]\n'
        '[[role]]\narn = "arn:aws:iam::000000000000:role/some"\nallow = []\n'
    )
    said = refused_start(make_server(settings, start=False))
    for wrong in ('listen = "here"', "[[role]] `digits` is not", "[[role]] `models/*`", "is declared twice"):
        assert wrong in said, said


def test_settings_that_are_not_toml_are_reported_with_the_place(make_server):
    server = make_server("this is = = not toml\n", start=False)
    said = refused_start(server)
    assert "hostler.toml" in said


def test_a_settings_file_that_is_not_there_is_reported(make_server):
    server = make_server(start=False)
    server.config_path.unlink()
    assert "hostler.toml" in refused_start(server)


def test_the_key_is_made_once_and_kept(make_server):
    server = make_server()
    before = server.keys()
    server.stop()
    server.start()
    assert server.keys() == before


def test_two_servers_have_keys_of_their_own(make_server):
    assert make_server().keys() != make_server().keys()


def test_a_stop_ends_the_instances_and_the_next_start_brings_the_endpoint_back(make_server):
    server = make_server()
    hosting = Hosting(server)
    name = hosting.deploy("pid")
    assert server.instances()
    assert server.stop() == 0
    server.assert_nothing_left()
    server.start()
    hosting = Hosting(server)
    hosting.in_service(name)
    assert hosting.invoke(name)["Payload"]
    hosting.delete(name)
    assert instance_directories(server.data_dir) == []


def test_stops_on_purpose_are_no_failures_of_the_model(make_server):
    server = make_server()
    name = Hosting(server).deploy("pid")
    for _ in range(5):
        assert server.stop() == 0
        server.start()
        hosting = Hosting(server)
        hosting.in_service(name)
        assert hosting.invoke(name)["Payload"]
    described = json.loads(server.cli("describe", name, "--output", "json").stdout)
    assert [(place["failures"], place["last_failure"]) for place in described["Places"]] == [(0, None)]
    hosting.delete(name)


def test_a_terminal_that_goes_away_stops_the_server_and_its_instances(make_server):
    server = make_server()
    Hosting(server).deploy("pid")
    server.process.send_signal(signal.SIGHUP)
    assert server.process.wait(60) == 0
    assert server.stop() == 0
    server.assert_nothing_left()


def test_a_second_signal_ends_a_stop_that_waits(make_server):
    server = make_server()
    hosting = Hosting(server)
    name = hosting.deploy("stubborn")
    hosting.invoke(name)
    server.process.send_signal(signal.SIGTERM)
    eventually(server.log, lambda log: "stopping" in log, "the stop begins")
    server.process.send_signal(signal.SIGINT)
    assert server.process.wait(60) == 0
    assert server.stop() == 0
    server.assert_nothing_left()


def test_a_demo_whose_reader_goes_away_cleans_up_all_the_same(tmp_path):
    environment = clean_environment() | {"TMPDIR": str(tmp_path)}
    demo = subprocess.Popen(
        [str(BINARY), "demo", "--invocations", "100"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    )
    assert demo.stdout.readline()
    demo.stdout.close()
    assert demo.wait(120) == 0, demo.stderr.read()
    demo.stderr.close()
    assert list(tmp_path.iterdir()) == []
    assert processes.below(tmp_path) == []


def test_a_deletion_leaves_no_process_and_no_directory(make_server):
    server = make_server()
    hosting = Hosting(server)
    name = hosting.deploy("stubborn")
    hosting.invoke(name)
    assert server.instances()
    hosting.delete(name)
    eventually(server.instances, lambda left: not left, "the group is gone, children included", 45)
    eventually(lambda: instance_directories(server.data_dir), lambda left: not left, "directories are removed")


def test_the_child_of_a_server_that_is_idle_is_nobody(make_server):
    server = make_server()
    pid = server.process.pid
    assert [process for process in processes.everything() if process.parent == pid] == []


def self_signed(folder, names="IP:127.0.0.1,DNS:localhost"):
    """A certificate that signs itself, and its key."""
    cert, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        + ["-days", "2", "-subj", "/CN=localhost", "-addext", f"subjectAltName={names}"]
        + ["-addext", "basicConstraints=critical,CA:TRUE", "-keyout", str(key), "-out", str(cert)],
        check=True,
        capture_output=True,
    )
    return cert, key


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate for 127.0.0.1 that signs itself."""
    return self_signed(tmp_path_factory.mktemp("tls"))


def test_tls_serves_boto3_that_trusts_the_certificate(make_server, certificate):
    cert, key = certificate
    server = make_server(arguments=("--tls-cert", cert, "--tls-key", key))
    assert server.url.startswith("https://")
    client = server.client("sagemaker", verify=str(cert))
    assert client.list_models()["Models"] == []
    s3 = server.client("s3", verify=str(cert))
    s3.create_bucket(Bucket="over-tls")
    s3.put_object(Bucket="over-tls", Key="k", Body=b"sealed")
    assert s3.get_object(Bucket="over-tls", Key="k")["Body"].read() == b"sealed"
    with pytest.raises(Exception, match="(?i)certificate|SSL"):
        server.client("sagemaker", verify=True).list_models()


def test_tls_runs_the_main_job(make_server, certificate):
    """The server reaches its own S3 and STS although no public authority signed its certificate."""
    cert, key = certificate
    server = make_server(arguments=("--tls-cert", cert, "--tls-key", key))
    original = server.client
    server.client = lambda service, region=None, **config: original(service, region, verify=str(cert), **config)
    hosting = Hosting(server)
    hosting.upload()
    name = hosting.deploy()
    from harness import artifacts

    assert b"closest_cluster" in hosting.invoke(name, artifacts.rows()[0], ContentType="text/csv")["Payload"]
    hosting.delete(name)


def test_the_command_line_speaks_tls_to_a_certificate_that_it_is_told_to_believe(make_server, certificate, tmp_path):
    cert, key = certificate
    server = make_server(arguments=("--tls-cert", cert, "--tls-key", key))
    model = artifacts.EXAMPLE / "model.tar.gz"
    done = server.cli("deploy", model, "--name", "sealed", "--ca-cert", cert)
    assert done.stdout.decode().strip() == f"{server.url}/endpoints/sealed/invocations"
    assert server.url.startswith("https://")
    body = "\n".join(artifacts.rows()).encode()
    shown = server.cli("invoke", "sealed", "--body", "-", "--content-type", "text/csv", "--ca-cert", cert, stdin=body)
    clusters = [row["closest_cluster"] for row in json.loads(shown.stdout)["predictions"]]
    assert clusters == [row["closest_cluster"] for row in artifacts.expected()]
    environment = clean_environment() | {"AWS_CA_BUNDLE": str(cert)}
    command = [str(BINARY), "ls", "--data-dir", str(server.data_dir)]
    listed = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=30)
    assert listed.stdout.split() == ["sealed", "InService"], listed.stderr
    # Nobody's word for it, a stranger's word for it, or another name: none is believed.
    untold = subprocess.run(command, capture_output=True, text=True, env=clean_environment(), timeout=30)
    assert untold.returncode == 1 and "hint: tell of the certificate's authority" in untold.stderr
    stranger, _ = self_signed(tmp_path)
    done = server.cli("ls", "--ca-cert", stranger, check=False)
    assert done.returncode == 1 and b"--ca-cert" in done.stderr
    server.cli("describe", "sealed", "--ca-cert", cert)
    plain = server.cli("ls", "--endpoint", f"http://127.0.0.1:{server.port}", check=False)
    assert plain.returncode == 1 and b"begins with https://" in plain.stderr


def test_a_certificate_of_another_name_is_not_believed(make_server, tmp_path):
    cert, key = self_signed(tmp_path, names="DNS:elsewhere.example")
    server = make_server(arguments=("--tls-cert", cert, "--tls-key", key))
    done = server.cli("ls", "--ca-cert", cert, check=False)
    assert done.returncode == 1
    assert b"certificate" in done.stderr, done.stderr


def test_the_command_line_believes_what_an_authority_in_its_bundle_has_signed(make_server, tmp_path):
    (tmp_path / "ca").mkdir()
    authority, authority_key = self_signed(tmp_path / "ca", names="DNS:authority.example")
    cert, key, request = tmp_path / "cert.pem", tmp_path / "key.pem", tmp_path / "request.pem"
    names = tmp_path / "names"
    names.write_text("subjectAltName=IP:127.0.0.1\n")
    make = ["openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=x"]
    sign = ["openssl", "x509", "-req", "-in", request, "-CA", authority, "-CAkey", authority_key, "-CAcreateserial"]
    for command in (
        [*make, "-keyout", key, "-out", request],
        [*sign, "-days", "2", "-extfile", names, "-out", cert],
    ):
        subprocess.run([str(part) for part in command], check=True, capture_output=True)
    server = make_server(arguments=("--tls-cert", cert, "--tls-key", key))
    server.cli("ls", "--ca-cert", authority)
    done = server.cli("ls", "--ca-cert", self_signed(tmp_path / "ca")[0], check=False)
    assert done.returncode == 1


def test_a_certificate_file_that_is_none_is_said_so(make_server, certificate, tmp_path):
    cert, key = certificate
    server = make_server(arguments=("--tls-cert", cert, "--tls-key", key))
    empty = tmp_path / "empty.pem"
    empty.write_text("nothing")
    done = server.cli("ls", "--ca-cert", empty, check=False)
    assert done.returncode == 1 and b"holds no certificate in PEM form" in done.stderr
    done = server.cli("ls", "--ca-cert", tmp_path / "missing.pem", check=False)
    assert done.returncode == 1 and b"missing.pem` failed" in done.stderr


def test_plain_http_to_a_tls_port_gets_no_answer_and_does_no_harm(make_server, certificate):
    cert, key = certificate
    server = make_server(arguments=("--tls-cert", cert, "--tls-key", key))
    with pytest.raises((OSError, http.client.HTTPException)):
        urllib.request.urlopen(f"http://127.0.0.1:{server.port}/healthz", timeout=5)
    context = ssl.create_default_context(cafile=str(cert))
    with urllib.request.urlopen(f"https://127.0.0.1:{server.port}/healthz", context=context) as answer:
        assert answer.status == 200


def test_a_certificate_without_its_key_is_refused(make_server, certificate):
    said = refused_start(make_server(start=False), "--tls-cert", str(certificate[0]))
    assert "--tls-key" in said


def test_the_version_and_help_are_there():
    for flag in ("--version", "--help"):
        done = subprocess.run([str(BINARY), flag], capture_output=True, text=True, env=clean_environment())
        assert done.returncode == 0
        assert "hostler" in done.stdout.lower()
    assert os.access(BINARY, os.X_OK)


def test_what_is_no_certificate_or_key_is_named(make_server, tmp_path):
    cert, key = self_signed(tmp_path)
    empty = tmp_path / "empty.pem"
    empty.write_text("")
    server = make_server(start=False)
    assert f"no certificate in `{empty}`" in refused_start(server, "--tls-cert", str(empty), "--tls-key", str(key))
    assert f"no private key in `{empty}`" in refused_start(server, "--tls-cert", str(cert), "--tls-key", str(empty))


def test_what_the_server_may_open_is_not_what_its_models_may(make_server):
    """It raises its own limit; programs that break with more than they know get what it was given."""
    given = 1000
    server = make_server(start=False)
    server.prefix = ["sh", "-c", f'ulimit -Sn {given}; exec "$@"', "sh"]
    hosting = Hosting(server.start())
    hosting.upload()
    model = json.loads(hosting.invoke(hosting.deploy("pid"), b"")["Payload"])["pid"]
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert given < hard
    assert resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE) == (hard, hard)
    assert resource.prlimit(model, resource.RLIMIT_NOFILE) == (given, hard)
