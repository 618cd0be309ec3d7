"""CreateEndpoint to a real answer and back: statuses, descriptions, waiters, names, FailureReason."""

import json

import pytest
from botocore.exceptions import ClientError, WaiterError

from harness import artifacts
from harness.expect import refused
from harness.hosting import BUCKET, REGION, ROLE, Hosting, arn, fresh, production_variant, seconds


def test_the_main_job_from_create_to_deletion(make_server):
    """The whole life with the waiters' own settings, which are 30 s between polls.

    The hold is longer than the default, so that it also covers a start on a busy machine.
    """
    hosting = Hosting(make_server("describe_hold_ms = 20000\n"))
    hosting.upload()
    model = hosting.model()
    config = hosting.config(model)
    name = fresh("Main-Job")
    made = hosting.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config)
    assert made["EndpointArn"] == arn("endpoint", name)
    took, _ = seconds(lambda: hosting.sagemaker.get_waiter("endpoint_in_service").wait(EndpointName=name))
    assert took < 25, "the first poll is held until the status settles, so the waiter never sleeps its 30 s"

    seen = hosting.sagemaker.describe_endpoint(EndpointName=name)
    assert seen["EndpointName"] == name
    assert seen["EndpointArn"] == made["EndpointArn"]
    assert seen["EndpointConfigName"] == config
    assert seen["EndpointStatus"] == "InService"
    assert seen["LastModifiedTime"] >= seen["CreationTime"]
    assert "FailureReason" not in seen
    assert "PendingDeploymentSummary" not in seen
    (variant,) = seen["ProductionVariants"]
    assert variant["VariantName"] == "AllTraffic"
    assert variant["CurrentWeight"] == variant["DesiredWeight"] == 1.0
    assert variant["CurrentInstanceCount"] == variant["DesiredInstanceCount"] == 1
    (image,) = variant["DeployedImages"]
    assert image["SpecifiedImage"] == artifacts.KMEANS_IMAGE
    assert image["ResolutionTime"] >= seen["CreationTime"]

    rows = artifacts.rows()
    answer = hosting.invoke(name, "\n".join(rows), ContentType="text/csv")
    assert answer["ContentType"] == "application/json"
    assert answer["InvokedProductionVariant"] == "AllTraffic"
    assert_clusters(json.loads(answer["Payload"])["predictions"])

    instances = [{"features": [float(cell) for cell in row.split(",")]} for row in rows]
    body = json.dumps({"instances": instances})
    answer = hosting.invoke(name, body, ContentType="application/json", Accept="application/json")
    assert_clusters(json.loads(answer["Payload"])["predictions"])

    answer = hosting.invoke(name, "\n".join(rows), ContentType="text/csv", Accept="text/csv")
    assert answer["ContentType"].startswith("text/csv")
    lines = [line.split(",") for line in answer["Payload"].decode().splitlines()]
    assert_clusters([{"closest_cluster": float(c), "distance_to_cluster": float(d)} for c, d in lines])

    hosting.sagemaker.delete_endpoint(EndpointName=name)
    hosting.sagemaker.get_waiter("endpoint_deleted").wait(EndpointName=name)
    message = refused(hosting.sagemaker.describe_endpoint, EndpointName=name)
    assert message == f'Could not find endpoint "{arn("endpoint", name)}".'
    hosting.sagemaker.delete_endpoint_config(EndpointConfigName=config)
    hosting.sagemaker.delete_model(ModelName=model)


def assert_clusters(got):
    """As scikit-learn's numbers say; distances to the precision of 32-bit floats."""
    expected = artifacts.expected()
    assert [row["closest_cluster"] for row in got] == [row["closest_cluster"] for row in expected]
    for mine, right in zip(got, expected, strict=True):
        assert mine["distance_to_cluster"] == pytest.approx(right["distance_to_cluster"], rel=1e-5)


def test_model_data_source_serves_like_model_data_url(hosting):
    name = fresh("model")
    source = {"S3DataSource": {"S3Uri": hosting.upload(), "S3DataType": "S3Object", "CompressionType": "Gzip"}}
    container = {"Image": artifacts.KMEANS_IMAGE, "ModelDataSource": source}
    hosting.sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer=container)
    endpoint = hosting.endpoint(hosting.config(name))
    answer = hosting.invoke(endpoint, "\n".join(artifacts.rows()), ContentType="text/csv")
    assert_clusters(json.loads(answer["Payload"])["predictions"])
    hosting.delete(endpoint)


def test_an_endpoint_being_created_says_so(hosting, tmp_path):
    release = tmp_path / "release"
    model = hosting.test_model("loading", {"TEST_PING_FILE": str(release)})
    config = hosting.config(model)
    name = hosting.endpoint(config, wait=False)
    seen = hosting.sagemaker.describe_endpoint(EndpointName=name)
    assert seen["EndpointStatus"] == "Creating"
    assert seen["EndpointConfigName"] == config
    assert "FailureReason" not in seen
    with pytest.raises(ClientError) as caught:
        hosting.invoke(name, b"x")
    assert caught.value.response["Error"]["Code"] == "ValidationError"
    assert f"Endpoint {name} of account 000000000000 not found." in str(caught.value)
    release.touch()
    hosting.in_service(name)
    hosting.delete(name)


def test_an_endpoint_may_be_deleted_while_it_is_created(hosting, tmp_path):
    model = hosting.test_model("loading", {"TEST_PING_FILE": str(tmp_path / "never")})
    name = hosting.endpoint(hosting.config(model), wait=False)
    hosting.delete(name)


def test_a_failed_endpoint_may_be_deleted_and_its_name_used_again(hosting):
    model = hosting.test_model("crash")
    config = hosting.config(model, ContainerStartupHealthCheckTimeoutInSeconds=60)
    name = hosting.endpoint(config, wait=False)
    reason = hosting.failed(name, 90)
    assert reason.startswith(
        "The primary container for production variant AllTraffic did not pass the ping health check."
    )
    assert "3" in reason, f"the exit status stands in it: {reason}"
    with pytest.raises(WaiterError) as caught:
        hosting.sagemaker.get_waiter("endpoint_in_service").wait(EndpointName=name)
    assert caught.value.last_response["EndpointStatus"] == "Failed"
    message = refused(hosting.sagemaker.create_endpoint, EndpointName=name, EndpointConfigName=config)
    assert message == f'Cannot create already existing endpoint "{arn("endpoint", name)}".'
    hosting.delete(name)
    hosting.endpoint(hosting.config(hosting.test_model("pid")), name)
    hosting.delete(name)


def test_an_image_that_nothing_here_can_run_fails_with_what_to_do(hosting):
    model = hosting.model(image="registry.example/unknown-image:1", url=None)
    name = hosting.endpoint(hosting.config(model), wait=False)
    reason = hosting.failed(name)
    assert "unknown-image" in reason
    assert "image" in reason.lower()
    assert len(reason) <= 1024
    hosting.delete(name)


def test_an_unknown_config_is_reported_at_create(hosting):
    config = fresh("nobody")
    message = refused(hosting.sagemaker.create_endpoint, EndpointName=fresh("endpoint"), EndpointConfigName=config)
    assert message == f'Could not find endpoint configuration "{arn("endpoint-config", config)}".'


def test_a_missing_model_is_reported_at_create_endpoint(hosting):
    model = fresh("missing-model")
    message = refused(
        hosting.sagemaker.create_endpoint,
        EndpointName=fresh("endpoint"),
        EndpointConfigName=hosting.config(model),
    )
    assert message == f'Could not find model "{arn("model", model)}".'


def test_an_unknown_endpoint_is_reported_by_describe_and_delete(hosting):
    name = fresh("Nobody")
    for call in (hosting.sagemaker.describe_endpoint, hosting.sagemaker.delete_endpoint):
        assert refused(call, EndpointName=name) == f'Could not find endpoint "{arn("endpoint", name)}".'


def test_endpoint_names_are_unique_whatever_their_case(hosting):
    config = hosting.config(hosting.test_model("pid"))
    name = hosting.endpoint(config, fresh("Case-Test"))
    message = refused(hosting.sagemaker.create_endpoint, EndpointName=name.upper(), EndpointConfigName=config)
    assert message == f'Cannot create already existing endpoint "{arn("endpoint", name)}".'
    seen = hosting.sagemaker.describe_endpoint(EndpointName=name)
    assert seen["EndpointName"] == name, "the name keeps its case"
    assert seen["EndpointArn"] == arn("endpoint", name), "its ARN is lower-case"
    hosting.delete(name)


def test_an_endpoint_of_two_variants_shows_both(hosting):
    model, config = hosting.test_model("pid"), fresh("config")
    variants = [
        production_variant(model, "blue", count=2, InitialVariantWeight=3.0),
        production_variant(model, "green", InitialVariantWeight=1.0),
    ]
    hosting.sagemaker.create_endpoint_config(EndpointConfigName=config, ProductionVariants=variants)
    name = hosting.endpoint(config)
    seen = hosting.sagemaker.describe_endpoint(EndpointName=name)["ProductionVariants"]
    facts = [(v["VariantName"], v["CurrentWeight"], v["CurrentInstanceCount"]) for v in seen]
    assert facts == [("blue", 3.0, 2), ("green", 1.0, 1)]
    hosting.delete(name)


def test_an_overwritten_object_serves_the_new_model_to_the_next_deployment(hosting):
    key = "overwritten/model.tar.gz"
    url = hosting.upload(artifacts.archive({"first.txt": b"1"}), key)
    model = hosting.model(image="models.example/conformance-echo:1", url=url)
    config = hosting.config(model)
    name = hosting.endpoint(config)
    assert json.loads(hosting.invoke(name)["Payload"])["files"] == ["first.txt"]
    hosting.upload(artifacts.archive({"second.txt": b"2"}), key)
    other = hosting.endpoint(config)
    assert json.loads(hosting.invoke(other)["Payload"])["files"] == ["second.txt"]
    assert json.loads(hosting.invoke(name)["Payload"])["files"] == ["first.txt"], "the first keeps its snapshot"
    hosting.delete(name)
    hosting.delete(other)


def test_the_model_gets_its_environment_over_the_operators(hosting):
    name = hosting.deploy("echo", {"GIVEN": "yes", "SHADOWED": "by the model"})
    seen = json.loads(hosting.invoke(name)["Payload"])["environment"]
    assert seen["GIVEN"] == "yes"
    assert seen["MAPPED"] == "by the operator"
    assert seen["SHADOWED"] == "by the model"
    assert seen["AWS_REGION"] == REGION
    secret = hosting.server.keys()[1]
    assert secret not in seen.values(), "the server's own key is not handed to a model"
    hosting.delete(name)


@pytest.mark.parametrize(
    ("case", "body", "cause"),
    [
        ("truncated", lambda: artifacts.kmeans_archive()[:-400], ()),
        ("not-a-tar", lambda: b"this is no archive at all\n" * 40, ()),
        ("outside", lambda: artifacts.archive({"../../escaped": b"x"}), ("escaped",)),
    ],
)
def test_a_broken_archive_fails_the_endpoint_with_aws_words_first(hosting, case, body, cause):
    key = f"broken/{case}.tar.gz"
    url = hosting.upload(body(), key)
    name = hosting.endpoint(hosting.config(hosting.model(url=url)), wait=False)
    reason = hosting.failed(name)
    assert_download_failure(reason, url)
    for word in cause:
        assert word in reason
    hosting.delete(name)


def test_model_data_that_vanished_fails_the_endpoint_with_aws_words_first(hosting):
    key = "vanishing/model.tar.gz"
    url = hosting.upload(key=key)
    config = hosting.config(hosting.model(url=url))
    hosting.s3.delete_object(Bucket=BUCKET, Key=key)
    name = hosting.endpoint(config, wait=False)
    assert_download_failure(hosting.failed(name), url)
    hosting.delete(name)


def assert_download_failure(reason, url):
    start = f'Failed to download model data for container "container_1" from URL: "{url}". Please ensure that'
    assert reason.strip().startswith(start), reason
    assert len(reason) <= 1024
    sentence = "the role passed to CreateModel has permissions to download the object."
    head, _, cause = reason.partition(sentence)
    assert cause.strip(), f"after AWS's sentence stands the cause: {reason}"
