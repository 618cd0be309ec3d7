"""Quotas in AWS's words, one winner for the last place, `hostler quotas`, and types whose GPU this machine lacks."""

import concurrent.futures
import json
import threading
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from harness.expect import refused
from harness.hosting import Hosting, fresh, production_variant

CONFIG = """
[quotas]
endpoints = 6
variants = 2
"ml.m5.large" = 3
"ml.c5.large" = 0
"""

# As CreateEndpoint answers it: aws-samples/sagemaker-custom-project-templates#51, with the end that AWS gives since
# 2023 (aws-samples/aws-genai-llm-chatbot#244).
AWS_TEXT = (
    "The account-level service limit '{quota}' is {limit} {unit}, with current utilization of {used} {unit} and a "
    "request delta of {delta} {unit}. Please use AWS Service Quotas to request an increase for this quota. If AWS "
    "Service Quotas is not available, contact AWS support to request an increase for this quota."
)
CAPACITY = "Unable to provision requested ML compute capacity due to InsufficientInstanceCapacity error."


def instances(instance_type, limit, used, delta):
    quota = f"{instance_type} for endpoint usage"
    return AWS_TEXT.format(quota=quota, unit="Instances", limit=limit, used=used, delta=delta)


def exceeded(call, **members):
    return refused(call, code="ResourceLimitExceeded", **members)


def quotas(server):
    """Limit and use by setting, as `hostler quotas --output json` tells them."""
    shown = json.loads(server.cli("quotas", "--output", "json").stdout)
    return {row["Setting"]: (row["Limit"], row["Used"]) for row in shown["Quotas"]}


def test_the_refusal_is_boto3s_modelled_exception_with_the_text_under_its_key(hosting):
    config = hosting.config(hosting.test_model("pid"), instance_type="ml.c5.large")
    with pytest.raises(hosting.sagemaker.exceptions.ResourceLimitExceeded) as caught:
        hosting.sagemaker.create_endpoint(EndpointName=fresh("endpoint"), EndpointConfigName=config)
    assert caught.value.response["Message"] == instances("ml.c5.large", 0, 0, 1)


def test_instances_count_by_type_until_their_endpoint_is_gone(hosting, server):
    model = hosting.test_model("pid")
    two = hosting.config(model, count=2)
    name = hosting.endpoint(two)
    assert quotas(server)["ml.m5.large"] == (3, 2)
    message = exceeded(hosting.sagemaker.create_endpoint, EndpointName=fresh("e"), EndpointConfigName=two)
    assert message == instances("ml.m5.large", 3, 2, 2)
    other = hosting.endpoint(hosting.config(model, instance_type="ml.t2.medium"))
    hosting.delete(name)
    assert quotas(server)["ml.m5.large"] == (3, 0)
    again = hosting.endpoint(two)
    hosting.delete(again)
    hosting.delete(other)


def test_two_clients_who_race_for_the_last_place_never_both_get_it(hosting, server):
    """Three places of ml.m5.large, one of them taken; two ask for two at the same moment, again and again."""
    model = hosting.test_model("pid")
    first = hosting.endpoint(hosting.config(model))
    config = hosting.config(model, count=2)
    clients = [server.client("sagemaker") for _ in range(2)]
    for _ in range(10):
        barrier = threading.Barrier(2)

        def ask(client, name, barrier=barrier):
            barrier.wait()
            try:
                client.create_endpoint(EndpointName=name, EndpointConfigName=config)
                return name, None
            except ClientError as error:
                return name, error.response["Error"]

        names = [fresh("racer"), fresh("racer")]
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            answers = list(pool.map(ask, clients, names))
        won = [name for name, error in answers if error is None]
        lost = [error for _, error in answers if error is not None]
        assert len(won) == 1, answers
        assert lost == [{"Code": "ResourceLimitExceeded", "Message": instances("ml.m5.large", 3, 3, 2)}]
        assert quotas(server)["ml.m5.large"] == (3, 3)
        hosting.delete(won[0])
    hosting.delete(first)


def test_twenty_clients_get_just_the_endpoints_that_are_left(hosting, server):
    config = hosting.config(hosting.test_model("pid"), instance_type="ml.t2.medium")
    names = [fresh("many") for _ in range(20)]
    clients = [server.client("sagemaker") for _ in names]

    def ask(client, name):
        try:
            client.create_endpoint(EndpointName=name, EndpointConfigName=config)
        except ClientError as error:
            return error.response["Error"]["Message"]
        return None

    with concurrent.futures.ThreadPoolExecutor(len(names)) as pool:
        answers = dict(zip(names, pool.map(ask, clients, names), strict=True))
    made = [name for name, message in answers.items() if message is None]
    text = AWS_TEXT.format(quota="Number of endpoints", unit="Endpoints", limit=6, used=6, delta=1)
    assert len(made) == 6, answers
    assert {message for message in answers.values() if message} == {text}
    assert quotas(server)["endpoints"] == (6, 6)
    for name in made:
        hosting.sagemaker.delete_endpoint(EndpointName=name)
    for name in made:
        hosting.gone(name)
    assert quotas(server)["endpoints"] == (6, 0)


def test_a_region_is_counted_by_itself(hosting, server):
    elsewhere = server.client("sagemaker", region="eu-west-1")
    model = hosting.test_model("pid")
    name = hosting.endpoint(hosting.config(model, count=3))
    role = "arn:aws:iam::000000000000:role/conformance"
    elsewhere.create_model(
        ModelName="there", ExecutionRoleArn=role, PrimaryContainer={"Image": "models.example/conformance-pid:1"}
    )
    elsewhere.create_endpoint_config(
        EndpointConfigName="there", ProductionVariants=[production_variant("there", count=3)]
    )
    elsewhere.create_endpoint(EndpointName="there", EndpointConfigName="there")
    elsewhere.get_waiter("endpoint_in_service").wait(EndpointName="there")
    elsewhere.delete_endpoint(EndpointName="there")
    hosting.delete(name)


def test_a_config_of_more_variants_than_the_operator_allows_is_refused(hosting):
    variants = [production_variant("some-model", f"v{number}") for number in range(11)]
    create = hosting.sagemaker.create_endpoint_config
    create(EndpointConfigName=fresh("config"), ProductionVariants=variants[:2])
    message = exceeded(create, EndpointConfigName=fresh("config"), ProductionVariants=variants[:3])
    quota = "Number of production variants per endpoint configuration"
    assert message == AWS_TEXT.format(quota=quota, unit="Variants", limit=2, used=0, delta=3)
    message = refused(create, EndpointConfigName=fresh("config"), ProductionVariants=variants)
    assert "'productionVariants' failed to satisfy constraint: Member must have length less than or equal to 10" in message


def test_what_is_held_survives_a_crash(make_server):
    server = make_server('[quotas]\n"ml.m5.large" = 2\n')
    hosting = Hosting(server)
    model = hosting.test_model("pid")
    name = hosting.endpoint(hosting.config(model, count=2))
    server.kill()
    server.start()
    hosting = Hosting(server)
    assert quotas(server)["ml.m5.large"] == (2, 2)
    config = hosting.config(model)
    message = exceeded(hosting.sagemaker.create_endpoint, EndpointName=fresh("e"), EndpointConfigName=config)
    assert message == instances("ml.m5.large", 2, 2, 1)
    hosting.delete(name)
    hosting.delete(hosting.endpoint(config))


def test_hostler_quotas_shows_each_limit_and_its_use(hosting, server):
    name = hosting.deploy("pid", instance_type="ml.t2.medium")
    shown = server.cli("quotas").stdout.decode().splitlines()
    assert shown[0].split() == ["QUOTA", "LIMIT", "USED", "KEY", "UNDER", "[quotas]"]
    rows = {line.split()[-1]: line for line in shown[1:]}
    assert list(rows) == ["endpoints", "variants", "ml.c5.large", "ml.m5.large", "ml.t2.medium", "default_instances"]
    assert rows["endpoints"].split()[-3:-1] == ["6", "1"]
    assert rows["variants"].split()[-3:-1] == ["2", "-"]
    assert rows["ml.m5.large"].startswith("ml.m5.large for endpoint usage ")
    assert rows["ml.m5.large"].split()[-3:-1] == ["3", "0"]
    assert rows["ml.t2.medium"].split()[-3:-1] == ["100", "1"]
    assert rows["default_instances"].split()[-3:-1] == ["100", "-"]
    hosting.delete(name)


# -- accelerators -------------------------------------------------------------------------------------


def lacking_type():
    """A type whose accelerator no machine of the tests has: a GPU's, or Gaudi's where there is a GPU."""
    return "ml.dl1.24xlarge" if any(Path("/dev").glob("nvidia[0-9]*")) else "ml.g5.xlarge"


def test_a_type_whose_accelerator_is_not_here_is_refused_for_want_of_capacity(hosting):
    config = hosting.config(hosting.test_model("pid"), instance_type=lacking_type())
    name = hosting.endpoint(config, wait=False)
    reason = hosting.failed(name)
    assert reason.startswith(CAPACITY), reason
    assert "this machine has 0" in reason and 'accelerators = "mark"' in reason, reason
    hosting.delete(name)


def test_where_types_are_marked_it_runs_and_describe_says_what_it_lacks(make_server):
    server = make_server('accelerators = "mark"\n')
    hosting = Hosting(server)
    name = hosting.deploy("pid", instance_type=lacking_type())
    hosting.invoke(name)
    described = server.cli("describe", name).stdout.decode()
    mark = f"variant AllTraffic runs without the accelerators of {lacking_type()}"
    assert f"note        {mark}" in described, described
    assert mark in server.log()
    plain = hosting.deploy("pid")
    assert "without the accelerators" not in server.cli("describe", plain).stdout.decode()
    hosting.delete(name)
    hosting.delete(plain)


def test_an_instance_that_can_never_fit_fails_at_once(make_server):
    server = make_server("[limits]\ninstance_memory_bytes = 4294967296\n")
    hosting = Hosting(server)
    name = hosting.endpoint(hosting.config(hosting.test_model("pid"), instance_type="ml.m5.large"), wait=False)
    reason = hosting.failed(name)
    assert reason.startswith(CAPACITY), reason
    assert "8589934592" in reason and "4294967296" in reason, reason
    hosting.delete(name)
