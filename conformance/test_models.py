"""CreateModel, DescribeModel, DeleteModel."""

import datetime

from harness.artifacts import KMEANS_IMAGE
from harness.expect import refused
from harness.hosting import BUCKET, MODEL_URL, ROLE, arn, fresh


def test_a_model_is_created_and_described_with_what_was_given(hosting):
    name = fresh("Described-Model")
    container = {"Image": KMEANS_IMAGE, "ModelDataUrl": MODEL_URL, "Environment": {"A": "1", "B": "two"}}
    before = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=1)
    made = hosting.sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer=container)
    assert made["ModelArn"] == arn("model", name)

    seen = hosting.sagemaker.describe_model(ModelName=name)
    after = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=1)
    assert seen["ModelName"] == name
    assert seen["ModelArn"] == made["ModelArn"]
    assert seen["ExecutionRoleArn"] == ROLE
    assert before <= seen["CreationTime"] <= after
    assert seen["EnableNetworkIsolation"] is False
    primary = seen["PrimaryContainer"]
    assert {name: primary[name] for name in container} == container
    assert primary["Mode"] == "SingleModel"
    for absent in ("Containers", "VpcConfig", "InferenceExecutionConfig"):
        assert absent not in seen


def test_model_data_source_is_accepted_and_described(hosting):
    name = fresh("model")
    source = {"S3DataSource": {"S3Uri": MODEL_URL, "S3DataType": "S3Object", "CompressionType": "Gzip"}}
    hosting.sagemaker.create_model(
        ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer={"Image": KMEANS_IMAGE, "ModelDataSource": source}
    )
    seen = hosting.sagemaker.describe_model(ModelName=name)["PrimaryContainer"]["ModelDataSource"]
    assert seen["S3DataSource"].items() >= source["S3DataSource"].items()


def test_a_taken_name_is_refused_with_the_arn(hosting):
    name = hosting.model()
    message = refused(
        hosting.sagemaker.create_model,
        ModelName=name,
        ExecutionRoleArn=ROLE,
        PrimaryContainer={"Image": KMEANS_IMAGE},
    )
    assert message == f'Cannot create already existing model "{arn("model", name)}".'


def test_an_unknown_model_is_reported_by_describe_and_delete(hosting):
    name = fresh("nobody")
    for call in (hosting.sagemaker.describe_model, hosting.sagemaker.delete_model):
        assert refused(call, ModelName=name) == f'Could not find model "{arn("model", name)}".'


def test_a_deleted_model_is_gone_and_its_name_is_free(hosting):
    name = hosting.model()
    hosting.sagemaker.delete_model(ModelName=name)
    assert refused(hosting.sagemaker.describe_model, ModelName=name).startswith("Could not find model")
    hosting.model(name)


def test_absent_model_data_is_reported_at_create(hosting):
    url = f"s3://{BUCKET}/nowhere/model.tar.gz"
    message = refused(
        hosting.sagemaker.create_model,
        ModelName=fresh("model"),
        ExecutionRoleArn=ROLE,
        PrimaryContainer={"Image": KMEANS_IMAGE, "ModelDataUrl": url},
    )
    assert message == f"Could not find model data at {url}."


def test_every_violation_is_counted_in_aws_words(hosting):
    name = "x" * 64 + "_"
    message = refused(
        hosting.sagemaker.create_model, ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer={"Image": KMEANS_IMAGE}
    )
    length = (
        f"Value '{name}' at 'modelName' failed to satisfy constraint: Member must have length less than or equal to 63"
    )
    pattern = (
        f"Value '{name}' at 'modelName' failed to satisfy constraint: Member must satisfy regular expression pattern: "
    )
    assert message.startswith("2 validation errors detected: ")
    assert set(message.removeprefix("2 validation errors detected: ").split("; ")) >= {length}
    assert pattern in message


def test_one_violation_is_one_error(hosting):
    message = refused(
        hosting.sagemaker.create_model,
        ModelName="has space",
        ExecutionRoleArn=ROLE,
        PrimaryContainer={"Image": KMEANS_IMAGE},
    )
    assert message.startswith("1 validation error detected: Value 'has space' at 'modelName' failed to satisfy")


def test_a_model_needs_a_container(hosting):
    refused(hosting.sagemaker.create_model, ModelName=fresh("model"), ExecutionRoleArn=ROLE)


def test_a_model_may_not_have_both_a_primary_container_and_containers(hosting):
    container = {"Image": KMEANS_IMAGE}
    refused(
        hosting.sagemaker.create_model,
        ModelName=fresh("model"),
        ExecutionRoleArn=ROLE,
        PrimaryContainer=container,
        Containers=[container],
    )


def test_model_data_url_and_source_exclude_each_other(hosting):
    source = {"S3DataSource": {"S3Uri": MODEL_URL, "S3DataType": "S3Object", "CompressionType": "Gzip"}}
    refused(
        hosting.sagemaker.create_model,
        ModelName=fresh("model"),
        ExecutionRoleArn=ROLE,
        PrimaryContainer={"Image": KMEANS_IMAGE, "ModelDataUrl": MODEL_URL, "ModelDataSource": source},
    )


def test_network_isolation_on_processes_is_refused_with_a_reason(hosting):
    message = refused(
        hosting.sagemaker.create_model,
        ModelName=fresh("model"),
        ExecutionRoleArn=ROLE,
        EnableNetworkIsolation=True,
        PrimaryContainer={"Image": KMEANS_IMAGE},
    )
    assert "isolation" in message.lower()


def test_a_model_package_is_refused_with_a_reason(hosting):
    package = arn("model-package", "some-package") + "/1"
    message = refused(
        hosting.sagemaker.create_model,
        ModelName=fresh("model"),
        ExecutionRoleArn=ROLE,
        PrimaryContainer={"ModelPackageName": package},
    )
    assert "package" in message.lower()


def test_regions_are_namespaces_of_their_own(hosting, server):
    name = hosting.model()
    far = server.client("sagemaker", region="eu-west-1")
    assert refused(far.describe_model, ModelName=name) == (
        f'Could not find model "{arn("model", name, region="eu-west-1")}".'
    )
    far.create_model(ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer={"Image": KMEANS_IMAGE})
    assert far.describe_model(ModelName=name)["ModelArn"] == arn("model", name, region="eu-west-1")
