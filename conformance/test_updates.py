"""UpdateEndpoint: another config takes over, and everybody sees how far it is."""

import time

import pytest

from harness.expect import refused
from harness.hosting import Hosting, arn, fresh
from harness.waiting import eventually


def describe(hosting, name):
    return hosting.sagemaker.describe_endpoint(EndpointName=name)


def update(hosting, name, config, **more):
    answer = hosting.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=config, **more)
    assert answer["EndpointArn"] == arn("endpoint", name)


def answers(hosting, name, count=40, **more):
    return {hosting.invoke(name, **more)["Payload"].decode() for _ in range(count)}


def says(hosting, word, **config):
    """A config whose model answers with this word."""
    return hosting.config(hosting.test_model("plain", {"TEST_ANSWER": f"body={word}"}), **config)


def blue_green(kind, wait=0, termination_wait=0, **sizes):
    traffic = {"Type": kind, "WaitIntervalInSeconds": wait, **sizes}
    return {
        "BlueGreenUpdatePolicy": {
            "TrafficRoutingConfiguration": traffic,
            "TerminationWaitInSeconds": termination_wait,
        }
    }


def instances(count):
    return {"Type": "INSTANCE_COUNT", "Value": count}


def test_another_config_takes_over_and_the_endpoint_keeps_its_name_and_arn(hosting):
    old, new = says(hosting, "old"), says(hosting, "new", count=2)
    name = hosting.endpoint(old)
    before = describe(hosting, name)
    update(hosting, name, new)
    hosting.in_service(name)
    after = describe(hosting, name)
    assert answers(hosting, name) == {"new"}
    assert after["EndpointArn"] == before["EndpointArn"]
    assert after["CreationTime"] == before["CreationTime"]
    assert after["LastModifiedTime"] > before["LastModifiedTime"]
    assert after["EndpointConfigName"] == new
    (variant,) = after["ProductionVariants"]
    assert (variant["CurrentInstanceCount"], variant["DesiredInstanceCount"]) == (2, 2)
    for absent in ("FailureReason", "PendingDeploymentSummary", "LastDeploymentConfig"):
        assert absent not in after
    hosting.delete(name)


def test_while_it_runs_the_old_answers_and_the_new_is_pending(hosting, tmp_path):
    release = tmp_path / "release"
    old = says(hosting, "old")
    slow = hosting.test_model("plain", {"TEST_ANSWER": "body=new", "TEST_PING_FILE": str(release)})
    new = hosting.config(slow)
    name = hosting.endpoint(old)
    update(hosting, name, new)
    seen = describe(hosting, name)
    assert seen["EndpointStatus"] == "Updating"
    assert seen["EndpointConfigName"] == old
    assert [variant["CurrentInstanceCount"] for variant in seen["ProductionVariants"]] == [1]
    pending = seen["PendingDeploymentSummary"]
    assert pending["EndpointConfigName"] == new
    (variant,) = pending["ProductionVariants"]
    assert variant["VariantStatus"][0]["Status"] == "Creating"
    assert (variant["CurrentInstanceCount"], variant["DesiredInstanceCount"]) == (0, 1)
    assert answers(hosting, name) == {"old"}
    again = refused(hosting.sagemaker.update_endpoint, EndpointName=name, EndpointConfigName=old)
    assert again == f'Cannot update in-progress endpoint "{arn("endpoint", name)}".'
    release.touch()
    hosting.in_service(name)
    assert answers(hosting, name) == {"new"}
    hosting.delete(name)


def test_a_failed_update_goes_back_and_says_what_failed(hosting):
    old = says(hosting, "old")
    name = hosting.endpoint(old)
    update(hosting, name, hosting.config(hosting.test_model("crash")))
    statuses = set()

    def look():
        seen = describe(hosting, name)
        statuses.add(seen["EndpointStatus"])
        assert answers(hosting, name, 1) == {"old"}
        return seen

    seen = eventually(look, lambda seen: seen["EndpointStatus"] == "InService", "it went back")
    assert seen["EndpointConfigName"] == old
    assert seen["FailureReason"].startswith("The primary container for production variant AllTraffic did not pass")
    assert "ValueError: the weights are of the wrong shape" in seen["FailureReason"]
    assert statuses <= {"Updating", "RollingBack", "InService"}, statuses
    # The next update is like any other, and its success clears the reason.
    update(hosting, name, says(hosting, "new"))
    hosting.in_service(name)
    assert "FailureReason" not in describe(hosting, name)
    assert answers(hosting, name) == {"new"}
    hosting.delete(name)


def test_a_canary_takes_its_part_of_the_requests_first(hosting):
    name = hosting.endpoint(says(hosting, "old", count=4))
    policy = blue_green("CANARY", wait=8, CanarySize=instances(1))
    update(hosting, name, says(hosting, "new", count=4), DeploymentConfig=policy)

    def look():
        (variant,) = describe(hosting, name)["PendingDeploymentSummary"]["ProductionVariants"]
        return variant

    variant = eventually(look, lambda seen: seen["VariantStatus"][0]["Status"] == "Baking", "the canary bakes")
    assert variant["VariantStatus"][0]["StatusMessage"] == (
        "Baking for 8 seconds (WaitIntervalInSeconds) with traffic enabled on canary capacity of 1 instance(s)."
    )
    (former,) = describe(hosting, name)["ProductionVariants"]
    assert (former["CurrentWeight"], variant["CurrentWeight"]) == (0.75, 0.25)
    assert answers(hosting, name, 60) == {"old", "new"}
    hosting.in_service(name)
    assert answers(hosting, name) == {"new"}
    assert describe(hosting, name)["LastDeploymentConfig"] == policy
    hosting.delete(name)


def test_rolling_replaces_batch_by_batch(hosting):
    name = hosting.endpoint(says(hosting, "old", count=2))
    policy = {"RollingUpdatePolicy": {"MaximumBatchSize": instances(1), "WaitIntervalInSeconds": 3}}
    update(hosting, name, says(hosting, "new", count=2), DeploymentConfig=policy)
    eventually(lambda: answers(hosting, name, 20), lambda seen: seen == {"old", "new"}, "both answer")
    hosting.in_service(name)
    assert answers(hosting, name) == {"new"}
    # What was used once is used again when it is asked for.
    update(hosting, name, says(hosting, "newer", count=2), RetainDeploymentConfig=True)
    eventually(lambda: answers(hosting, name, 20), lambda seen: seen == {"new", "newer"}, "both answer")
    hosting.in_service(name)
    assert describe(hosting, name)["LastDeploymentConfig"] == policy
    hosting.delete(name)


def test_weights_and_capacities_change_live(hosting):
    models = [hosting.test_model("plain", {"TEST_ANSWER": f"body={word}"}) for word in ("a", "b")]
    config = fresh("config")
    variants = [
        {"VariantName": word, "ModelName": model, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
        for word, model in zip(("a", "b"), models)
    ]
    hosting.sagemaker.create_endpoint_config(EndpointConfigName=config, ProductionVariants=variants)
    name = hosting.endpoint(config)
    assert answers(hosting, name) == {"a", "b"}
    desired = [
        {"VariantName": "a", "DesiredWeight": 0.0, "DesiredInstanceCount": 2},
        {"VariantName": "b", "DesiredWeight": 3.0},
    ]
    hosting.sagemaker.update_endpoint_weights_and_capacities(
        EndpointName=name, DesiredWeightsAndCapacities=desired
    )
    hosting.in_service(name)
    seen = {variant["VariantName"]: variant for variant in describe(hosting, name)["ProductionVariants"]}
    assert [seen[word]["CurrentWeight"] for word in "ab"] == [0.0, 3.0]
    assert [seen[word]["CurrentInstanceCount"] for word in "ab"] == [2, 1]
    assert answers(hosting, name) == {"b"}
    assert answers(hosting, name, 4, TargetVariant="a") == {"a"}, "weight 0 is reached by its name"
    # What was scaled is kept by the next update where it is asked for.
    update(hosting, name, config, RetainAllVariantProperties=True)
    hosting.in_service(name)
    seen = {variant["VariantName"]: variant for variant in describe(hosting, name)["ProductionVariants"]}
    assert [seen[word]["CurrentWeight"] for word in "ab"] == [0.0, 3.0]
    assert [seen[word]["CurrentInstanceCount"] for word in "ab"] == [2, 1]
    excluded = [{"VariantPropertyType": "DesiredInstanceCount"}]
    update(
        hosting, name, config, RetainAllVariantProperties=True, ExcludeRetainedVariantProperties=excluded
    )
    hosting.in_service(name)
    seen = {variant["VariantName"]: variant for variant in describe(hosting, name)["ProductionVariants"]}
    assert [seen[word]["CurrentWeight"] for word in "ab"] == [0.0, 3.0]
    assert [seen[word]["CurrentInstanceCount"] for word in "ab"] == [1, 1]
    hosting.delete(name)


def test_unknown_and_repeated_variants_are_refused(hosting):
    config = says(hosting, "x")
    name = hosting.endpoint(config)

    def message(*desired):
        return refused(
            hosting.sagemaker.update_endpoint_weights_and_capacities,
            EndpointName=name,
            DesiredWeightsAndCapacities=list(desired),
        )

    twice = {"VariantName": "AllTraffic", "DesiredWeight": 1.0}
    assert message(twice, twice) == 'The variant name "AllTraffic" was non-unique within the request.'
    assert message({"VariantName": "other", "DesiredInstanceCount": 2}) == (
        f'The variant name(s) "other" is/are not present within endpoint configuration "{config}".'
    )
    assert "at least 1" in message({"VariantName": "AllTraffic", "DesiredInstanceCount": 0})
    assert hosting.status(name) == "InService"
    hosting.delete(name)


@pytest.mark.parametrize(
    "policy, words",
    [
        (blue_green("CANARY"), "CanarySize is required"),
        (blue_green("ALL_AT_ONCE", CanarySize=instances(1)), "CanarySize cannot be specified"),
        (blue_green("LINEAR", LinearStepSize=instances(2)), "LinearStepSize must be 10 to 50 percent"),
        (
            blue_green("CANARY", CanarySize={"Type": "CAPACITY_PERCENT", "Value": 51}),
            "CanarySize must be at most 50 percent",
        ),
        (
            blue_green("ALL_AT_ONCE")
            | {"RollingUpdatePolicy": {"MaximumBatchSize": instances(1), "WaitIntervalInSeconds": 0}},
            "You can only specify one of",
        ),
    ],
)
def test_deployment_configs_that_contradict_themselves_are_refused(hosting, policy, words):
    name = hosting.endpoint(says(hosting, "x", count=2))
    message = refused(
        hosting.sagemaker.update_endpoint,
        EndpointName=name,
        EndpointConfigName=says(hosting, "y", count=2),
        DeploymentConfig=policy,
    )
    assert message.startswith(words), message
    assert hosting.status(name) == "InService"
    hosting.delete(name)


def test_what_is_not_there_cannot_be_updated_to(hosting):
    name = hosting.endpoint(says(hosting, "x"))
    missing = refused(hosting.sagemaker.update_endpoint, EndpointName=name, EndpointConfigName="nowhere")
    assert missing == f'Could not find endpoint configuration "{arn("endpoint-config", "nowhere")}".'
    unknown = refused(hosting.sagemaker.update_endpoint, EndpointName="nobody", EndpointConfigName="nowhere")
    assert unknown == f'Could not find endpoint "{arn("endpoint", "nobody")}".'
    assert hosting.status(name) == "InService"
    hosting.delete(name)


def test_an_endpoint_whose_config_and_model_are_gone_is_described_scales_and_is_updated(hosting):
    model = hosting.test_model("plain", {"TEST_ANSWER": "body=old"})
    config = hosting.config(model)
    name = hosting.endpoint(config)
    before = describe(hosting, name)
    hosting.sagemaker.delete_endpoint_config(EndpointConfigName=config)
    hosting.sagemaker.delete_model(ModelName=model)
    after = describe(hosting, name)
    assert {key: after[key] for key in before if key != "ResponseMetadata"} == {
        key: before[key] for key in before if key != "ResponseMetadata"
    }
    hosting.sagemaker.update_endpoint_weights_and_capacities(
        EndpointName=name,
        DesiredWeightsAndCapacities=[{"VariantName": "AllTraffic", "DesiredInstanceCount": 2}],
    )
    hosting.in_service(name)
    assert describe(hosting, name)["ProductionVariants"][0]["CurrentInstanceCount"] == 2
    update(hosting, name, says(hosting, "new"))
    hosting.in_service(name)
    assert answers(hosting, name) == {"new"}
    hosting.delete(name)


def test_an_endpoint_is_deleted_in_the_middle_of_an_update(hosting):
    name = hosting.endpoint(says(hosting, "old", count=2))
    update(hosting, name, hosting.config(hosting.test_model("never")))
    assert hosting.status(name) == "Updating"
    hosting.delete(name)


def test_aws_wants_the_former_config_and_so_does_strict_aws(make_server):
    hosting = Hosting(make_server("strict_aws = true"))
    old, new = says(hosting, "old"), says(hosting, "new")
    name = hosting.endpoint(old)
    hosting.sagemaker.delete_endpoint_config(EndpointConfigName=old)
    message = refused(hosting.sagemaker.update_endpoint, EndpointName=name, EndpointConfigName=new)
    assert message == f'Could not find endpoint configuration "{arn("endpoint-config", old)}".'
    hosting.delete(name)


def test_the_log_of_a_failed_update_is_there_after_it_went_back(hosting):
    name = hosting.endpoint(says(hosting, "old"))
    update(hosting, name, hosting.config(hosting.test_model("crash")))
    hosting.in_service(name)
    log = hosting.server.cli("logs", name).stdout.decode()
    assert "ValueError: the weights are of the wrong shape" in log
    hosting.delete(name)


def test_a_rollback_is_shown_long_enough_for_a_client_that_polls(make_server):
    server = make_server("rollback_shown_s = 3\ndescribe_hold_ms = 0")
    hosting = Hosting(server)
    name = hosting.endpoint(says(hosting, "old"))
    update(hosting, name, hosting.config(hosting.test_model("crash")))
    seen = eventually(
        lambda: describe(hosting, name), lambda seen: seen["EndpointStatus"] == "RollingBack", "it goes back"
    )
    assert "ValueError" in seen["FailureReason"]
    began = time.monotonic()
    assert answers(hosting, name, 5) == {"old"}
    hosting.in_service(name)
    assert time.monotonic() - began > 2, "it was over sooner than it was to be seen"
    hosting.delete(name)


def test_a_held_description_tells_of_the_rollback_and_not_only_of_its_end(make_server):
    hosting = Hosting(make_server("describe_hold_ms = 20000\nrollback_shown_s = 2"))
    name = hosting.endpoint(says(hosting, "old"))
    update(hosting, name, hosting.config(hosting.test_model("crash")))
    assert hosting.status(name) == "RollingBack"
    hosting.in_service(name)
    hosting.delete(name)


def test_alarms_are_kept_and_shown_and_said_to_have_no_effect(hosting):
    name = hosting.endpoint(says(hosting, "old"))
    policy = blue_green("ALL_AT_ONCE") | {"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "errors"}]}}
    update(hosting, name, says(hosting, "new"), DeploymentConfig=policy)
    hosting.in_service(name)
    assert describe(hosting, name)["LastDeploymentConfig"] == policy
    shown = hosting.server.cli("describe", name).stdout.decode()
    assert "no alarm is watched yet" in " ".join(shown.split())
    # Given together with RetainDeploymentConfig, what is given counts.
    other = blue_green("ALL_AT_ONCE")
    update(hosting, name, says(hosting, "newer"), DeploymentConfig=other, RetainDeploymentConfig=True)
    hosting.in_service(name)
    assert describe(hosting, name)["LastDeploymentConfig"] == other
    hosting.delete(name)


def test_an_update_beyond_the_quota_is_refused_and_changes_nothing(make_server):
    hosting = Hosting(make_server('[quotas]\n"ml.m5.large" = 3\n'))
    name = hosting.endpoint(says(hosting, "old", count=2))
    message = refused(
        hosting.sagemaker.update_endpoint,
        code="ResourceLimitExceeded",
        EndpointName=name,
        EndpointConfigName=says(hosting, "new", count=2),
    )
    assert "is 3 Instances, with current utilization of 2 Instances and a request delta of 2 Instances" in message
    scale = [{"VariantName": "AllTraffic", "DesiredInstanceCount": 4}]
    message = refused(
        hosting.sagemaker.update_endpoint_weights_and_capacities,
        code="ResourceLimitExceeded",
        EndpointName=name,
        DesiredWeightsAndCapacities=scale,
    )
    assert "a request delta of 2 Instances" in message
    assert hosting.status(name) == "InService"
    assert answers(hosting, name) == {"old"}
    hosting.delete(name)


def test_a_failed_endpoint_cannot_be_updated(hosting):
    name = hosting.endpoint(hosting.config(hosting.test_model("crash")), wait=False)
    hosting.failed(name)
    message = refused(hosting.sagemaker.update_endpoint, EndpointName=name, EndpointConfigName=says(hosting, "x"))
    assert message == f'Cannot update endpoint "{arn("endpoint", name)}" in status Failed.'
    hosting.delete(name)
