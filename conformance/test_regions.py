"""Regions in which the operator switched the embedded STS off."""

import pytest

from harness import config as configuration
from harness.artifacts import KMEANS_IMAGE, rows
from harness.expect import refused
from harness.hosting import ACCOUNT, ROLE, Hosting, fresh

OFF = "eu-south-1"
CONFIG = f'[sts]\ninactive_regions = ["{OFF}", "af-south-1"]\n'
# facts/sagemaker-api.md 4.6.
DISABLED = (
    f"STS is not activated in this region for account:{ACCOUNT}. Your account administrator can activate STS in this "
    "region using the IAM Console."
)


def regional(server, region):
    """Hosting in another region; the bucket stays where it is, for the embedded S3 has one name space."""
    hosting = Hosting(server)
    hosting.sagemaker = server.client("sagemaker", region)
    hosting.runtime = server.client("sagemaker-runtime", region)
    return hosting


@pytest.mark.parametrize("region", [OFF, "af-south-1"])
def test_assume_role_is_refused_as_aws_refuses_it(server, region):
    sts = server.client("sts", region)
    with pytest.raises(sts.exceptions.RegionDisabledException) as caught:
        sts.assume_role(RoleArn=ROLE, RoleSessionName="fine")
    assert caught.value.response["Error"]["Message"] == DISABLED
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    # The service model lists the error for operations that make credentials; this one makes none.
    assert sts.get_caller_identity()["Account"] == ACCOUNT


def test_other_regions_are_as_before(server):
    for region in ("us-east-1", "eu-south-2"):
        assert server.client("sts", region).assume_role(RoleArn=ROLE, RoleSessionName="fine")["Credentials"]


def test_create_model_says_why_the_role_is_no_help(hosting, server):
    there = regional(server, OFF)
    url = hosting.upload()
    container = {"Image": KMEANS_IMAGE, "ModelDataUrl": url}
    told = refused(
        there.sagemaker.create_model, ModelName=fresh("model"), ExecutionRoleArn=ROLE, PrimaryContainer=container
    )
    assert told.startswith(f'Could not access model data at {url}. Please ensure that the role "{ROLE}" exists')
    assert f"RegionDisabledException: {DISABLED}" in told and f"`{OFF}`" in told


def test_an_endpoint_in_a_region_that_was_switched_off_fails_and_says_so(make_server):
    server = make_server()
    hosting = regional(server, OFF)
    hosting.upload()
    config = hosting.config(hosting.model())
    hosting.delete(hosting.endpoint(config))
    server.stop()
    server.config_path.write_text(configuration.settings(CONFIG))
    server.start()
    hosting = regional(server, OFF)
    endpoint = hosting.endpoint(config, wait=False)
    reason = hosting.failed(endpoint)
    # facts/sagemaker-api.md 3.5, then our cause: the region, and what to do.
    assert reason.startswith(
        f'The execution role ARN "{ROLE}" is invalid. Please ensure that the role exists and that its trust '
        'relationship policy allows the action "sts:AssumeRole" for the service principal "sagemaker.amazonaws.com"'
    )
    assert f"RegionDisabledException: {DISABLED} The region is `{OFF}`: activate STS there" in reason
    assert "`inactive_regions` of `[sts]`" in reason
    assert reason.endswith(f"See `hostler diagnose {endpoint}`.") and len(reason) <= 1024
    hosting.delete(endpoint)
    # Elsewhere nothing changed.
    elsewhere = regional(server, "us-east-1")
    elsewhere.delete(elsewhere.endpoint(elsewhere.config(elsewhere.model())))


def test_an_endpoint_that_runs_goes_on_when_its_region_is_switched_off(make_server):
    """Only a download asks for a role; an instance that was adopted has its model."""
    server = make_server(arguments=("--leave-running",))
    hosting = regional(server, OFF)
    hosting.upload()
    endpoint = hosting.endpoint(hosting.config(hosting.model()))
    server.stop()
    server.config_path.write_text(configuration.settings(CONFIG))
    server.start()
    hosting = regional(server, OFF)
    assert hosting.status(endpoint) == "InService"
    assert hosting.invoke(endpoint, body=rows()[0], ContentType="text/csv")["Payload"]
    hosting.delete(endpoint)
