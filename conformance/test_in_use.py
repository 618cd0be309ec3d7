"""What may be deleted while it is used: AWS's rules, point 3 of the issue."""

import json

import pytest
from harness.expect import refused
from harness.hosting import Hosting, arn


def test_a_config_may_not_be_deleted_while_an_endpoint_is_created_with_it(hosting, tmp_path):
    release = tmp_path / "release"
    config = hosting.config(hosting.test_model("loading", {"TEST_PING_FILE": str(release)}))
    name = hosting.endpoint(config, wait=False)
    message = refused(hosting.sagemaker.delete_endpoint_config, EndpointConfigName=config)
    assert message == (
        f'Cannot delete endpoint configuration "{arn("endpoint-config", config)}" while endpoint '
        f'"{arn("endpoint", name)}" is being created or updated with it.'
    )
    release.touch()
    hosting.in_service(name)
    hosting.sagemaker.delete_endpoint_config(EndpointConfigName=config)
    hosting.delete(name)


def test_config_and_model_of_a_steady_endpoint_may_be_deleted_and_it_serves_on(hosting):
    model = hosting.test_model("pid")
    config = hosting.config(model)
    name = hosting.endpoint(config)
    before = json.loads(hosting.invoke(name)["Payload"])["pid"]
    hosting.sagemaker.delete_endpoint_config(EndpointConfigName=config)
    hosting.sagemaker.delete_model(ModelName=model)
    assert json.loads(hosting.invoke(name)["Payload"])["pid"] == before
    seen = hosting.sagemaker.describe_endpoint(EndpointName=name)
    assert seen["EndpointConfigName"] == config, "the deleted config's name is still shown"
    hosting.delete(name)


def test_neither_config_of_an_update_may_be_deleted_before_its_end(hosting, tmp_path):
    release = tmp_path / "release"
    old = hosting.config(hosting.test_model("pid"))
    name = hosting.endpoint(old)
    new = hosting.config(hosting.test_model("loading", {"TEST_PING_FILE": str(release)}))
    hosting.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=new)
    for config in (old, new):
        message = refused(hosting.sagemaker.delete_endpoint_config, EndpointConfigName=config)
        assert message == (
            f'Cannot delete endpoint configuration "{arn("endpoint-config", config)}" while endpoint '
            f'"{arn("endpoint", name)}" is being created or updated with it.'
        )
    release.touch()
    hosting.in_service(name)
    for config in (old, new):
        hosting.sagemaker.delete_endpoint_config(EndpointConfigName=config)
    hosting.delete(name)


def test_a_protected_config_and_model_stay_while_they_are_used(make_server):
    hosting = Hosting(make_server("protect_in_use = true\n"))
    model = hosting.test_model("pid")
    config = hosting.config(model)

    def config_refused():
        message = refused(hosting.sagemaker.delete_endpoint_config, EndpointConfigName=config)
        assert message == (
            f'Cannot delete endpoint configuration "{arn("endpoint-config", config)}" while endpoint '
            f'"{arn("endpoint", name)}" uses it.'
        )

    def model_refused():
        message = refused(hosting.sagemaker.delete_model, ModelName=model)
        assert message == (
            f'Cannot delete model "{arn("model", model)}" while endpoint configuration '
            f'"{arn("endpoint-config", config)}" uses it.'
        )

    model_refused()
    name = hosting.endpoint(config)
    config_refused()
    model_refused()
    # It is the records that are asked, so a restart changes nothing.
    hosting.server.stop()
    hosting.server.start()
    hosting = Hosting(hosting.server)
    hosting.in_service(name)
    config_refused()
    model_refused()
    hosting.delete(name)
    hosting.sagemaker.delete_endpoint_config(EndpointConfigName=config)
    hosting.sagemaker.delete_model(ModelName=model)


def test_a_model_is_protected_by_an_endpoint_whose_config_went_unprotected(make_server):
    hosting = Hosting(make_server())
    model = hosting.test_model("pid")
    config = hosting.config(model)
    name = hosting.endpoint(config)
    hosting.sagemaker.delete_endpoint_config(EndpointConfigName=config)
    hosting.server.stop()
    hosting.server.start("--protect-in-use")
    hosting = Hosting(hosting.server)
    message = refused(hosting.sagemaker.delete_model, ModelName=model)
    assert message == f'Cannot delete model "{arn("model", model)}" while endpoint "{arn("endpoint", name)}" uses it.'
    hosting.delete(name)
    hosting.sagemaker.delete_model(ModelName=model)


def test_a_strict_server_refuses_to_delete_an_endpoint_in_progress_as_aws_does(make_server, tmp_path):
    hosting = Hosting(make_server("strict_aws = true\n"))
    release = tmp_path / "release"
    config = hosting.config(hosting.test_model("loading", {"TEST_PING_FILE": str(release)}))
    name = hosting.endpoint(config, wait=False)
    expected = f'Cannot update in-progress endpoint "{arn("endpoint", name)}".'
    assert refused(hosting.sagemaker.delete_endpoint, EndpointName=name) == expected
    release.touch()
    hosting.in_service(name)
    hosting.delete(name)


def test_a_strict_server_updates_no_endpoint_whose_config_is_gone(make_server):
    """As terraform-provider-aws#40048 saw it: AWS names the former config, not the one that is asked for."""
    hosting = Hosting(make_server("strict_aws = true\n"))
    old, new = (hosting.config(hosting.test_model("pid")) for _ in range(2))
    name = hosting.endpoint(old)
    hosting.sagemaker.delete_endpoint_config(EndpointConfigName=old)
    message = refused(hosting.sagemaker.update_endpoint, EndpointName=name, EndpointConfigName=new)
    assert message == f'Could not find endpoint configuration "{arn("endpoint-config", old)}".'
    assert hosting.status(name) == "InService"
    hosting.delete(name)


@pytest.mark.parametrize(
    ("written", "variable", "flag", "is_strict"),
    [
        ("", None, None, False),
        ("strict_aws = true\n", None, None, True),
        ("", "true", None, True),
        ("strict_aws = true\n", "false", None, False),
        ("", "false", "--strict-aws", True),
        ("strict_aws = true\n", "true", "--strict-aws=false", False),
    ],
)
def test_the_flag_wins_over_the_variable_and_that_over_the_file(
    make_server, tmp_path, written, variable, flag, is_strict
):
    server = make_server(written, start=False)
    if variable:
        server.environment_more["HOSTLER_STRICT_AWS"] = variable
    server.start(*([flag] if flag else []))
    hosting = Hosting(server)
    release = tmp_path / "release"
    name = hosting.endpoint(hosting.config(hosting.test_model("loading", {"TEST_PING_FILE": str(release)})), wait=False)
    if is_strict:
        message = refused(hosting.sagemaker.delete_endpoint, EndpointName=name)
        assert message == f'Cannot update in-progress endpoint "{arn("endpoint", name)}".'
        release.touch()
        hosting.in_service(name)
    hosting.delete(name)


def test_a_config_of_an_endpoint_that_is_being_deleted_may_be_deleted(hosting):
    config = hosting.config(hosting.test_model("pid"))
    name = hosting.endpoint(config)
    hosting.sagemaker.delete_endpoint(EndpointName=name)
    hosting.sagemaker.delete_endpoint_config(EndpointConfigName=config)
    hosting.gone(name)
