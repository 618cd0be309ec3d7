"""Probes that verdicts name: each shows what a member does. An assertion that fails is a verdict that does not hold."""

import datetime
import hashlib
import json
import re

from harness.hosting import ROLE, arn, fresh, production_variant
from harness.waiting import eventually

IMAGE = "models.example/conformance-plain:1"
# When an instance was launched: the line's time, the endpoint's uid, the generation.
LAUNCH = re.compile(r"^(\S+) .*launching instance ([0-9a-f]+)\.g(\d+)\.", re.MULTILINE)


def refusal(world, operation, document):
    answer = world.call(operation, document)
    assert answer.status == 400 and answer.code == "ValidationException", answer
    return answer.message


def model(world, container, **more):
    """A model with this container; its name."""
    name = fresh("Probed")
    world.ask("CreateModel", ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer=container, **more)
    return name


# -- CreateModel -------------------------------------------------------------------------------


def the_containers_name_is_used_in_messages(world):
    name = model(world, {"Image": "models.example/conformance-crash:1", "ContainerHostname": "digits"})
    endpoint = world.hosting.endpoint(world.hosting.config(name), wait=False)
    reason = world.hosting.failed(endpoint)
    assert reason.startswith("The digits container for production variant AllTraffic did not pass"), reason
    seen = world.ask("DescribeEndpoint", EndpointName=endpoint)
    assert seen["EndpointStatus"] == "Failed" and seen["FailureReason"] == reason
    world.hosting.delete(endpoint)


def one_container_in_a_list_serves(world):
    name = fresh("Probed")
    container = {"Image": IMAGE, "Environment": {"TEST_ANSWER": "body=listed"}}
    world.ask("CreateModel", ModelName=name, ExecutionRoleArn=ROLE, Containers=[container])
    endpoint = world.hosting.endpoint(world.hosting.config(name))
    assert world.hosting.invoke(endpoint)["Payload"] == b"listed"
    world.hosting.delete(endpoint)


def several_containers_are_given_back(world):
    containers = [{"Image": IMAGE, "ContainerHostname": hostname} for hostname in ("one", "two")]
    for mode in ("Serial", "Direct"):
        given = {"Containers": containers, "InferenceExecutionConfig": {"Mode": mode}}
        name = fresh("Probed")
        world.ask("CreateModel", ModelName=name, ExecutionRoleArn=ROLE, **given)
        seen = world.ask("DescribeModel", ModelName=name)
        assert seen["InferenceExecutionConfig"] == {"Mode": mode}
        assert seen["Containers"] == [one | {"Mode": "SingleModel"} for one in containers]


def many_models_are_given_back(world):
    container = {
        "Image": IMAGE,
        "Mode": "MultiModel",
        "ModelDataUrl": world.data,
        "MultiModelConfig": {"ModelCacheSetting": "Disabled"},
    }
    for given in ({"PrimaryContainer": container}, {"Containers": [container]}):
        name = fresh("Probed")
        world.ask("CreateModel", ModelName=name, ExecutionRoleArn=ROLE, **given)
        seen = world.ask("DescribeModel", ModelName=name)
        assert {member: seen[member] for member in given} == given


def a_manifest_is_held_to_its_etag(world):
    text = json.dumps([{"prefix": world.data}, "one"]).encode()
    manifest = world.hosting.upload(text, key="probed-manifest.json")
    source = {
        "S3Uri": world.data,
        "S3DataType": "S3Prefix",
        "CompressionType": "None",
        "ManifestS3Uri": manifest,
        "ManifestEtag": hashlib.md5(text).hexdigest(),
    }
    model(world, {"Image": IMAGE, "ModelDataSource": {"S3DataSource": source}})
    wrong = {"Image": IMAGE, "ModelDataSource": {"S3DataSource": source | {"ManifestEtag": "0" * 32}}}
    document = {"ModelName": fresh("Probed"), "ExecutionRoleArn": ROLE, "PrimaryContainer": wrong}
    assert "asks for ETag" in refusal(world, "CreateModel", document)


def a_model_needs_its_role(world):
    document = {"ModelName": fresh("Probed"), "PrimaryContainer": {"Image": IMAGE}}
    assert refusal(world, "CreateModel", document) == "ExecutionRoleArn is required to create a model."


def what_names_data_is_given_back(world):
    """The members whose effect other tests show, seen in DescribeModel's answer too."""
    url = world.data + "one"
    one = hashlib.md5(b"one").hexdigest()
    text = json.dumps([{"prefix": world.data}, "one"]).encode()
    listed = {
        "S3Uri": world.data,
        "S3DataType": "S3Prefix",
        "CompressionType": "None",
        "ManifestS3Uri": world.hosting.upload(text, key="probed-list.json"),
        "ManifestEtag": hashlib.md5(text).hexdigest(),
    }
    single = {"S3Uri": url, "S3DataType": "S3Object", "CompressionType": "None", "ETag": one}
    named = {"Image": IMAGE, "ContainerHostname": "digits", "Environment": {"KEY": "value"}}
    for data in (
        {"ModelDataUrl": url},
        {"ModelDataSource": {"S3DataSource": listed}},
        {"ModelDataSource": {"S3DataSource": single}},
    ):
        channels = [{"ChannelName": name, "S3DataSource": source} for name, source in (("a", listed), ("b", single))]
        container = named | data | {"AdditionalModelDataSources": channels}
        for members in ({"PrimaryContainer": container}, {"Containers": [container]}):
            name = fresh("Probed")
            world.ask("CreateModel", ModelName=name, ExecutionRoleArn=ROLE, **members)
            seen = world.ask("DescribeModel", ModelName=name)
            with_mode = container | {"Mode": "SingleModel"}
            given = {key: [with_mode] if key == "Containers" else with_mode for key in members}
            assert {key: seen[key] for key in members} == given, seen


# -- CreateEndpointConfig ----------------------------------------------------------------------


def a_download_gets_the_time_that_was_given(world):
    """The specification that the backend keeps of an instance says how long its download may take."""
    config = world.hosting.config(world.model, ModelDataDownloadTimeoutInSeconds=61)
    endpoint = world.hosting.endpoint(config)
    seen = json.loads(world.server.cli("describe", endpoint, "--output", "json").stdout)
    (instance,) = [instance["Id"] for instance in seen["Instances"]]
    kept = (world.server.data_dir / "instances" / instance / "spec.json").read_text()
    assert json.loads(kept)["spec"]["download_timeout_ms"] == 61_000, kept
    world.hosting.delete(endpoint)


def times_are_given_back(world):
    times = {"ModelDataDownloadTimeoutInSeconds": 61, "ContainerStartupHealthCheckTimeoutInSeconds": 62}
    name = world.hosting.config(world.model, **times)
    (variant,) = world.ask("DescribeEndpointConfig", EndpointConfigName=name)["ProductionVariants"]
    assert variant.items() >= times.items(), variant


def a_variant_without_a_model_is_refused(world):
    variant = production_variant("x")
    del variant["ModelName"]
    document = {"EndpointConfigName": fresh("Probed"), "ProductionVariants": [variant]}
    assert "A variant without ModelName" in refusal(world, "CreateEndpointConfig", document)


# -- Update ------------------------------------------------------------------------------------


def updated(world, endpoint, config, **more):
    world.ask("UpdateEndpoint", EndpointName=endpoint, EndpointConfigName=config, **more)


def an_update_is_described_step_by_step_and_when_it_went_back(world):
    """Every stage, so that what is said of DescribeEndpoint's answers is seen with and without each member."""
    hosting = world.hosting
    never = hosting.test_model("never")
    prefix = {"PrefixLength": 1024, "ConcurrencyThreshold": 1}
    routing = {"RoutingStrategy": "RANDOM", "PrefixAwareRoutingConfig": prefix}
    routed = {"RoutingConfig": routing, "AcceleratorType": "ml.eia1.medium"}
    waiting = hosting.endpoint(hosting.config(never, **routed), wait=False)
    assert world.ask("DescribeEndpoint", EndpointName=waiting)["EndpointStatus"] == "Creating"
    hosting.delete(waiting)

    capture = {
        "EnableCapture": True,
        "InitialSamplingPercentage": 20,
        "DestinationS3Uri": "s3://bucket/captured",
        "KmsKeyId": "key",
        "CaptureOptions": [{"CaptureMode": "Input"}],
    }
    more = {
        "DataCaptureConfig": capture,
        "MetricsConfig": {
            "EnableEnhancedMetrics": True,
            "EnableDetailedObservability": True,
            "MetricPublishFrequencyInSeconds": 60,
        },
        "CrossRegionTrafficConfig": {
            "MaxInvocationsPerSecondPerInstance": 1,
            "MaxCrossRegionPercentPerEndpoint": 1,
        },
        "ShadowProductionVariants": [production_variant(world.model, "Shadow")],
    }
    config = fresh("Probed")
    variants = [production_variant(world.model, count=2, **routed)]
    world.ask("CreateEndpointConfig", EndpointConfigName=config, ProductionVariants=variants, **more)
    endpoint = hosting.endpoint(config)
    seen = world.ask("DescribeEndpoint", EndpointName=endpoint)
    assert seen["DataCaptureConfig"]["CaptureStatus"] == "Stopped"
    for policy, watched in policies():
        updated(world, endpoint, config, DeploymentConfig=policy)
        assert world.ask("DescribeEndpoint", EndpointName=endpoint)["EndpointStatus"] == "Updating"
        message = baking(world, endpoint)
        assert message == f"Baking for 1 seconds ({watched} instance(s).", message
        hosting.in_service(endpoint)
        assert world.ask("DescribeEndpoint", EndpointName=endpoint)["LastDeploymentConfig"] == policy
    hosting.delete(endpoint)

    # Its instances take their time to go, so that the last stage of the update is seen.
    leaving = hosting.endpoint(hosting.config(hosting.test_model("plain", {"TEST_STOP": "1500"})))
    updated(world, leaving, world.config)

    def pending():
        return world.ask("DescribeEndpoint", EndpointName=leaving).get("PendingDeploymentSummary")

    is_last = lambda summary: summary and "VariantStatus" not in summary["ProductionVariants"][0]  # noqa: E731
    eventually(pending, is_last, "only the former fleet has to go")
    hosting.in_service(leaving)
    hosting.delete(leaving)

    plain = hosting.endpoint(world.config)
    updated(world, plain, hosting.config(hosting.test_model("crash")))
    hosting.in_service(plain)
    assert "FailureReason" in world.ask("DescribeEndpoint", EndpointName=plain)
    hosting.delete(plain)


def policies():
    """Deployment configs that hold each member of one between them, and the step of each that takes a second."""
    half = {"Type": "CAPACITY_PERCENT", "Value": 50}
    alarms = {"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "errors"}]}}
    on = "with traffic enabled on"
    for kind, size, wait, watched in (
        ("CANARY", {"CanarySize": half}, 0, f"TerminationWaitInSeconds) {on} full capacity of 2"),
        ("LINEAR", {"LinearStepSize": half}, 1, f"WaitIntervalInSeconds) {on} linear step capacity of 1"),
    ):
        policy = {
            "TrafficRoutingConfiguration": {"Type": kind, "WaitIntervalInSeconds": wait, **size},
            "TerminationWaitInSeconds": 1 - wait,
            "MaximumExecutionTimeoutInSeconds": 600,
        }
        yield {"BlueGreenUpdatePolicy": policy} | alarms, watched
    rolling = {
        "MaximumBatchSize": half,
        "WaitIntervalInSeconds": 1,
        "MaximumExecutionTimeoutInSeconds": 600,
        "RollbackMaximumBatchSize": half,
    }
    yield {"RollingUpdatePolicy": rolling}, f"WaitIntervalInSeconds) {on} batch capacity of 1"


def baking(world, endpoint):
    """Waits until a step of an update is watched; what is said of it."""

    def look():
        pending = world.ask("DescribeEndpoint", EndpointName=endpoint).get("PendingDeploymentSummary", {})
        statuses = [status for variant in pending.get("ProductionVariants", ()) for status in variant["VariantStatus"]]
        return [status["StatusMessage"] for status in statuses if status["Status"] == "Baking"]

    (message,) = eventually(look, bool, "a step is watched")
    return message


def a_deployment_that_waits_longer_than_it_may_is_refused(world):
    config = world.hosting.config(world.model, count=2)
    endpoint = world.hosting.endpoint(config)
    traffic = {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0}
    blue_green = {
        "TrafficRoutingConfiguration": traffic,
        "TerminationWaitInSeconds": 600,
        "MaximumExecutionTimeoutInSeconds": 600,
    }
    rolling = {
        "MaximumBatchSize": {"Type": "INSTANCE_COUNT", "Value": 1},
        "WaitIntervalInSeconds": 600,
        "MaximumExecutionTimeoutInSeconds": 600,
    }
    for policy in ({"BlueGreenUpdatePolicy": blue_green}, {"RollingUpdatePolicy": rolling}):
        document = {"EndpointName": endpoint, "EndpointConfigName": config, "DeploymentConfig": policy}
        message = refusal(world, "UpdateEndpoint", document)
        assert message.startswith("MaximumExecutionTimeoutInSeconds (600) must be larger"), message
    world.hosting.delete(endpoint)


def a_rolling_update_goes_back_in_the_batches_that_were_given(world):
    """The second batch finds no model data. Of the two former instances that went, one is brought back at a time."""
    hosting = world.hosting
    slow = hosting.test_model("plain", {"TEST_START_DELAY_MS": "800"})
    endpoint = hosting.endpoint(hosting.config(slow, count=4))
    url = hosting.upload(key=f"probed-{endpoint}.tar.gz")
    gone = hosting.model(image=IMAGE, url=url)
    one, two = ({"Type": "INSTANCE_COUNT", "Value": value} for value in (1, 2))
    rolling = {"MaximumBatchSize": two, "WaitIntervalInSeconds": 2, "RollbackMaximumBatchSize": one}
    updated(world, endpoint, hosting.config(gone, count=4), DeploymentConfig={"RollingUpdatePolicy": rolling})
    baking(world, endpoint)
    bucket, _, key = url.removeprefix("s3://").partition("/")
    hosting.s3.delete_object(Bucket=bucket, Key=key)
    hosting.in_service(endpoint)
    seen = world.ask("DescribeEndpoint", EndpointName=endpoint)
    assert "Failed to download model data" in seen["FailureReason"], seen
    uid = json.loads(world.server.cli("describe", endpoint, "--output", "json").stdout)["Uid"]
    launches = [found for found in LAUNCH.findall(world.server.log()) if found[1] == uid]
    back = [datetime.datetime.fromisoformat(at) for at, _, generation in launches if generation == "1"][4:]
    assert len(back) == 2, launches
    assert (back[1] - back[0]).total_seconds() > 0.5, back
    hosting.delete(endpoint)


def a_weight_is_not_retained_when_it_is_excluded(world):
    endpoint = world.hosting.endpoint(world.config)
    desired = [{"VariantName": "AllTraffic", "DesiredWeight": 3.0}]
    world.ask("UpdateEndpointWeightsAndCapacities", EndpointName=endpoint, DesiredWeightsAndCapacities=desired)
    world.hosting.in_service(endpoint)
    excluded = [{"VariantPropertyType": "DesiredWeight"}]
    for more, weight in (({}, 3.0), ({"ExcludeRetainedVariantProperties": excluded}, 1.0)):
        updated(world, endpoint, world.config, RetainAllVariantProperties=True, **more)
        world.hosting.in_service(endpoint)
        (variant,) = world.ask("DescribeEndpoint", EndpointName=endpoint)["ProductionVariants"]
        assert variant["CurrentWeight"] == weight, variant
    world.hosting.delete(endpoint)


def a_count_of_zero_is_refused(world):
    desired = [{"VariantName": "AllTraffic", "DesiredInstanceCount": 0}]
    document = {"EndpointName": world.endpoint, "DesiredWeightsAndCapacities": desired}
    assert "at least 1" in refusal(world, "UpdateEndpointWeightsAndCapacities", document)


def a_variant_property_that_aws_does_not_support_is_accepted(world):
    endpoint = world.hosting.endpoint(world.config)
    excluded = [{"VariantPropertyType": "DataCaptureConfig"}]
    updated(
        world, endpoint, world.config, RetainAllVariantProperties=True, ExcludeRetainedVariantProperties=excluded
    )
    world.hosting.in_service(endpoint)
    world.hosting.delete(endpoint)


# -- List --------------------------------------------------------------------------------------


def endpoints_are_sorted_by_status(world):
    failing = world.hosting.model(fresh("Sorted"), image="models.example/nothing-runs-this:1", url=None)
    failed = world.hosting.endpoint(world.hosting.config(failing), fresh("Sorted"), wait=False)
    world.hosting.failed(failed)
    steady = world.hosting.endpoint(world.config, fresh("Sorted"))
    listed = world.ask("ListEndpoints", NameContains="Sorted", SortBy="Status", SortOrder="Ascending")
    seen = [(summary["EndpointStatus"], summary["EndpointName"]) for summary in listed["Endpoints"]]
    assert seen == [("Failed", failed), ("InService", steady)], seen
    for name in (failed, steady):
        world.hosting.delete(name)


def endpoints_are_filtered_by_their_last_change(world):
    """One that was just scaled was modified later than it was created."""
    name = world.hosting.endpoint(world.config, fresh("Modified"))
    created = world.ask("DescribeEndpoint", EndpointName=name)["CreationTime"]
    # Times of requests are whole seconds in boto3, so the change has to come in another one.
    eventually(
        lambda: datetime.datetime.now().timestamp(), lambda now: int(now) > int(created) + 1, "a second passes"
    )
    desired = [{"VariantName": "AllTraffic", "DesiredWeight": 2.0}]
    world.ask("UpdateEndpointWeightsAndCapacities", EndpointName=name, DesiredWeightsAndCapacities=desired)
    world.hosting.in_service(name)
    border = int(created) + 1

    def found(**filters):
        return [summary["EndpointName"] for summary in world.ask("ListEndpoints", NameContains=name, **filters)["Endpoints"]]

    assert found(LastModifiedTimeAfter=border) == [name]
    assert found(LastModifiedTimeBefore=border) == []
    assert found(CreationTimeBefore=border) == [name]
    assert found(CreationTimeAfter=border) == []
    world.hosting.delete(name)


def pages_of_each_list_are_seen(world):
    """With a token and without, so that what is said of the answers of the List operations is seen."""
    for _ in range(2):
        world.hosting.endpoint(world.config)
    for operation in ("ListModels", "ListEndpointConfigs", "ListEndpoints"):
        first = world.ask(operation, MaxResults=1)
        world.ask(operation, NextToken=first["NextToken"], MaxResults=1)
        world.ask(operation, NameContains="nobody")


# -- Tags --------------------------------------------------------------------------------------


def a_token_of_tags_is_refused(world):
    """A resource has fifty tags at most and a page has room for them, so no token is ever given out."""
    resource = arn("endpoint", world.endpoint)
    assert "token" in refusal(world, "ListTags", {"ResourceArn": resource, "NextToken": "x"})
    world.ask("AddTags", ResourceArn=resource, Tags=[{"Key": "team", "Value": "vision"}])
    assert world.ask("ListTags", ResourceArn=resource, MaxResults=50)["Tags"] == [{"Key": "team", "Value": "vision"}]


# -- InvokeEndpoint ----------------------------------------------------------------------------


def what_is_forwarded_reaches_the_model(world):
    endpoint = world.hosting.deploy("echo")
    answer = world.hosting.invoke(
        endpoint,
        b"x",
        ContentType="text/csv",
        Accept="application/json",
        CustomAttributes="a=1",
        InferenceId="inference-1",
        PrefixAwareId="prefix-1",
    )
    headers = json.loads(answer["Payload"])["headers"]
    for name, value in {
        "content-type": "text/csv",
        "accept": "application/json",
        "x-amzn-sagemaker-custom-attributes": "a=1",
        "x-amzn-sagemaker-inference-id": "inference-1",
        "x-amzn-sagemaker-prefix-aware-id": "prefix-1",
    }.items():
        assert headers[name] == value, headers
    world.hosting.invoke(endpoint)
    world.hosting.delete(endpoint)


def a_container_opens_and_closes_a_session(world):
    endpoint = world.hosting.deploy("status")
    body = {session: json.dumps({"test": {"session": session}}).encode() for session in ("keep", "close")}
    opened = world.hosting.invoke(endpoint, body["keep"], SessionId="NEW_SESSION")["NewSessionId"]
    assert world.hosting.invoke(endpoint, body["close"], SessionId=opened)["ClosedSessionId"] == opened
    world.hosting.delete(endpoint)


def a_model_may_leave_its_content_type_out(world):
    endpoint = world.hosting.deploy("untyped")
    assert "ContentType" not in world.hosting.invoke(endpoint, b"x")
    answer, _ = world.stream(endpoint, b"x")
    assert "ContentType" not in answer
    world.hosting.delete(endpoint)


# -- InvokeEndpointWithResponseStream ----------------------------------------------------------


def what_is_forwarded_reaches_the_model_of_a_stream(world):
    endpoint = world.hosting.deploy("echo")
    answer, events = world.stream(
        endpoint,
        b"x",
        ContentType="text/csv",
        Accept="application/json",
        CustomAttributes="a=1",
        InferenceId="inference-1",
        PrefixAwareId="prefix-1",
    )
    headers = json.loads(b"".join(event["PayloadPart"]["Bytes"] for event in events))["headers"]
    for name, value in {
        "content-type": "text/csv",
        "accept": "application/json",
        "x-amzn-sagemaker-custom-attributes": "a=1",
        "x-amzn-sagemaker-inference-id": "inference-1",
        "x-amzn-sagemaker-prefix-aware-id": "prefix-1",
    }.items():
        assert headers[name] == value, headers
    world.stream(endpoint)
    world.hosting.delete(endpoint)


def a_stream_that_breaks_says_so(world):
    body = json.dumps({"test": {"chunks": 2, "body": "x", "close": True, "at": 1}}).encode()
    endpoint = world.hosting.deploy("status")
    _, (part, failure) = world.stream(endpoint, body)
    assert part == {"PayloadPart": {"Bytes": b"x"}} and failure["ModelStreamError"]["ErrorCode"] == "StreamBroken"
    world.hosting.delete(endpoint)


# -- STS ---------------------------------------------------------------------------------------


def the_caller_is_seen(world):
    world.sts.get_caller_identity()
