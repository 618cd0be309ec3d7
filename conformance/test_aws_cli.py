"""The AWS CLI (version 1) with nothing but the written profile."""

import json

import pytest

from harness import artifacts
from harness.hosting import BUCKET, MODEL_KEY, MODEL_URL, ROLE, arn, fresh

CONTAINER = f"Image={artifacts.KMEANS_IMAGE},ModelDataUrl={MODEL_URL}"


def as_json(server, *arguments):
    return json.loads(server.aws("sagemaker", *arguments, "--output", "json").stdout)


def test_the_main_job_by_command_line(server, tmp_path):
    archive = tmp_path / "model.tar.gz"
    archive.write_bytes(artifacts.kmeans_archive())
    server.aws("s3", "mb", f"s3://{BUCKET}")
    server.aws("s3", "cp", archive, MODEL_URL)
    listed = server.aws("s3", "ls", f"s3://{BUCKET}/kmeans/").stdout
    assert MODEL_KEY.rsplit("/", 1)[1] in listed
    model, config, endpoint = fresh("cli-model"), fresh("cli-config"), fresh("cli-endpoint")

    made = as_json(
        server, "create-model", "--model-name", model, "--execution-role-arn", ROLE, "--primary-container", CONTAINER
    )
    assert made == {"ModelArn": arn("model", model)}
    variant = (
        f"VariantName=AllTraffic,ModelName={model},InitialInstanceCount=1,InstanceType=ml.m5.large,"
        "InitialVariantWeight=1"
    )
    as_json(server, "create-endpoint-config", "--endpoint-config-name", config, "--production-variants", variant)
    made = as_json(
        server,
        *("create-endpoint", "--endpoint-name", endpoint, "--endpoint-config-name", config),
        *("--tags", "Key=team,Value=vision"),
    )
    assert made == {"EndpointArn": arn("endpoint", endpoint)}
    server.aws("sagemaker", "wait", "endpoint-in-service", "--endpoint-name", endpoint)
    assert as_json(server, "describe-endpoint", "--endpoint-name", endpoint)["EndpointStatus"] == "InService"
    assert as_json(server, "describe-endpoint-config", "--endpoint-config-name", config)["EndpointConfigName"] == config
    assert as_json(server, "describe-model", "--model-name", model)["ModelName"] == model

    rows, answer = tmp_path / "rows.csv", tmp_path / "answer"
    rows.write_text("\n".join(artifacts.rows()))
    done = server.aws(
        *("sagemaker-runtime", "invoke-endpoint", "--endpoint-name", endpoint, "--body", f"fileb://{rows}"),
        *("--content-type", "text/csv", "--output", "json", answer),
    )
    assert json.loads(done.stdout)["InvokedProductionVariant"] == "AllTraffic"
    clusters = [row["closest_cluster"] for row in json.loads(answer.read_text())["predictions"]]
    assert clusters == [row["closest_cluster"] for row in artifacts.expected()]

    resource = arn("endpoint", endpoint)
    server.aws("sagemaker", "add-tags", "--resource-arn", resource, "--tags", "Key=stage,Value=test")
    tags = as_json(server, "list-tags", "--resource-arn", resource)["Tags"]
    assert {tag["Key"]: tag["Value"] for tag in tags} == {"team": "vision", "stage": "test"}
    server.aws("sagemaker", "delete-tags", "--resource-arn", resource, "--tag-keys", "team")
    assert len(as_json(server, "list-tags", "--resource-arn", resource)["Tags"]) == 1

    text = server.aws("sagemaker", "list-endpoints", "--output", "text").stdout
    assert [line for line in text.splitlines() if endpoint in line.split("\t") and "InService" in line.split("\t")]
    listed = as_json(server, "list-models", "--name-contains", model)["Models"]
    assert [entry["ModelName"] for entry in listed] == [model]
    listed = as_json(server, "list-endpoint-configs", "--max-items", "1")
    assert len(listed["EndpointConfigs"]) == 1

    server.aws("sagemaker", "delete-endpoint", "--endpoint-name", endpoint)
    server.aws("sagemaker", "wait", "endpoint-deleted", "--endpoint-name", endpoint)
    server.aws("sagemaker", "delete-endpoint-config", "--endpoint-config-name", config)
    server.aws("sagemaker", "delete-model", "--model-name", model)
    for noun in ("Endpoints", "EndpointConfigs", "Models"):
        command = {"Endpoints": "list-endpoints", "EndpointConfigs": "list-endpoint-configs"}.get(noun, "list-models")
        assert as_json(server, command)[noun] == []


def test_errors_reach_the_command_line(server):
    done = server.aws("sagemaker", "describe-endpoint", "--endpoint-name", "nobody", check=False)
    assert done.returncode in (254, 255)
    expected = (
        "An error occurred (ValidationException) when calling the DescribeEndpoint operation: Could not find endpoint"
    )
    assert expected in done.stderr


def test_the_caller_is_told(server):
    seen = json.loads(server.aws("sts", "get-caller-identity", "--output", "json").stdout)
    assert seen["Account"] == "000000000000"


def test_a_role_is_assumed_by_command_line(server):
    role = "arn:aws:iam::000000000000:role/cli"
    arguments = ("--role-arn", role, "--role-session-name", "terminal", "--output", "json")
    made = json.loads(server.aws("sts", "assume-role", *arguments).stdout)
    assert made["AssumedRoleUser"]["Arn"] == "arn:aws:sts::000000000000:assumed-role/cli/terminal"
    assert made["Credentials"]["SessionToken"]


def test_objects_come_and_go_by_command_line(server, tmp_path):
    bucket, key, content = "cli-objects", "folder/a key", b"some bytes"
    (tmp_path / "up").write_bytes(content)
    server.aws("s3api", "create-bucket", "--bucket", bucket)
    where = ("--bucket", bucket, "--key", key)
    server.aws("s3api", "put-object", *where, "--body", tmp_path / "up")
    head = json.loads(server.aws("s3api", "head-object", *where, "--output", "json").stdout)
    assert head["ContentLength"] == len(content)
    server.aws("s3api", "get-object", *where, tmp_path / "got")
    assert (tmp_path / "got").read_bytes() == content
    server.aws("s3", "cp", f"s3://{bucket}/{key}", tmp_path / "down")
    assert (tmp_path / "down").read_bytes() == content
    server.aws("s3", "cp", tmp_path / "up", f"s3://{bucket}/other")
    server.aws("s3api", "delete-object", *where)
    listed = json.loads(server.aws("s3api", "list-objects-v2", "--bucket", bucket, "--output", "json").stdout)
    assert [entry["Key"] for entry in listed["Contents"]] == ["other"]
    server.aws("s3", "rm", f"s3://{bucket}/other")
    assert server.aws("s3", "ls", f"s3://{bucket}/", check=False).stdout == ""


@pytest.mark.parametrize("service", ["sagemaker", "s3api"])
def test_listing_nothing_is_no_error(server, service):
    server.aws(service, *(["list-models"] if service == "sagemaker" else ["list-buckets"]))
