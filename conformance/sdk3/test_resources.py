"""The generated resources of sagemaker-core, whose classes refuse members of another type than the model says."""

import datetime
import json

import pytest
from botocore.exceptions import ClientError
from sagemaker.core.resources import Endpoint, EndpointConfig, Model, Tag
from sagemaker.core.shapes import (
    AutoRollbackConfig,
    BlueGreenUpdatePolicy,
    ContainerDefinition,
    DeploymentConfig,
    DesiredWeightAndCapacity,
    ProductionVariant,
    TrafficRoutingConfig,
)
from sagemaker.core.shapes import Tag as TagShape
from sagemaker.core.utils.exceptions import FailedStatusError

from harness import artifacts
from harness.hosting import MODEL_URL, ROLE, arn, fresh

PLAIN = "models.example/conformance-plain:1"


def model(image=PLAIN, **container):
    definition = ContainerDefinition(image=image, **container)
    return Model.create(model_name=fresh("core"), primary_container=definition, execution_role_arn=ROLE)


def config(of, **more):
    variant = {
        "variant_name": "AllTraffic",
        "model_name": of.model_name,
        "instance_type": "ml.m5.large",
        "initial_instance_count": 1,
        "initial_variant_weight": 1.0,
    }
    variants = [ProductionVariant(**variant | more)]
    return EndpointConfig.create(endpoint_config_name=fresh("core"), production_variants=variants)


def endpoint(of, **more):
    made = Endpoint.create(endpoint_name=fresh("Core"), endpoint_config_name=of.endpoint_config_name, **more)
    made.wait_for_status("InService", timeout=60)
    return made


def gone(endpoint):
    endpoint.delete()
    endpoint.wait_for_delete(poll=1, timeout=60)


def test_a_life_by_resources_alone(hosting):
    kmeans = model(artifacts.KMEANS_IMAGE, model_data_url=MODEL_URL, environment={"A": "b"})
    assert kmeans.primary_container.environment == {"A": "b"}
    assert kmeans.model_arn == arn("model", kmeans.model_name)
    assert isinstance(kmeans.creation_time, datetime.datetime)
    first = config(kmeans)
    made = endpoint(first, tags=[TagShape(key="team", value="vision")])
    assert made.endpoint_arn == arn("endpoint", made.endpoint_name)
    assert made.production_variants[0].current_weight == 1.0
    answer = made.invoke(body="\n".join(artifacts.rows()), content_type="text/csv", accept="application/json")
    clusters = [row["closest_cluster"] for row in json.loads(answer.body.read())["predictions"]]
    assert clusters == [row["closest_cluster"] for row in artifacts.expected()]

    second = config(kmeans)
    made.endpoint_config_name = second.endpoint_config_name
    traffic = TrafficRoutingConfig(type="ALL_AT_ONCE", wait_interval_in_seconds=1)
    deployment = DeploymentConfig(
        blue_green_update_policy=BlueGreenUpdatePolicy(traffic_routing_configuration=traffic),
        auto_rollback_configuration=AutoRollbackConfig(alarms=[]),
    )
    made.update(deployment_config=deployment)
    made.wait_for_status("InService", timeout=60)
    assert made.endpoint_config_name == second.endpoint_config_name
    routing = made.last_deployment_config.blue_green_update_policy.traffic_routing_configuration
    assert (routing.type, routing.wait_interval_in_seconds) == ("ALL_AT_ONCE", 1)

    weight = DesiredWeightAndCapacity(variant_name="AllTraffic", desired_weight=0.5, desired_instance_count=2)
    made.update_weights_and_capacities(desired_weights_and_capacities=[weight])
    made.wait_for_status("InService", timeout=60)
    [variant] = made.production_variants
    assert (variant.current_weight, variant.current_instance_count) == (0.5, 2)

    Tag.add_tags(resource_arn=made.endpoint_arn, tags=[TagShape(key="stage", value="test")])
    tags = {tag.key: tag.value for tag in Tag.get_all(resource_arn=made.endpoint_arn)}
    assert tags == {"team": "vision", "stage": "test"}

    gone(made)
    for resource in (first, second, kmeans):
        resource.delete()
        with pytest.raises(ClientError, match="Could not find"):
            resource.refresh()


def test_everything_is_listed_page_by_page(hosting):
    models = [model() for _ in range(12)]
    configs = [config(each) for each in models]
    made = endpoint(configs[0])
    listed = {each.model_name for each in Model.get_all(name_contains="core-", sort_by="Name")}
    assert listed >= {each.model_name for each in models}
    listed = {each.endpoint_config_name for each in EndpointConfig.get_all()}
    assert listed >= {each.endpoint_config_name for each in configs}
    found = list(Endpoint.get_all(status_equals="InService", name_contains=made.endpoint_name))
    assert [(each.endpoint_name, each.endpoint_status) for each in found] == [(made.endpoint_name, "InService")]
    gone(made)
    assert list(Endpoint.get_all(name_contains=made.endpoint_name)) == []


def test_an_endpoint_that_fails_is_a_failed_status_with_its_reason(hosting):
    crashing = config(model("models.example/conformance-crash:1"))
    made = Endpoint.create(endpoint_name=fresh("core"), endpoint_config_name=crashing.endpoint_config_name)
    with pytest.raises(FailedStatusError) as caught:
        made.wait_for_status("InService", timeout=60)
    assert made.refresh().endpoint_status == "Failed"
    assert made.failure_reason in str(caught.value)
    gone(made)


def test_what_is_not_there_is_a_client_error_with_awss_text(server):
    with pytest.raises(ClientError) as caught:
        Endpoint.get(endpoint_name="nobody")
    assert caught.value.response["Error"]["Code"] == "ValidationException"
    assert caught.value.response["Error"]["Message"].startswith("Could not find endpoint")
