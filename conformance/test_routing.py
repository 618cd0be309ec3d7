"""RoutingConfig: which instance of a variant gets a request, while one of them is slow."""

import collections
import concurrent.futures
import contextlib
import json

import pytest

from harness.hosting import Hosting
from harness.waiting import eventually


def asking(**commands):
    return json.dumps({"test": commands}).encode()


def deploy(hosting, strategy, count):
    more = {"RoutingConfig": {"RoutingStrategy": strategy}} if strategy else {}
    return hosting.deploy("status", count=count, **more)


@contextlib.contextmanager
def one_is_busy(hosting, endpoint, directory):
    """Holds a request at one of the instances until the block ends; its process id."""
    began, release = directory / f"{endpoint}-began", directory / f"{endpoint}-release"
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        slow = pool.submit(hosting.invoke, endpoint, asking(touch=str(began), until=str(release), tell="pid"))
        try:
            eventually(began.exists, lambda there: there, "the slow one is at its model")
            yield lambda: json.loads(slow.result()["Payload"])["pid"]
            assert not slow.done(), "the slow one was held all the while"
        finally:
            release.touch()
        slow.result()


def told(hosting, endpoint, requests):
    """How often each process answered."""
    answers = (json.loads(hosting.invoke(endpoint, asking(tell="pid"))["Payload"])["pid"] for _ in range(requests))
    return collections.Counter(answers)


@pytest.mark.parametrize("strategy", ["LEAST_OUTSTANDING_REQUESTS", None])
def test_a_slow_instance_gets_nothing_while_another_has_fewer_requests(hosting, tmp_path, strategy):
    name = deploy(hosting, strategy, 3)
    with one_is_busy(hosting, name, tmp_path) as slow:
        counts = told(hosting, name, 60)
        assert len(counts) == 2, counts
    assert slow() not in counts


def test_random_gives_a_slow_instance_its_part(hosting, tmp_path):
    """Of 300 requests each of three gets 100, and six standard deviations are 49."""
    name = deploy(hosting, "RANDOM", 3)
    with one_is_busy(hosting, name, tmp_path) as slow:
        counts = told(hosting, name, 300)
    assert slow() in counts
    assert all(51 <= count <= 149 for count in counts.values()) and len(counts) == 3, counts


def test_an_update_changes_the_strategy(hosting, tmp_path):
    name = deploy(hosting, "RANDOM", 2)
    model = hosting.test_model("status")
    routing = {"RoutingStrategy": "LEAST_OUTSTANDING_REQUESTS"}
    config = hosting.config(model, count=2, RoutingConfig=routing)
    hosting.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=config)
    hosting.in_service(name)
    with one_is_busy(hosting, name, tmp_path):
        assert len(told(hosting, name, 30)) == 1


@pytest.mark.parametrize("strategy", ["PREFIX_AWARE", "KV_AWARE"])
def test_a_strategy_that_is_not_there_is_taken_and_noted(make_server, strategy):
    server = make_server()
    hosting = Hosting(server)
    name = deploy(hosting, strategy, 1)
    config = hosting.sagemaker.describe_endpoint(EndpointName=name)["EndpointConfigName"]
    described = hosting.sagemaker.describe_endpoint_config(EndpointConfigName=config)
    assert described["ProductionVariants"][0]["RoutingConfig"]["RoutingStrategy"] == strategy
    note = "RoutingStrategy (requests go where the fewest are in flight) has no effect on variant AllTraffic"
    assert note in server.log_path.read_text()
