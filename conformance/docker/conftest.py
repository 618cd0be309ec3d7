"""The engine that `cargo xtask engine` started for this run, and the images that the tests deploy."""

import os
from pathlib import Path

import images
import pytest
from harness.config import TESTMODEL

REGISTRY = os.environ["HOSTLER_TEST_REGISTRY"]
CLOSED_REGISTRY = os.environ["HOSTLER_TEST_REGISTRY_CLOSED"]
LOGIN = os.environ["HOSTLER_TEST_REGISTRY_LOGIN"]


@pytest.fixture(scope="session")
def parts():
    """What parts.py fetched before the engine started."""
    return Path(os.environ["HOSTLER_DOCKER_PARTS"])


@pytest.fixture(scope="session")
def debian(parts):
    return images.debian(parts, "hostler-test/debian:1")


@pytest.fixture(scope="session")
def testmodel():
    """The test model alone in an image, and the digest by which its registry knows it."""
    name = f"{REGISTRY}/testmodel:1"
    images.program(TESTMODEL, "hostler-test/testmodel:1")
    return name, images.pushed("hostler-test/testmodel:1", name)
