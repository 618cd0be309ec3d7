"""Both AWS CLIs with nothing but the written profile; version 2 as Debian packages it is told the URL besides."""

import base64
import json
from datetime import datetime

import pytest

from harness import artifacts
from harness.aws_cli import VERSION_1, VERSION_2
from harness.hosting import BUCKET, MODEL_KEY, ROLE, arn, fresh


class Aws:
    """One CLI on the module's server."""

    def __init__(self, cli, server):
        self.cli = cli
        self.server = server

    def __call__(self, *arguments, **more):
        return self.cli.run(self.server, *arguments, **more)

    def as_json(self, *arguments, **more):
        return json.loads(self(*arguments, "--output", "json", **more).stdout)

    def sagemaker(self, *arguments):
        return self.as_json("sagemaker", *arguments)


def installed(cli, leave_out):
    """Version 2 is Debian's package, which a machine may lack or have shadowed."""
    version = cli.version()
    if not version.startswith(f"aws-cli/{cli.name[1:]}."):
        leave_out(f"{cli.command[0]} is no AWS CLI {cli.name} but {version!r} (apt-get install awscli)")
    return cli


@pytest.fixture(params=[VERSION_1, VERSION_2], ids=lambda cli: cli.name)
def aws(request, server, leave_out):
    return Aws(installed(request.param, leave_out), server)


@pytest.fixture
def aws_2(server, leave_out):
    return Aws(installed(VERSION_2, leave_out), server)


def test_the_main_job_by_command_line(aws, tmp_path):
    bucket = f"{BUCKET}-{aws.cli.name}"
    model_url = f"s3://{bucket}/{MODEL_KEY}"
    archive = tmp_path / "model.tar.gz"
    archive.write_bytes(artifacts.kmeans_archive())
    aws("s3", "mb", f"s3://{bucket}")
    aws("s3", "cp", archive, model_url)
    model, config, endpoint = fresh("cli-model"), fresh("cli-config"), fresh("cli-endpoint")

    container = f"Image={artifacts.KMEANS_IMAGE},ModelDataUrl={model_url}"
    made = aws.sagemaker(
        "create-model", "--model-name", model, "--execution-role-arn", ROLE, "--primary-container", container
    )
    assert made == {"ModelArn": arn("model", model)}
    variant = (
        f"VariantName=AllTraffic,ModelName={model},InitialInstanceCount=1,InstanceType=ml.m5.large,"
        "InitialVariantWeight=1"
    )
    aws.sagemaker("create-endpoint-config", "--endpoint-config-name", config, "--production-variants", variant)
    made = aws.sagemaker(
        *("create-endpoint", "--endpoint-name", endpoint, "--endpoint-config-name", config),
        *("--tags", "Key=team,Value=vision"),
    )
    assert made == {"EndpointArn": arn("endpoint", endpoint)}
    aws("sagemaker", "wait", "endpoint-in-service", "--endpoint-name", endpoint)
    [seen] = aws.sagemaker("describe-endpoint-config", "--endpoint-config-name", config)["ProductionVariants"]
    assert (seen["ModelName"], seen["InitialVariantWeight"]) == (model, 1.0)
    assert aws.sagemaker("describe-model", "--model-name", model)["PrimaryContainer"]["ModelDataUrl"] == model_url

    rows, answer = tmp_path / "rows.csv", tmp_path / "answer"
    rows.write_text("\n".join(artifacts.rows()))
    done = aws.as_json(
        *("sagemaker-runtime", "invoke-endpoint", "--endpoint-name", endpoint, "--body", f"fileb://{rows}"),
        *("--content-type", "text/csv", answer),
    )
    assert done["InvokedProductionVariant"] == "AllTraffic"
    clusters = [row["closest_cluster"] for row in json.loads(answer.read_text())["predictions"]]
    assert clusters == [row["closest_cluster"] for row in artifacts.expected()]

    second = fresh("cli-config")
    aws.sagemaker("create-endpoint-config", "--endpoint-config-name", second, "--production-variants", variant)
    aws("sagemaker", "update-endpoint", "--endpoint-name", endpoint, "--endpoint-config-name", second)
    aws("sagemaker", "wait", "endpoint-in-service", "--endpoint-name", endpoint)
    weights = "VariantName=AllTraffic,DesiredWeight=0.25,DesiredInstanceCount=2"
    changed = ("--endpoint-name", endpoint, "--desired-weights-and-capacities", weights)
    aws("sagemaker", "update-endpoint-weights-and-capacities", *changed)
    aws("sagemaker", "wait", "endpoint-in-service", "--endpoint-name", endpoint)
    described = aws.sagemaker("describe-endpoint", "--endpoint-name", endpoint)
    assert (described["EndpointStatus"], described["EndpointConfigName"]) == ("InService", second)
    [seen] = described["ProductionVariants"]
    assert (seen["CurrentWeight"], seen["CurrentInstanceCount"]) == (0.25, 2)

    resource = arn("endpoint", endpoint)
    aws("sagemaker", "add-tags", "--resource-arn", resource, "--tags", "Key=stage,Value=test")
    tags = aws.sagemaker("list-tags", "--resource-arn", resource)["Tags"]
    assert {tag["Key"]: tag["Value"] for tag in tags} == {"team": "vision", "stage": "test"}
    aws("sagemaker", "delete-tags", "--resource-arn", resource, "--tag-keys", "team")
    assert aws.sagemaker("list-tags", "--resource-arn", resource)["Tags"] == [{"Key": "stage", "Value": "test"}]

    text = aws("sagemaker", "list-endpoints", "--output", "text").stdout
    assert [line for line in text.splitlines() if endpoint in line.split("\t") and "InService" in line.split("\t")]
    paged = aws.sagemaker("list-endpoint-configs", "--page-size", "1")["EndpointConfigs"]
    assert {entry["EndpointConfigName"] for entry in paged} == {config, second}

    aws("sagemaker", "delete-endpoint", "--endpoint-name", endpoint)
    aws("sagemaker", "wait", "endpoint-deleted", "--endpoint-name", endpoint)
    for name in (config, second):
        aws("sagemaker", "delete-endpoint-config", "--endpoint-config-name", name)
    aws("sagemaker", "delete-model", "--model-name", model)
    for command, noun in (
        ("list-endpoints", "Endpoints"),
        ("list-endpoint-configs", "EndpointConfigs"),
        ("list-models", "Models"),
    ):
        assert aws.sagemaker(command)[noun] == []


def test_errors_reach_the_command_line(aws):
    done = aws("sagemaker", "describe-endpoint", "--endpoint-name", "nobody", check=False)
    assert done.returncode in (254, 255)
    expected = (
        "An error occurred (ValidationException) when calling the DescribeEndpoint operation: Could not find endpoint"
    )
    assert expected in done.stderr


def test_an_error_of_the_runtime_reaches_the_command_line_and_writes_no_answer(aws, tmp_path):
    answer = tmp_path / "answer"
    (tmp_path / "rows").write_bytes(b"1,2")
    body = ("--body", f"fileb://{tmp_path}/rows")
    done = aws("sagemaker-runtime", "invoke-endpoint", "--endpoint-name", "nobody", *body, answer, check=False)
    assert done.returncode in (254, 255)
    expected = "An error occurred (ValidationError) when calling the InvokeEndpoint operation: Endpoint nobody of"
    assert expected in done.stderr
    assert not answer.exists()


def test_the_waiter_gives_up_at_once_on_an_endpoint_that_is_not_there(aws):
    done = aws("sagemaker", "wait", "endpoint-in-service", "--endpoint-name", "nobody", check=False)
    assert done.returncode == 255
    assert "Waiter EndpointInService failed" in done.stderr


def test_the_caller_is_told(aws):
    assert aws.as_json("sts", "get-caller-identity")["Account"] == "000000000000"


def test_a_role_is_assumed_by_command_line(aws):
    role = "arn:aws:iam::000000000000:role/cli"
    made = aws.as_json("sts", "assume-role", "--role-arn", role, "--role-session-name", "terminal")
    assert made["AssumedRoleUser"]["Arn"] == "arn:aws:sts::000000000000:assumed-role/cli/terminal"
    assert made["Credentials"]["SessionToken"]


def test_objects_come_and_go_by_command_line(aws, tmp_path):
    bucket, key, content = f"cli-objects-{aws.cli.name}", "folder/a key", b"some bytes"
    (tmp_path / "up").write_bytes(content)
    aws("s3api", "list-buckets")
    aws("s3api", "create-bucket", "--bucket", bucket)
    where = ("--bucket", bucket, "--key", key)
    aws("s3api", "put-object", *where, "--body", tmp_path / "up")
    assert aws.as_json("s3api", "head-object", *where)["ContentLength"] == len(content)
    aws("s3api", "get-object", *where, tmp_path / "got")
    assert (tmp_path / "got").read_bytes() == content
    aws("s3", "cp", tmp_path / "up", f"s3://{bucket}/other")
    aws("s3api", "delete-object", *where)
    listed = aws.as_json("s3api", "list-objects-v2", "--bucket", bucket)
    assert [entry["Key"] for entry in listed["Contents"]] == ["other"]
    aws("s3", "rm", f"s3://{bucket}/other")
    assert aws("s3", "ls", f"s3://{bucket}/", check=False).stdout == ""


def test_a_large_file_goes_up_in_parts_and_comes_back_whole(aws, tmp_path):
    """More than the CLI's threshold of 8 MiB."""
    bucket, content = f"cli-large-{aws.cli.name}", bytes(range(256)) * (20 * 4096)
    (tmp_path / "large").write_bytes(content)
    aws("s3", "mb", f"s3://{bucket}")
    aws("s3", "cp", tmp_path / "large", f"s3://{bucket}/large")
    etag = aws.as_json("s3api", "head-object", "--bucket", bucket, "--key", "large")["ETag"]
    assert etag.strip('"').endswith("-3")
    aws("s3", "sync", f"s3://{bucket}", tmp_path / "back")
    assert (tmp_path / "back/large").read_bytes() == content


@pytest.fixture
def answering(hosting):
    """An endpoint that gives back what it is sent, for the tests of version 2 alone."""
    name = hosting.deploy("plain")
    yield name
    hosting.delete(name)


def test_version_2_takes_a_body_as_base64_and_as_it_stands(aws_2, answering, tmp_path):
    """Version 1 takes text; version 2 decodes base64 unless it is told otherwise."""
    invoke = ("sagemaker-runtime", "invoke-endpoint", "--endpoint-name", answering, "--content-type", "text/plain")
    answers = []
    for number, more in enumerate([
        ("--body", base64.b64encode(b"3,4").decode()),
        ("--body", "3,4", "--cli-binary-format", "raw-in-base64-out"),
    ]):
        aws_2(*invoke, *more, tmp_path / str(number))
        answers.append((tmp_path / str(number)).read_bytes())
    assert answers[0] == answers[1] != b""


def test_version_2_shows_times_as_iso_8601_that_are_boto3s(aws_2, answering, hosting):
    shown = aws_2.sagemaker("describe-endpoint", "--endpoint-name", answering)
    seen = hosting.sagemaker.describe_endpoint(EndpointName=answering)
    for member in ("CreationTime", "LastModifiedTime"):
        assert datetime.fromisoformat(shown[member]) == seen[member]


def test_version_2_writes_yaml_and_reads_it_back_as_input(aws_2, tmp_path):
    name = fresh("cli-yaml")
    wanted = tmp_path / "model.yaml"
    wanted.write_text(
        f"ModelName: {name}\nExecutionRoleArn: {ROLE}\nPrimaryContainer:\n  Image: {artifacts.KMEANS_IMAGE}\n"
    )
    made = aws_2("sagemaker", "create-model", "--cli-input-yaml", f"file://{wanted}", "--output", "yaml").stdout
    assert made.strip() == f"ModelArn: {arn('model', name)}"
    stream = aws_2("sagemaker", "list-models", "--output", "yaml-stream").stdout
    assert f"ModelName: {name}" in stream
    aws_2("sagemaker", "delete-model", "--model-name", name)
