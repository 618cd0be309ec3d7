"""What may be deleted while it is used: AWS's rules, point 3 of the issue."""

import json

from harness.expect import refused
from harness.hosting import arn


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


def test_a_config_of_an_endpoint_that_is_being_deleted_may_be_deleted(hosting):
    config = hosting.config(hosting.test_model("pid"))
    name = hosting.endpoint(config)
    hosting.sagemaker.delete_endpoint(EndpointName=name)
    hosting.sagemaker.delete_endpoint_config(EndpointConfigName=config)
    hosting.gone(name)
