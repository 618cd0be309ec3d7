"""The environment of the SDK, in which the tests of this directory run."""

import pytest

from harness import sagemaker_sdk


@pytest.fixture(scope="module", autouse=True)
def sdk_environment(server, tmp_path_factory):
    with sagemaker_sdk.environment(server, tmp_path_factory.mktemp("sdk")):
        yield
