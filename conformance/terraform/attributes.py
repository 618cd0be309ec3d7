"""Attributes of the three resources: how they become API members, and how a Describe becomes attributes again.

A plan is a comparison of attributes, so what matters is which values the provider sends though nobody wrote them
(defaults, flags that are always sent), and what it makes of members that an answer leaves out.
"""

from dataclasses import dataclass

# In the provider's schema language an attribute that is not set and one with its type's zero are the same.
UNSET = (None, "", 0, False, [], {})


@dataclass(frozen=True)
class Attribute:
    """One attribute. `block` holds the attributes of a nested block; `many` is a list of blocks."""

    member: str
    block: dict | None = None
    many: bool = False
    default: object = None
    # Sent also when it has its type's zero.
    always_sent: bool = False
    # What nobody wrote is taken from the answer.
    computed: bool = False
    # A set: the order is not compared.
    unordered: bool = False


def block(member, attributes, **more):
    return Attribute(member, block=attributes, **more)


S3_DATA_SOURCE = {
    "compression_type": Attribute("CompressionType"),
    "model_access_config": block("ModelAccessConfig", {"accept_eula": Attribute("AcceptEula", always_sent=True)}),
    "s3_data_type": Attribute("S3DataType"),
    "s3_uri": Attribute("S3Uri"),
}
CONTAINER = {
    "additional_model_data_source": block(
        "AdditionalModelDataSources",
        {"channel_name": Attribute("ChannelName"), "s3_data_source": block("S3DataSource", S3_DATA_SOURCE)},
        many=True,
        computed=True,
    ),
    "container_hostname": Attribute("ContainerHostname"),
    "environment": Attribute("Environment"),
    "image": Attribute("Image"),
    "image_config": block(
        "ImageConfig",
        {
            "repository_access_mode": Attribute("RepositoryAccessMode"),
            "repository_auth_config": block(
                "RepositoryAuthConfig",
                {"repository_credentials_provider_arn": Attribute("RepositoryCredentialsProviderArn")},
            ),
        },
    ),
    "inference_specification_name": Attribute("InferenceSpecificationName"),
    "mode": Attribute("Mode", default="SingleModel"),
    "model_data_source": block(
        "ModelDataSource", {"s3_data_source": block("S3DataSource", S3_DATA_SOURCE)}, computed=True
    ),
    "model_data_url": Attribute("ModelDataUrl"),
    "model_package_name": Attribute("ModelPackageName"),
    "multi_model_config": block("MultiModelConfig", {"model_cache_setting": Attribute("ModelCacheSetting")}),
}
VPC_CONFIG = {
    "security_group_ids": Attribute("SecurityGroupIds", unordered=True),
    "subnets": Attribute("Subnets", unordered=True),
}
MODEL = {
    "container": block("Containers", CONTAINER, many=True),
    "enable_network_isolation": Attribute("EnableNetworkIsolation"),
    "execution_role_arn": Attribute("ExecutionRoleArn"),
    "inference_execution_config": block("InferenceExecutionConfig", {"mode": Attribute("Mode")}, computed=True),
    "name": Attribute("ModelName"),
    "primary_container": block("PrimaryContainer", CONTAINER),
    "vpc_config": block("VpcConfig", VPC_CONFIG),
}

VARIANT = {
    "accelerator_type": Attribute("AcceleratorType"),
    "container_startup_health_check_timeout_in_seconds": Attribute("ContainerStartupHealthCheckTimeoutInSeconds"),
    "core_dump_config": block(
        "CoreDumpConfig",
        {"destination_s3_uri": Attribute("DestinationS3Uri"), "kms_key_id": Attribute("KmsKeyId")},
    ),
    "enable_ssm_access": Attribute("EnableSSMAccess", always_sent=True),
    "inference_ami_version": Attribute("InferenceAmiVersion"),
    "initial_instance_count": Attribute("InitialInstanceCount"),
    "initial_variant_weight": Attribute("InitialVariantWeight", default=1.0, always_sent=True),
    "instance_type": Attribute("InstanceType"),
    "model_data_download_timeout_in_seconds": Attribute("ModelDataDownloadTimeoutInSeconds"),
    "model_name": Attribute("ModelName"),
    "routing_config": block("RoutingConfig", {"routing_strategy": Attribute("RoutingStrategy")}),
    "variant_name": Attribute("VariantName", computed=True),
    "volume_size_in_gb": Attribute("VolumeSizeInGB", computed=True),
}
DATA_CAPTURE = {
    "capture_content_type_header": block(
        "CaptureContentTypeHeader",
        {
            "csv_content_types": Attribute("CsvContentTypes", unordered=True),
            "json_content_types": Attribute("JsonContentTypes", unordered=True),
        },
    ),
    "capture_options": block("CaptureOptions", {"capture_mode": Attribute("CaptureMode")}, many=True),
    "destination_s3_uri": Attribute("DestinationS3Uri"),
    "enable_capture": Attribute("EnableCapture", always_sent=True),
    "initial_sampling_percentage": Attribute("InitialSamplingPercentage", always_sent=True),
    "kms_key_id": Attribute("KmsKeyId"),
}
ENDPOINT_CONFIGURATION = {
    "data_capture_config": block("DataCaptureConfig", DATA_CAPTURE),
    "execution_role_arn": Attribute("ExecutionRoleArn"),
    "kms_key_arn": Attribute("KmsKeyId"),
    "name": Attribute("EndpointConfigName"),
    "production_variants": block("ProductionVariants", VARIANT, many=True),
    "shadow_production_variants": block("ShadowProductionVariants", VARIANT, many=True),
}

CAPACITY_SIZE = {"type": Attribute("Type"), "value": Attribute("Value")}
DEPLOYMENT_CONFIG = {
    "auto_rollback_configuration": block(
        "AutoRollbackConfiguration",
        {"alarms": block("Alarms", {"alarm_name": Attribute("AlarmName")}, many=True, unordered=True)},
    ),
    "blue_green_update_policy": block(
        "BlueGreenUpdatePolicy",
        {
            "maximum_execution_timeout_in_seconds": Attribute("MaximumExecutionTimeoutInSeconds"),
            "termination_wait_in_seconds": Attribute("TerminationWaitInSeconds", default=0, always_sent=True),
            "traffic_routing_configuration": block(
                "TrafficRoutingConfiguration",
                {
                    "canary_size": block("CanarySize", CAPACITY_SIZE),
                    "linear_step_size": block("LinearStepSize", CAPACITY_SIZE),
                    "type": Attribute("Type"),
                    "wait_interval_in_seconds": Attribute("WaitIntervalInSeconds", default=0, always_sent=True),
                },
            ),
        },
    ),
    "rolling_update_policy": block(
        "RollingUpdatePolicy",
        {
            "maximum_batch_size": block("MaximumBatchSize", CAPACITY_SIZE),
            "maximum_execution_timeout_in_seconds": Attribute("MaximumExecutionTimeoutInSeconds"),
            "rollback_maximum_batch_size": block("RollbackMaximumBatchSize", CAPACITY_SIZE),
            "wait_interval_in_seconds": Attribute("WaitIntervalInSeconds", default=0, always_sent=True),
        },
    ),
}
ENDPOINT = {
    "deployment_config": block("DeploymentConfig", DEPLOYMENT_CONFIG),
    "endpoint_config_name": Attribute("EndpointConfigName"),
    "name": Attribute("EndpointName"),
}


def is_unset(value):
    return any(value == unset and isinstance(value, bool) == isinstance(unset, bool) for unset in UNSET)


def expanded(schema, written):
    """The API members of what was written."""
    members = {}
    for name, attribute in schema.items():
        value = written.get(name)
        if is_unset(value):
            value = attribute.default if value is None else value
            if not attribute.always_sent and is_unset(value):
                continue
            if value is None:
                value = False
        if attribute.block is None:
            members[attribute.member] = value
        elif attribute.many:
            members[attribute.member] = [expanded(attribute.block, inner) for inner in value]
        else:
            members[attribute.member] = expanded(attribute.block, value)
    return members


def flattened(schema, members):
    """The attributes of a Describe's answer; members that no attribute names are passed over."""
    attributes = {}
    for name, attribute in schema.items():
        value = members.get(attribute.member)
        if value is None:
            continue
        if attribute.block is None:
            attributes[name] = value
        elif attribute.many:
            attributes[name] = [flattened(attribute.block, inner) for inner in value]
        else:
            attributes[name] = flattened(attribute.block, value)
    return attributes


def differences(schema, written, seen, path=""):
    """The paths of attributes where what is written is not what is seen; a plan without changes has none."""
    found = []
    for name, attribute in schema.items():
        here = f"{path}{name}"
        want, have = written.get(name), seen.get(name)
        if want is None:
            want = attribute.default
        if is_unset(want) and attribute.computed:
            continue
        if is_unset(want) and is_unset(have):
            continue
        if attribute.block is None or is_unset(want) or is_unset(have):
            same = sorted(want) == sorted(have) if attribute.unordered and want and have else want == have
            found += [] if same else [here]
        elif attribute.many:
            pairs = [(want, have)] if not attribute.unordered else [(_in_order(want), _in_order(have))]
            for wanted, had in pairs:
                if len(wanted) != len(had):
                    found.append(here)
                else:
                    for index, (one, other) in enumerate(zip(wanted, had)):
                        found += differences(attribute.block, one, other, f"{here}[{index}].")
        else:
            found += differences(attribute.block, want, have, f"{here}.")
    return found


def _in_order(blocks):
    return sorted(blocks, key=lambda inner: sorted(inner.items()))
