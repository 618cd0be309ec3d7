"""`hostler deploy`: from a directory or an archive to an endpoint that answers."""

import hashlib
import io
import json
import os
import signal
import subprocess
import tarfile

import pytest

from harness import artifacts
from harness.deploying import BUCKET, PLAIN, clusters, deploy, made
from harness.hosting import Hosting, fresh
from harness.server import BINARY, clean_environment
from harness.waiting import eventually

NEVER = "models.example/conformance-never:1"


@pytest.fixture
def kmeans_directory(tmp_path):
    """The K-Means example as a directory, with a file beside the model as training jobs leave it."""
    directory = tmp_path / "model"
    with tarfile.open(fileobj=io.BytesIO(artifacts.kmeans_archive())) as tar:
        tar.extractall(directory, filter="data")
    (directory / "state_0b1c").write_text("left by training")
    return directory


def test_a_directory_becomes_an_endpoint_that_answers_as_scikit_learn_does(server, hosting, kmeans_directory):
    name = fresh("deployed")
    done = deploy(server, kmeans_directory, name)
    assert done.stdout.decode().strip() == f"{server.url}/endpoints/{name}/invocations"
    said = done.stderr.decode()
    assert "kmeans, 10 clusters of 64 features" in said
    assert "InService" in said
    assert f"hostler invoke {name} --body FILE --content-type text/csv" in said
    assert "\x1b" not in said and "\r" not in said
    assert hosting.status(name) == "InService"
    assert clusters(server, name) == [row["closest_cluster"] for row in artifacts.expected()]
    hosting.delete(name)


def test_an_archive_is_taken_as_it_is_and_json_tells_what_was_made(server, hosting, tmp_path):
    name = fresh("deployed")
    path = tmp_path / "model.tar.gz"
    path.write_bytes(artifacts.kmeans_archive())
    document = json.loads(deploy(server, path, name, "--output", "json").stdout)
    assert document["EndpointStatus"] == "InService"
    assert document["Engine"] == "kmeans"
    described = hosting.sagemaker.describe_model(ModelName=document["ModelName"])
    assert described["PrimaryContainer"]["Image"] == artifacts.KMEANS_IMAGE
    assert described["PrimaryContainer"]["ModelDataUrl"] == document["ModelDataUrl"]
    bucket, key = document["ModelDataUrl"].removeprefix("s3://").split("/", 1)
    assert hosting.s3.get_object(Bucket=bucket, Key=key)["Body"].read() == artifacts.kmeans_archive()
    config = hosting.sagemaker.describe_endpoint_config(EndpointConfigName=document["EndpointConfigName"])
    assert config["ProductionVariants"][0]["InstanceType"] == "ml.m5.large"
    hosting.delete(name)


def test_a_directory_is_deployed_to_a_mapped_command(server, hosting, tmp_path):
    directory = tmp_path / "model"
    (directory / "code").mkdir(parents=True)
    (directory / "code/inference.py").write_text("# mine\n")
    (directory / "weights.bin").write_bytes(b"\x00\x01")
    name = fresh("deployed")
    document = json.loads(
        deploy(
            server, directory, name, "--image", PLAIN, "--env", "COLOUR=blue", "--type", "ml.c5.xlarge",
            "--output", "json",
        ).stdout
    )  # fmt: skip
    assert document["Engine"] is None
    described = hosting.sagemaker.describe_model(ModelName=document["ModelName"])
    assert described["PrimaryContainer"]["Environment"] == {"COLOUR": "blue"}
    config = hosting.sagemaker.describe_endpoint_config(EndpointConfigName=document["EndpointConfigName"])
    assert config["ProductionVariants"][0]["InstanceType"] == "ml.c5.xlarge"
    assert hosting.invoke(name, b"x")["Payload"]
    # What was packed is what an archive made by a person would hold.
    bucket, key = document["ModelDataUrl"].removeprefix("s3://").split("/", 1)
    packed = hosting.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(packed), mode="r:gz") as tar:
        assert tar.getnames() == ["code", "code/inference.py", "weights.bin"]
        assert tar.extractfile("weights.bin").read() == b"\x00\x01"
    hosting.delete(name)


def test_a_large_directory_goes_up_in_parts_and_arrives_whole(server, hosting, tmp_path):
    directory = tmp_path / "model"
    directory.mkdir()
    noise = os.urandom(20 << 20)
    (directory / "noise").write_bytes(noise)
    name = fresh("deployed")
    document = json.loads(deploy(server, directory, name, "--image", PLAIN, "--output", "json").stdout)
    bucket, key = document["ModelDataUrl"].removeprefix("s3://").split("/", 1)
    answer = hosting.s3.get_object(Bucket=bucket, Key=key)
    assert answer["ETag"].strip('"').endswith("-3"), "it was no upload in parts"
    with tarfile.open(fileobj=io.BytesIO(answer["Body"].read()), mode="r:gz") as tar:
        sent = hashlib.sha256(tar.extractfile("noise").read()).hexdigest()
    assert sent == hashlib.sha256(noise).hexdigest()
    hosting.delete(name)


def test_replace_deletes_also_what_could_be_updated(server, hosting, kmeans_directory):
    name = fresh("deployed")
    deploy(server, kmeans_directory, name)
    before = hosting.sagemaker.describe_endpoint(EndpointName=name)
    done = deploy(server, kmeans_directory, name, "--replace")
    after = hosting.sagemaker.describe_endpoint(EndpointName=name)
    assert "deleted the endpoint that was there" in done.stderr.decode()
    assert after["CreationTime"] > before["CreationTime"], "it is another endpoint"
    assert after["EndpointConfigName"] != before["EndpointConfigName"]
    assert clusters(server, name) == [row["closest_cluster"] for row in artifacts.expected()]
    hosting.delete(name)


def test_a_model_that_no_engine_reads_is_an_error_that_says_what_was_found(server, hosting, tmp_path):
    directory = tmp_path / "model"
    directory.mkdir()
    (directory / "model.pkl").write_bytes(__import__("pickle").dumps({"weights": [1.0]}))
    name = fresh("deployed")
    done = deploy(server, directory, name, check=False)
    said = done.stderr.decode()
    assert done.returncode == 1
    assert "no built-in engine serves" in said
    assert "`model.pkl` is a Python pickle" in said
    assert "[[image]]" in said and "hint: give --image" in said
    assert made(hosting, name) == (0, 0, 0)


def test_a_directory_that_leads_out_is_refused_before_anything_is_sent(server, hosting, tmp_path):
    directory = tmp_path / "model"
    directory.mkdir()
    (directory / "secrets").symlink_to("/etc")
    os.mkfifo(directory / "pipe")
    name = fresh("deployed")
    done = deploy(server, directory, name, "--image", PLAIN, check=False)
    said = done.stderr.decode()
    assert done.returncode == 1
    assert "`secrets` is a link to `/etc`, an absolute path" in said
    assert "`pipe` is a named pipe" in said
    assert made(hosting, name) == (0, 0, 0)


def test_a_refusal_takes_back_what_was_made(server, hosting, kmeans_directory):
    name = fresh("deployed")
    done = deploy(server, kmeans_directory, name, "--role", "arn:aws:iam::999999999999:role/foreign", check=False)
    assert done.returncode == 1
    assert b"CreateModel was refused" in done.stderr
    assert made(hosting, name) == (0, 0, 0)


def test_a_misspelled_instance_type_is_named_before_anything_is_sent(server, hosting, kmeans_directory):
    name = fresh("deployed")
    done = deploy(server, kmeans_directory, name, "--type", "m5.large", check=False)
    said = done.stderr.decode()
    assert done.returncode == 1
    assert said.startswith("error: `m5.large` is not an instance type\nhint: did you mean `ml.m5.large`"), said
    assert made(hosting, name) == (0, 0, 0)


@pytest.mark.parametrize(
    ("more", "todo"),
    [
        (("--type", "ml.g5.xlarge"), "choose a --type that this machine can hold"),
        (("--image", "registry.example/unknown:1"), "map the image to a program by [[image]]"),
    ],
)
def test_where_nothing_ran_no_log_is_promised(server, hosting, kmeans_directory, more, todo):
    name = fresh("deployed")
    done = deploy(server, kmeans_directory, name, *more, check=False)
    hint = done.stderr.decode().rpartition("hint: ")[2]
    assert done.returncode == 1
    assert todo in hint and "--replace" in hint and "hostler logs" not in hint
    hosting.delete(name)


def test_a_model_that_crashes_shows_the_reason_and_the_end_of_its_log(server, hosting, tmp_path):
    directory = tmp_path / "model"
    directory.mkdir()
    (directory / "weights").write_text("wrong")
    name = fresh("deployed")
    done = deploy(
        server, directory, name, "--image", "models.example/conformance-crash:1", "--output", "json", check=False
    )
    said = done.stderr.decode()
    assert done.returncode == 1
    assert json.loads(done.stdout)["EndpointStatus"] == "Failed"
    assert f"endpoint `{name}` is Failed: " in said
    assert "  | ValueError: the weights are of the wrong shape" in said
    assert "hint: " in said and "--replace" in said
    hosting.delete(name)


def interrupt(server, *arguments, when):
    """Starts a deployment and sends Ctrl-C as soon as `when` says so; its code and what it said."""
    command = [str(part) for part in (BINARY, "deploy", *arguments, "--data-dir", server.data_dir)]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=clean_environment(), cwd=server.directory
    )
    try:
        eventually(when, bool, "the moment to interrupt")
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
        return process.returncode, said.decode()
    finally:
        process.kill()
        process.communicate()


def test_ctrl_c_leaves_the_endpoint_and_says_how_to_delete_it(server, hosting, tmp_path):
    directory = tmp_path / "model"
    directory.mkdir()
    name = fresh("deployed")

    def is_creating():
        return any(row["EndpointName"] == name for row in hosting.sagemaker.list_endpoints()["Endpoints"])

    code, said = interrupt(server, directory, "--name", name, "--image", NEVER, when=is_creating)
    assert code == 130
    assert f"endpoint `{name}` stays" in said
    assert f"aws sagemaker delete-endpoint --endpoint-name {name}" in said
    assert hosting.status(name) == "Creating"
    hosting.delete(name)


def test_ctrl_c_during_the_upload_leaves_nothing(server, hosting, tmp_path):
    # Sparse: nothing on the disk, and far more than is sent before the signal. Nobody looks into it before the server.
    large = tmp_path / "model.tar.gz"
    with open(large, "wb") as file:
        file.truncate(40 << 30)
    name = fresh("deployed")

    def is_uploading():
        if BUCKET not in {entry["Name"] for entry in hosting.s3.list_buckets()["Buckets"]}:
            return False
        return bool(hosting.s3.list_multipart_uploads(Bucket=BUCKET).get("Uploads"))

    code, said = interrupt(server, large, "--name", name, "--image", PLAIN, when=is_uploading)
    assert code == 130
    assert "nothing is left behind" in said
    assert made(hosting, name) == (0, 0, 0)


@pytest.mark.parametrize("name", ["-x", "a_b", "a" * 64])
def test_a_name_that_cannot_be_is_refused_at_once(server, kmeans_directory, name):
    done = server.cli("deploy", kmeans_directory, f"--name={name}", check=False)
    assert done.returncode == 1
    assert b"cannot be an endpoint's name" in done.stderr and b"hint: " in done.stderr


def test_a_path_that_is_not_there_is_an_error_with_a_hint(server, tmp_path):
    done = deploy(server, tmp_path / "nothing", "x", check=False)
    assert done.returncode == 1
    assert b"nothing` failed" in done.stderr
    assert b"hint: check the path" in done.stderr


def test_the_image_is_that_of_the_servers_region_and_the_role_that_of_its_account(make_server, kmeans_directory):
    server = make_server('region = "eu-central-1"\naccount = "123456789012"\n')
    document = json.loads(deploy(server, kmeans_directory, "regional", "--output", "json").stdout)
    # AWS's account for its algorithms in Frankfurt, as the SageMaker SDK lists it.
    assert document["Image"] == "664544806723.dkr.ecr.eu-central-1.amazonaws.com/kmeans:1"
    assert document["EndpointArn"] == "arn:aws:sagemaker:eu-central-1:123456789012:endpoint/regional"
    described = server.client("sagemaker").describe_model(ModelName=document["ModelName"])
    assert described["ExecutionRoleArn"] == "arn:aws:iam::123456789012:role/hostler-deploy"


def test_where_roles_are_declared_one_of_them_has_to_be_named(make_server, kmeans_directory):
    role = "arn:aws:iam::000000000000:role/reader"
    server = make_server(
        f'undeclared_roles = "deny"\n[[role]]\narn = "{role}"\nallow = ["s3://{BUCKET}/*"]\n',
    )
    hosting = Hosting(server)
    done = deploy(server, kmeans_directory, "roled", check=False)
    assert done.returncode == 1
    assert b"hint: name a role that may read the bucket by --role" in done.stderr
    assert made(hosting, "roled") == (0, 0, 0)
    deploy(server, kmeans_directory, "roled", "--role", role)
    assert clusters(server, "roled") == [row["closest_cluster"] for row in artifacts.expected()]


def test_a_deployment_outlives_the_reader_of_its_progress(server, hosting, kmeans_directory):
    name = fresh("deployed")
    command = [str(part) for part in (BINARY, "deploy", kmeans_directory, "--name", name)]
    process = subprocess.Popen(
        [*command, "--data-dir", str(server.data_dir)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=clean_environment(),
    )
    process.stderr.close()
    process.stdout.close()
    assert process.wait(60) == 0
    assert hosting.status(name) == "InService"
    hosting.delete(name)


def test_a_quota_that_is_used_up_is_explained_and_nothing_is_left(make_server, kmeans_directory):
    server = make_server("[quotas]\nendpoints = 1\n")
    hosting = Hosting(server)
    deploy(server, kmeans_directory, "first")
    done = deploy(server, kmeans_directory, "second", check=False)
    assert done.returncode == 1
    assert b"ResourceLimitExceeded" in done.stderr
    assert b"hint: `hostler quotas` shows limits and use" in done.stderr
    assert made(hosting, "second") == (0, 0, 0)
