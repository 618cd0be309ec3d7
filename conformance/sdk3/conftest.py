"""One server for this directory, and the environment of the SDK.

The SDK keeps its clients for the life of the process, so that there can be one server only.
"""

import os

import boto3
import pytest

from harness import config, sagemaker_sdk
from harness.hosting import REGION, Hosting
from harness.server import Server, finish

# The SDK makes a client when it is imported, which is before there is a server; all it needs for that is a region.
os.environ["AWS_DEFAULT_REGION"] = REGION


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("server"), config=config.settings()).start()
    with sagemaker_sdk.environment(server, tmp_path_factory.mktemp("sdk")):
        boto3.setup_default_session()
        yield server
    finish(server, check=True)


@pytest.fixture(scope="session")
def hosting(server):
    hosting = Hosting(server)
    hosting.upload()
    return hosting


@pytest.fixture(scope="module", autouse=True)
def log_shown_on_failure(request, server):
    request.module._servers = [server]
