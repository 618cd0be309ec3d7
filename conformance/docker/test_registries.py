"""The registries of this run are real ones: what was pushed is pulled again, and who has no login is turned away."""

import json
import subprocess

import pytest
from conftest import CLOSED_REGISTRY, LOGIN
from images import docker, pushed


def forgotten(name):
    """Nothing of the image is left in the engine."""
    docker("image", "rm", "--force", docker("image", "inspect", "--format", "{{.Id}}", name))


@pytest.mark.parametrize("by", ["tag", "digest"])
def test_what_was_pushed_is_pulled(testmodel, by):
    name, digest = testmodel
    forgotten(name)
    docker("pull", name if by == "tag" else f"{name.rpartition(':')[0]}@{digest}")
    docker("pull", name)
    digests = json.loads(docker("image", "inspect", "--format", "{{json .RepoDigests}}", name))
    assert [entry.partition("@")[2] for entry in digests] == [digest]


def test_without_a_login_nothing_is_pushed_to_the_closed_registry(testmodel):
    name, _ = testmodel
    closed = f"{CLOSED_REGISTRY}/testmodel:1"
    docker("tag", name, closed)
    refused = subprocess.run(["docker", "push", closed], capture_output=True, text=True)
    assert refused.returncode != 0
    assert "no basic auth credentials" in refused.stderr
    user, password = LOGIN.split(":")
    docker("login", "--username", user, "--password-stdin", CLOSED_REGISTRY, input=password.encode())
    try:
        assert pushed(name, closed).startswith("sha256:")
    finally:
        docker("logout", CLOSED_REGISTRY)
