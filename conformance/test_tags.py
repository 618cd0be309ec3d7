"""AddTags, ListTags, DeleteTags, and tags given at creation, on models, configs and endpoints."""

import pytest

from harness.artifacts import KMEANS_IMAGE
from harness.expect import refused
from harness.hosting import ROLE, arn, fresh, production_variant


def tags_of(hosting, resource):
    return {tag["Key"]: tag["Value"] for tag in hosting.sagemaker.list_tags(ResourceArn=resource)["Tags"]}


def as_list(tags):
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def make(hosting, kind, tags=None):
    """A resource of the kind with tags from its creation; its ARN."""
    more = {"Tags": as_list(tags)} if tags else {}
    if kind == "model":
        made = hosting.sagemaker.create_model(
            ModelName=fresh("Tagged"), ExecutionRoleArn=ROLE, PrimaryContainer={"Image": KMEANS_IMAGE}, **more
        )
        return made["ModelArn"]
    config = fresh("Tagged")
    made = hosting.sagemaker.create_endpoint_config(
        EndpointConfigName=config,
        ProductionVariants=[production_variant(hosting.test_model("pid"))],
        **(more if kind == "endpoint-config" else {}),
    )
    if kind == "endpoint-config":
        return made["EndpointConfigArn"]
    made = hosting.sagemaker.create_endpoint(EndpointName=fresh("Tagged"), EndpointConfigName=config, **more)
    return made["EndpointArn"]


@pytest.mark.parametrize("kind", ["model", "endpoint-config", "endpoint"])
def test_tags_are_given_at_creation_added_replaced_and_removed(hosting, kind):
    resource = make(hosting, kind, {"team": "vision", "stage": "test"})
    assert tags_of(hosting, resource) == {"team": "vision", "stage": "test"}
    answer = hosting.sagemaker.add_tags(ResourceArn=resource, Tags=as_list({"stage": "live", "cost": ""}))
    expected = {"team": "vision", "stage": "live", "cost": ""}
    assert {tag["Key"]: tag["Value"] for tag in answer["Tags"]} == expected
    assert tags_of(hosting, resource) == expected
    hosting.sagemaker.delete_tags(ResourceArn=resource, TagKeys=["team", "never-there"])
    assert tags_of(hosting, resource) == {"stage": "live", "cost": ""}


@pytest.mark.parametrize("kind", ["model", "endpoint-config", "endpoint"])
def test_an_untagged_resource_lists_no_tags(hosting, kind):
    assert tags_of(hosting, make(hosting, kind)) == {}


@pytest.mark.parametrize("kind", ["model", "endpoint-config", "endpoint"])
def test_a_missing_resource_is_reported_by_every_tag_operation(hosting, kind):
    nobody = arn(kind, fresh("nobody"))
    client = hosting.sagemaker
    assert refused(client.list_tags, ResourceArn=nobody) == "Resource does not exist."
    assert refused(client.add_tags, ResourceArn=nobody, Tags=as_list({"a": "b"})) == "Resource does not exist."
    assert refused(client.delete_tags, ResourceArn=nobody, TagKeys=["a"]) == "Resource does not exist."


def test_an_arn_of_another_region_is_refused(hosting):
    elsewhere = make(hosting, "model").replace(":us-east-1:", ":eu-west-1:")
    assert refused(hosting.sagemaker.list_tags, ResourceArn=elsewhere) == (
        "ARN should be scoped to correct region: us-east-1"
    )


def test_fifty_tags_fit_and_one_more_is_refused(hosting):
    resource = make(hosting, "model", {f"key-{number:02}": str(number) for number in range(50)})
    assert len(tags_of(hosting, resource)) == 50
    hosting.sagemaker.add_tags(ResourceArn=resource, Tags=as_list({"key-00": "replaced"}))
    with pytest.raises(hosting.sagemaker.exceptions.ClientError) as caught:
        hosting.sagemaker.add_tags(ResourceArn=resource, Tags=as_list({"one-more": "x"}))
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert caught.value.response["Error"]["Code"] in ("ValidationException", "ResourceLimitExceeded")
    tags = tags_of(hosting, resource)
    assert len(tags) == 50
    assert tags["key-00"] == "replaced"


def test_fifty_one_tags_in_one_request_are_refused_with_the_length(hosting):
    tags = as_list({f"key-{number}": "x" for number in range(51)})
    message = refused(hosting.sagemaker.add_tags, ResourceArn=make(hosting, "model"), Tags=tags)
    assert message.startswith("1 validation error detected: Value '")
    assert message.endswith("at 'tags' failed to satisfy constraint: Member must have length less than or equal to 50")


def test_the_paginator_of_list_tags_finds_them_all(hosting):
    resource = make(hosting, "endpoint-config", {f"key-{number:02}": "x" for number in range(50)})
    pages = hosting.sagemaker.get_paginator("list_tags").paginate(ResourceArn=resource)
    assert len([tag for page in pages for tag in page["Tags"]]) == 50


def test_tags_of_a_deleted_resource_do_not_come_back(hosting):
    name = hosting.model(Tags=as_list({"old": "yes"}))
    hosting.sagemaker.delete_model(ModelName=name)
    hosting.model(name)
    assert tags_of(hosting, arn("model", name)) == {}
