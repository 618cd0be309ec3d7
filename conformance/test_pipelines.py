"""Models of several containers: inference pipelines, and containers that are invoked directly."""

import json
import os
import signal
import time

import pytest
from botocore.exceptions import ClientError, EventStreamError

from harness.artifacts import KMEANS_IMAGE
from harness.hosting import MODEL_URL, ROLE, fresh
from harness.load import Load
from harness.processes import is_alive
from harness.waiting import eventually
from test_updates import update

PLAIN = "models.example/conformance-plain:1"


def container(answer=None, hostname=None, image=PLAIN, **environment):
    """A container of the test model that does the same for each invocation."""
    definition = {"Image": image}
    if answer:
        environment["TEST_ANSWER"] = answer
    if environment:
        definition["Environment"] = environment
    if hostname:
        definition["ContainerHostname"] = hostname
    return definition


def pipeline(hosting, *containers, mode=None, name=None):
    more = {"InferenceExecutionConfig": {"Mode": mode}} if mode else {}
    name = name or fresh("pipeline")
    hosting.sagemaker.create_model(
        ModelName=name, ExecutionRoleArn=ROLE, Containers=list(containers), **more
    )
    return name


def deploy(hosting, *containers, mode=None, count=1):
    return hosting.endpoint(hosting.config(pipeline(hosting, *containers, mode=mode), count=count))


def refused(call, **members):
    with pytest.raises(ClientError) as caught:
        call(**members)
    return caught.value.response


def instances(hosting, name):
    return json.loads(hosting.server.cli("describe", name, "--output", "json").stdout)["Instances"]


def test_what_one_container_says_is_asked_of_the_next(hosting):
    first = container("body=one; content_type=text/one; attributes=from the first; header=X-First: 1")
    second = container("tell=all; content_type=text/two")
    name = deploy(hosting, first, second)
    answer = hosting.invoke(
        name, b"zero", ContentType="text/zero", Accept="text/wanted", CustomAttributes="trace", InferenceId="id-1"
    )
    seen = json.loads(answer["Payload"])
    assert seen["body"] == "one"
    headers = {key.lower(): value for key, value in seen["headers"].items()}
    assert headers["content-type"] == "text/one"
    assert headers["accept"] == "text/wanted", "the last container answers the client"
    assert headers["x-amzn-sagemaker-custom-attributes"] == "trace"
    assert headers["x-amzn-sagemaker-inference-id"] == "id-1"
    assert "x-first" not in headers
    # The client sees the last answer alone.
    assert answer["ContentType"] == "text/two"
    assert "CustomAttributes" not in answer
    assert answer["InvokedProductionVariant"] == "AllTraffic"
    hosting.delete(name)


def test_containers_before_the_last_answer_in_their_own_form(hosting):
    name = deploy(hosting, container("tell=all"), container())
    answer = hosting.invoke(name, b"x", ContentType="text/zero", Accept="text/wanted")
    headers = {key.lower(): value for key, value in json.loads(answer["Payload"])["headers"].items()}
    assert headers["content-type"] == "text/zero"
    assert headers["accept"] == "*/*"
    hosting.delete(name)
