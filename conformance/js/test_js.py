"""The AWS SDK for JavaScript against one server: each program here is one test, with Node.js's own test runner in it."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from harness import artifacts
from harness.hosting import MODEL_URL, ROLE
from harness.server import clean_environment

HERE = Path(__file__).resolve().parent
NODE = os.environ.get("HOSTLER_NODE", "node")
CONFIG = '[quotas]\n"ml.c5.large" = 0\n'


def run(program, environment):
    given = {
        "role": ROLE,
        "kmeansImage": artifacts.KMEANS_IMAGE,
        "modelUrl": MODEL_URL,
        "rows": artifacts.rows(),
        "clusters": [row["closest_cluster"] for row in artifacts.expected()],
    }
    told = {"HOSTLER_JS_ENV": os.environ["HOSTLER_JS_ENV"], "HOSTLER_JS_GIVEN": json.dumps(given)}
    done = subprocess.run(
        [NODE, HERE / program], env=environment | told, capture_output=True, text=True, timeout=150
    )
    shown = f"{program} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
    assert done.returncode == 0, shown
    # A program without tests would end well, too.
    [passed] = [line.split()[-1] for line in done.stdout.splitlines() if line.split()[1:2] == ["pass"]]
    assert int(passed) > 0, shown


@pytest.mark.parametrize("program", ["main_job", "listing", "errors", "streams"])
def test_with_the_written_profile_alone(hosting, program):
    run(f"{program}.test.mjs", hosting.server.environment())


def by_profile(server, directory):
    return server.environment()


def by_variable(server, directory):
    return keys(server) | {"AWS_ENDPOINT_URL": server.url}


def by_variables_of_the_services(server, directory):
    urls = {f"AWS_ENDPOINT_URL_{name}": server.url for name in ("SAGEMAKER", "SAGEMAKER_RUNTIME")}
    return keys(server) | urls | {"AWS_ENDPOINT_URL": NOWHERE}


def by_services_of_a_profile(server, directory):
    services = "".join(f"{name} =\n  endpoint_url = {server.url}\n" for name in ("sagemaker", "sagemaker_runtime"))
    config = f"[default]\nservices = here\nendpoint_url = {NOWHERE}\n[services here]\n{services}"
    (directory / "config").write_text(config)
    return keys(server) | {"AWS_CONFIG_FILE": str(directory / "config")}


NOWHERE = "http://127.0.0.1:9"


def keys(server):
    """The server's key by itself: nothing that is said here leads to the profile that the server wrote."""
    access_key, secret = server.keys()
    nothing = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    key = {"AWS_ACCESS_KEY_ID": access_key, "AWS_SECRET_ACCESS_KEY": secret, "AWS_REGION": "us-east-1"}
    return clean_environment() | nothing | key


@pytest.mark.parametrize("way", [by_profile, by_variable, by_variables_of_the_services, by_services_of_a_profile])
def test_the_server_is_found(server, tmp_path, way):
    run("endpoint_url.test.mjs", way(server, tmp_path))
