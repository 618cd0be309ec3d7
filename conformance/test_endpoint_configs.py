"""CreateEndpointConfig, DescribeEndpointConfig, DeleteEndpointConfig."""

from harness.expect import refused
from harness.hosting import arn, fresh, production_variant


def test_a_config_is_created_and_described_with_what_was_given(hosting):
    model, name = hosting.model(), fresh("Described-Config")
    variants = [
        production_variant(model, "blue", count=2, InitialVariantWeight=3.0),
        production_variant(model, "green", ContainerStartupHealthCheckTimeoutInSeconds=90),
    ]
    made = hosting.sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=variants)
    assert made["EndpointConfigArn"] == arn("endpoint-config", name)

    seen = hosting.sagemaker.describe_endpoint_config(EndpointConfigName=name)
    assert seen["EndpointConfigName"] == name
    assert seen["EndpointConfigArn"] == made["EndpointConfigArn"]
    for wanted, got in zip(variants, seen["ProductionVariants"], strict=True):
        assert got.items() >= wanted.items()
    for absent in ("DataCaptureConfig", "KmsKeyId", "AsyncInferenceConfig", "ShadowProductionVariants"):
        assert absent not in seen


def test_a_weight_that_is_not_given_is_one(hosting):
    variant = production_variant(hosting.model())
    del variant["InitialVariantWeight"]
    name = fresh("config")
    hosting.sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
    seen = hosting.sagemaker.describe_endpoint_config(EndpointConfigName=name)
    assert seen["ProductionVariants"][0]["InitialVariantWeight"] == 1.0


def test_a_config_may_name_a_model_that_does_not_exist_yet(hosting):
    name = hosting.config("not-made-yet")
    seen = hosting.sagemaker.describe_endpoint_config(EndpointConfigName=name)
    assert seen["ProductionVariants"][0]["ModelName"] == "not-made-yet"


def test_a_taken_name_is_refused_with_the_arn(hosting):
    name = hosting.config("some-model")
    message = refused(
        hosting.sagemaker.create_endpoint_config,
        EndpointConfigName=name,
        ProductionVariants=[production_variant("some-model")],
    )
    assert message == f'Cannot create already existing endpoint configuration "{arn("endpoint-config", name)}".'


def test_an_unknown_config_is_reported_by_describe_and_delete(hosting):
    name = fresh("nobody")
    for call in (hosting.sagemaker.describe_endpoint_config, hosting.sagemaker.delete_endpoint_config):
        message = refused(call, EndpointConfigName=name)
        assert message == f'Could not find endpoint configuration "{arn("endpoint-config", name)}".'


def test_a_deleted_config_is_gone_and_its_name_is_free(hosting):
    name = hosting.config("some-model")
    hosting.sagemaker.delete_endpoint_config(EndpointConfigName=name)
    message = refused(hosting.sagemaker.describe_endpoint_config, EndpointConfigName=name)
    assert message.startswith("Could not find endpoint configuration")
    hosting.config("some-model", name)


def test_two_variants_of_one_name_are_refused(hosting):
    variant = production_variant("some-model")
    refused(
        hosting.sagemaker.create_endpoint_config,
        EndpointConfigName=fresh("config"),
        ProductionVariants=[variant, variant],
    )


def test_an_instance_type_needs_a_count(hosting):
    variant = production_variant("some-model")
    del variant["InitialInstanceCount"]
    refused(hosting.sagemaker.create_endpoint_config, EndpointConfigName=fresh("config"), ProductionVariants=[variant])


def test_a_count_of_zero_is_refused(server):
    unchecked = server.client("sagemaker", parameter_validation=False)
    refused(
        unchecked.create_endpoint_config,
        EndpointConfigName=fresh("config"),
        ProductionVariants=[production_variant("some-model", count=0)],
    )


def test_the_path_of_a_violation_counts_list_elements_from_one(hosting):
    variants = [production_variant("good", "a"), production_variant("ENTER MODEL NAME", "b")]
    message = refused(
        hosting.sagemaker.create_endpoint_config, EndpointConfigName=fresh("config"), ProductionVariants=variants
    )
    expected = (
        "1 validation error detected: Value 'ENTER MODEL NAME' at 'productionVariants.2.member.modelName' "
        "failed to satisfy constraint: Member must satisfy regular expression pattern: "
    )
    assert message.startswith(expected), message


def test_an_unknown_instance_type_prints_the_set_of_values(hosting):
    message = refused(
        hosting.sagemaker.create_endpoint_config,
        EndpointConfigName=fresh("config"),
        ProductionVariants=[production_variant("some-model", instance_type="ml.bogus")],
    )
    assert message.startswith(
        "1 validation error detected: Value 'ml.bogus' at 'productionVariants.1.member.instanceType' "
        "failed to satisfy constraint: Member must satisfy enum value set: ["
    )
    assert "ml.m5.large" in message


def test_an_explainer_is_refused_with_a_reason(hosting):
    shap = {"ShapConfig": {"ShapBaselineConfig": {"ShapBaseline": "1,2"}}}
    message = refused(
        hosting.sagemaker.create_endpoint_config,
        EndpointConfigName=fresh("config"),
        ProductionVariants=[production_variant("some-model")],
        ExplainerConfig={"ClarifyExplainerConfig": shap},
    )
    assert "explain" in message.lower()
