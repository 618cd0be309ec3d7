"""[s3] and [sts] name another S3 and another STS: moto's, which share no code with Hostler."""

import json
import os
import re
import signal

import pytest

from harness import config as configuration
from harness.artifacts import KMEANS_IMAGE, expected, kmeans_archive, rows
from harness.certificates import Certificates
from harness.expect import refused
from harness.hosting import Hosting, fresh
from harness.moto import ACCOUNT, BUCKET, KEY, OPEN_KEY, ROLE, URL, Moto
from harness.waiting import eventually

IMAGE = KMEANS_IMAGE


@pytest.fixture
def make_moto(tmp_path):
    made = []

    def make(arguments=()):
        directory = tmp_path / f"moto{len(made)}"
        directory.mkdir()
        made.append(Moto(directory, arguments))
        return made[-1].start()

    yield make
    for moto in made:
        moto.close()


def credentials(tmp_path, key, profile="hostler-service"):
    path = tmp_path / "service-credentials"
    path.write_text(f"[{profile}]\naws_access_key_id = {key[0]}\naws_secret_access_key = {key[1]}\n")
    return path


def settings(moto, file, s3="", sts="", top="", limits=""):
    return (
        f'account = "{ACCOUNT}"\n{top}\n[limits]\n{limits}\n[s3]\nendpoint = "{moto.url}"\n{s3}\n'
        f'[sts]\nendpoint = "{moto.url}"\nprofile = "hostler-service"\ncredentials_file = "{file}"\n{sts}\n'
    )


def two(sts, s3, file, **more):
    """Settings for an STS and an S3 that are two servers."""
    return settings(s3, file, **more).replace(f'[sts]\nendpoint = "{s3.url}"', f'[sts]\nendpoint = "{sts.url}"')


def model(hosting, url=URL, role=ROLE):
    name = fresh("model")
    container = {"Image": IMAGE, "ModelDataUrl": url}
    hosting.sagemaker.create_model(ModelName=name, ExecutionRoleArn=role, PrimaryContainer=container)
    return name


def answers(hosting, endpoint):
    answer = hosting.invoke(endpoint, body="\n".join(rows()), ContentType="text/csv", Accept="application/json")
    clusters = [row["closest_cluster"] for row in json.loads(answer["Payload"])["predictions"]]
    assert clusters == [row["closest_cluster"] for row in expected()]


def test_a_model_in_another_s3_is_deployed_as_the_role_of_another_sts(make_moto, make_server, tmp_path):
    """With moto's IAM on, botocore works out every signature of Hostler's once more."""
    moto = make_moto()
    moto.upload()
    key = moto.enforce()
    server = make_server(settings(moto, credentials(tmp_path, key)))
    hosting = Hosting(server)
    endpoint = hosting.endpoint(hosting.config(model(hosting)))
    answers(hosting, endpoint)
    hosting.delete(endpoint)
    assert '"POST / HTTP/1.1" 200' in moto.log(), "the role was assumed"
    assert re.search(rf'"GET /{BUCKET}/{KEY} HTTP/1.1" 200', moto.log()), "the model came from there"
    for secret in (key[1], OPEN_KEY[1]):
        assert secret not in server.log()


def test_a_model_of_many_comes_once_for_all_instances_of_a_machine(make_moto, make_server, tmp_path):
    """moto's log counts what comes; a killed instance makes another load the model."""
    moto = make_moto()
    moto.upload("many/deep/er/a.tar.gz")
    hosting = Hosting(make_server(settings(moto, credentials(tmp_path, OPEN_KEY))))
    name = fresh("model")
    image = "models.example/conformance-plain:1"
    container = {"Image": image, "Mode": "MultiModel", "ModelDataUrl": f"s3://{BUCKET}/many/"}
    hosting.sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer=container)
    endpoint = hosting.endpoint(hosting.config(name, count=2))

    def loaded_by():
        answer = hosting.invoke(endpoint, b"", TargetModel="deep/er/a.tar.gz", CustomAttributes="test: tell=all")
        return json.loads(answer["Payload"])["pid"]

    def loaded_by_if_any():
        try:
            return loaded_by()
        except hosting.runtime.exceptions.ModelError:
            return None  # What was sent to the one that died was lost with it.

    first = loaded_by()
    os.kill(first, signal.SIGKILL)
    eventually(loaded_by_if_any, lambda pid: pid not in (None, first), "another instance has it", 30)
    assert len(re.findall(rf'"GET /{BUCKET}/many/deep/er/a.tar.gz HTTP/1.1" 20', moto.log())) == 1
    hosting.delete(endpoint)


def test_what_the_role_may_not_is_told_as_aws_tells_it(make_moto, make_server, tmp_path):
    moto = make_moto()
    moto.upload()
    secret = moto.upload("secret/model.tar.gz")
    key = moto.enforce()
    hosting = Hosting(make_server(settings(moto, credentials(tmp_path, key))))
    told = refused(model, hosting=hosting, url=secret)
    assert told.startswith(f'Could not access model data at {secret}. Please ensure that the role "{ROLE}" exists')
    # A role that the server's key may not assume.
    other = f"arn:aws:iam::{ACCOUNT}:role/other"
    told = refused(model, hosting=hosting, role=other)
    assert told.startswith(f'Could not access model data at {URL}. Please ensure that the role "{other}" exists')
    assert f"role `{other}` could not be assumed: AccessDenied" in told


def test_what_is_not_there_is_missing(make_moto, make_server, tmp_path):
    moto = make_moto()
    moto.upload()
    hosting = Hosting(make_server(settings(moto, credentials(tmp_path, OPEN_KEY))))
    for url in (f"s3://{BUCKET}/none.tar.gz", "s3://no-such-bucket/model.tar.gz"):
        assert refused(model, hosting=hosting, url=url) == f"Could not find model data at {url}."
    # It goes away between CreateModel and CreateEndpoint.
    config = hosting.config(model(hosting, moto.upload("passing.tar.gz")))
    moto.client("s3").delete_object(Bucket=BUCKET, Key="passing.tar.gz")
    reason = hosting.failed(endpoint := hosting.endpoint(config, wait=False))
    assert reason.strip().startswith('Failed to download model data for container "container_1" from URL: "s3://')
    assert f"Hostler: there is no object at `s3://{BUCKET}/passing.tar.gz`" in reason
    hosting.delete(endpoint)


def test_an_endpoint_waits_for_an_sts_that_is_down_and_comes_up_with_it(make_moto, make_server, tmp_path):
    sts, s3 = make_moto(), make_moto()
    s3.upload()
    server = make_server(two(sts, s3, credentials(tmp_path, OPEN_KEY)))
    hosting = Hosting(server)
    config = hosting.config(model(hosting))
    server.stop()  # What was assumed before is forgotten.
    sts.stop()
    server.start()
    hosting = Hosting(server)
    endpoint = hosting.endpoint(config, wait=False)
    shown = eventually(
        lambda: server.cli("describe", endpoint, "--output", "json").stdout.decode(),
        lambda text: "Connection refused" in text,
        "the last failure is shown",
    )
    assert f"asking STS at `{sts.url}/` failed" in shown
    assert hosting.status(endpoint) == "Creating"
    sts.start()
    hosting.in_service(endpoint)
    answers(hosting, endpoint)
    hosting.delete(endpoint)


@pytest.mark.parametrize("silent", [False, True], ids=["down", "silent"])
def test_an_endpoint_fails_in_time_when_sts_stays_away(make_moto, make_server, tmp_path, silent):
    moto = make_moto()
    moto.upload()
    file = credentials(tmp_path, OPEN_KEY)
    server = make_server(settings(moto, file, limits="provision_timeout_s = 1"))
    hosting = Hosting(server)
    config = hosting.config(model(hosting))
    server.stop()
    moto.freeze() if silent else moto.stop()
    server.start()
    hosting = Hosting(server)
    endpoint = hosting.endpoint(config, wait=False)
    reason = hosting.failed(endpoint, timeout_s=60)
    assert reason.startswith(f' Failed to download model data for container "container_1" from URL: "{URL}".')
    if silent:
        moto.thaw()
        assert f"looking at it took longer than 2000 ms: STS had not yet answered for role `{ROLE}`" in reason
    else:
        assert f"asking STS at `{moto.url}/` failed: " in reason and "Connection refused" in reason
    assert reason.endswith(f"See `hostler diagnose {endpoint}`.")
    hosting.delete(endpoint)


def test_an_s3_that_is_away_is_named_though_sts_answers(make_moto, make_server, tmp_path):
    sts, s3 = make_moto(), make_moto()
    s3.upload()
    file = credentials(tmp_path, OPEN_KEY)
    hosting = Hosting(make_server(two(sts, s3, file, limits="provision_timeout_s = 1")))
    config = hosting.config(model(hosting))
    s3.stop()
    endpoint = hosting.endpoint(config, wait=False)
    reason = hosting.failed(endpoint)
    assert f"asking `{s3.url}` failed: " in reason and "Connection refused" in reason
    hosting.delete(endpoint)


def test_a_service_that_forgot_its_sessions_is_asked_for_new_ones(make_moto, make_server, tmp_path):
    moto = make_moto()
    moto.upload()
    file = credentials(tmp_path, moto.enforce())
    hosting = Hosting(make_server(settings(moto, file)))
    first = model(hosting)
    moto.stop()
    moto.start()
    moto.upload()
    # The old key of the server is gone as well: it is read from the file again.
    credentials(tmp_path, moto.enforce())
    endpoint = hosting.endpoint(hosting.config(first))
    answers(hosting, endpoint)
    hosting.delete(endpoint)


def test_a_key_of_the_server_that_is_not_known_is_told_to_be_the_servers(make_moto, make_server, tmp_path):
    moto = make_moto()
    moto.upload()
    key = moto.enforce()
    file = credentials(tmp_path, key)
    server = make_server(settings(moto, file, limits="provision_timeout_s = 1"))
    hosting = Hosting(server)
    config = hosting.config(model(hosting))
    server.stop()
    credentials(tmp_path, ("AKIAUNKNOWN000000000", key[1]))
    server.start()
    hosting = Hosting(server)
    endpoint = hosting.endpoint(config, wait=False)
    reason = hosting.failed(endpoint)
    assert f"STS at `{moto.url}/` refused this server's own key (see `[sts]` in the settings)" in reason
    assert "InvalidClientTokenId" in reason
    hosting.delete(endpoint)


def test_a_service_without_roles_is_read_with_the_key_of_the_environment(make_moto, make_server):
    moto = make_moto()
    moto.upload()
    text = f'account = "{ACCOUNT}"\n[s3]\nendpoint = "{moto.url}"\nassume_roles = false\n'
    server = make_server(text, start=False)
    server.environment_more = {"AWS_ACCESS_KEY_ID": OPEN_KEY[0], "AWS_SECRET_ACCESS_KEY": OPEN_KEY[1]}
    server.start()
    hosting = Hosting(server)
    endpoint = hosting.endpoint(hosting.config(model(hosting)))
    answers(hosting, endpoint)
    hosting.delete(endpoint)
    assert '"POST / HTTP/1.1"' not in moto.log(), "no role was asked for"
    # A role of another account is not one that this account's models may name.
    told = refused(model, hosting=hosting, role="arn:aws:iam::999999999999:role/theirs")
    assert told.startswith("Could not access model data at")


def test_the_embedded_s3_is_off_and_says_where_to_go(make_moto, make_server, tmp_path):
    moto = make_moto()
    server = make_server(settings(moto, credentials(tmp_path, OPEN_KEY)))
    told = refused(server.client("s3").list_buckets, code="NotImplementedByHostler")
    assert "The embedded S3 is off" in told and moto.url in told
    # The embedded STS stays for clients of this server.
    assert server.client("sts").get_caller_identity()["Account"] == ACCOUNT


def test_settings_that_do_not_fit_are_told_together(make_server, tmp_path):
    server = make_server(
        '[s3]\nendpoint = "http://minio.example:9000"\nassume_roles = false\n[sts]\nendpoint = "nonsense"\n'
        '[[role]]\narn = "arn:aws:iam::000000000000:role/r"\nallow = []\n',
        start=False,
    )
    with pytest.raises(AssertionError) as caught:
        server.start()
    for part in ("is not encrypted and not on this machine", "is neither", "`[[role]]`", "asks no STS"):
        assert part in str(caught.value), part


@pytest.mark.parametrize("by", ["ca_file", "AWS_CA_BUNDLE"])
def test_encrypted_services_are_trusted_by_a_file_of_authorities(make_moto, make_server, tmp_path, by):
    files = Certificates(tmp_path)
    moto = make_moto(["-s", "-c", str(files.cert), "-k", str(files.key)])
    assert moto.url.startswith("https://")
    moto.upload(verify=str(files.ca))
    named = f'ca_file = "{files.ca}"' if by == "ca_file" else ""
    server = make_server(settings(moto, credentials(tmp_path, OPEN_KEY), s3=named, sts=named), start=False)
    server.environment_more = {} if named else {by: str(files.ca)}
    server.start()
    hosting = Hosting(server)
    endpoint = hosting.endpoint(hosting.config(model(hosting)))
    answers(hosting, endpoint)
    hosting.delete(endpoint)


def test_a_certificate_that_nobody_vouches_for_is_not_trusted(make_moto, make_server, tmp_path):
    files = Certificates(tmp_path)
    moto = make_moto(["-s", "-c", str(files.cert), "-k", str(files.key)])
    moto.upload(verify=str(files.ca))
    (tmp_path / "other").mkdir()
    other = Certificates(tmp_path / "other")
    # The STS is trusted, the S3 is not.
    sts, s3 = f'ca_file = "{files.ca}"', f'ca_file = "{other.ca}"'
    text = settings(moto, credentials(tmp_path, OPEN_KEY), s3=s3, sts=sts, limits="provision_timeout_s = 1")
    hosting = Hosting(make_server(text))
    endpoint = hosting.endpoint(hosting.config(model(hosting)), wait=False)
    reason = hosting.failed(endpoint)
    assert f"asking `{moto.url}` failed: " in reason and "invalid peer certificate" in reason
    assert f'"GET /{BUCKET}' not in moto.log() and f'"HEAD /{BUCKET}/{KEY}' not in moto.log()
    hosting.delete(endpoint)


def test_deploy_says_what_to_do_where_models_lie_elsewhere(make_moto, make_server, tmp_path):
    moto = make_moto()
    server = make_server(settings(moto, credentials(tmp_path, OPEN_KEY)))
    path = tmp_path / "model.tar.gz"
    path.write_bytes(kmeans_archive())
    done = server.cli("deploy", path, "--name", "elsewhere", check=False)
    assert done.returncode == 1
    assert b"hint: its settings name another S3" in done.stderr, done.stderr
    assert server.client("sagemaker").list_models()["Models"] == []
