"""Multi-model endpoints by boto3: models are fetched and loaded when they are asked for, leave when there is no room,
and what the container says of them is heeded."""

import json
import os
import signal
import threading

import pytest
from botocore.exceptions import ClientError

from harness.artifacts import archive, expected, kmeans_archive
from harness.artifacts import rows as rows_of_example
from harness.hosting import BUCKET, Hosting, fresh
from harness.processes import is_test_model
from harness.scraping import Scrape
from harness.waiting import eventually

TESTMODEL_IMAGE = "models.example/conformance-plain:1"
CSV = {"ContentType": "text/csv", "Accept": "application/json"}


def many(hosting, image=TESTMODEL_IMAGE, files=None, environment=None, count=1, setting=None, wait=True, **config):
    """An endpoint of many models; `files` by target. Its name and the prefix of its models."""
    prefix = f"{fresh('many')}/"
    for target, body in (files or {"a.tar.gz": archive({"name": b"a"})}).items():
        hosting.upload(body, key=prefix + target)
    more = {"MultiModelConfig": {"ModelCacheSetting": setting}} if setting else {}
    name = fresh("model")
    hosting.sagemaker.create_model(
        ModelName=name,
        ExecutionRoleArn="arn:aws:iam::000000000000:role/conformance",
        PrimaryContainer={
            "Image": image,
            "Mode": "MultiModel",
            "ModelDataUrl": f"s3://{BUCKET}/{prefix}",
            "Environment": environment or {},
            **more,
        },
    )
    return hosting.endpoint(hosting.config(name, count=count, **config), wait=wait), prefix


def test_models(names, commands=None):
    """Archives of models that the test model loads as their commands say."""
    return {
        f"{name}.tar.gz": archive({"name": name.encode()} | ({"load.test": (commands or {})[name].encode()} if name in (commands or {}) else {}))
        for name in names
    }


test_models.__test__ = False


def tell(hosting, endpoint, target):
    answer = hosting.invoke(endpoint, b"", TargetModel=target, CustomAttributes="test: tell=all")
    return json.loads(answer["Payload"])


def once(hosting):
    """A client that tries no second time."""
    return hosting.server.client("sagemaker-runtime", retries={"max_attempts": 0})


def refusal(call):
    with pytest.raises(ClientError) as caught:
        call()
    return caught.value.response


def test_kmeans_models_of_one_endpoint_answer_each_for_itself(hosting):
    endpoint, _ = many(
        hosting,
        image="382416733822.dkr.ecr.us-east-1.amazonaws.com/kmeans:1",
        files={"digits.tar.gz": kmeans_archive(), "deep/er/digits.tar.gz": kmeans_archive()},
    )
    body = "\n".join(rows_of_example())
    for target in ["digits.tar.gz", "deep/er/digits.tar.gz", "digits.tar.gz"]:
        answer = hosting.invoke(endpoint, body, TargetModel=target, **CSV)
        found = json.loads(answer["Payload"])["predictions"]
        assert [one["closest_cluster"] for one in found] == [one["closest_cluster"] for one in expected()]
    described = hosting.sagemaker.describe_model(
        ModelName=hosting.sagemaker.describe_endpoint_config(
            EndpointConfigName=hosting.sagemaker.describe_endpoint(EndpointName=endpoint)["EndpointConfigName"]
        )["ProductionVariants"][0]["ModelName"]
    )
    assert described["PrimaryContainer"]["Mode"] == "MultiModel"
    hosting.delete(endpoint)


def test_the_container_sees_an_opaque_name_and_the_targets_own_in_a_header(hosting):
    endpoint, _ = many(hosting)
    seen = tell(hosting, endpoint, "a.tar.gz")
    assert seen["headers"]["x-amzn-sagemaker-target-model"] == "a.tar.gz"
    [name] = seen["models"]["there"]
    assert seen["path"] == f"/models/{name}/invoke" and name.isalnum() and "a.tar.gz" not in name
    assert seen["environment"]["SAGEMAKER_MULTI_MODEL"] == "true"
    hosting.delete(endpoint)


def test_first_calls_at_once_make_one_load(hosting):
    endpoint, _ = many(hosting, files=test_models(["slow"], {"slow": "delay_ms=700"}))
    answers = []
    threads = [
        threading.Thread(target=lambda: answers.append(hosting.invoke(endpoint, b"row", TargetModel="slow.tar.gz")["Payload"]))
        for _ in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [b"row"] * 12
    assert tell(hosting, endpoint, "slow.tar.gz")["models"]["loads"] == 1
    hosting.delete(endpoint)


def test_without_room_the_model_that_was_used_the_longest_ago_leaves(hosting):
    endpoint, _ = many(hosting, files=test_models("abcd"), environment={"TEST_MODELS_MAX": "2"})
    names = {}
    for target in "abc":
        seen = tell(hosting, endpoint, f"{target}.tar.gz")
        names[target] = seen["path"].split("/")[2]
    # The third took the place of the first.
    assert set(seen["models"]["there"]) == {names["b"], names["c"]}
    tell(hosting, endpoint, "b.tar.gz")
    seen = tell(hosting, endpoint, "d.tar.gz")
    assert names["b"] in seen["models"]["there"] and names["c"] not in seen["models"]["there"]
    hosting.delete(endpoint)


def test_what_becomes_of_models_is_in_sagemakers_metrics(hosting, server):
    files = test_models("abc", {"a": "delay_ms=300"})
    endpoint, _ = many(hosting, files=files, environment={"TEST_MODELS_MAX": "2"})
    plain = hosting.deploy()
    assert Scrape(server).by("result", "model_cache_lookups_total", endpoint=endpoint) == {"hit": 0, "miss": 0}
    for target in "aabcc":
        tell(hosting, endpoint, f"{target}.tar.gz")
    with pytest.raises(ClientError):
        tell(hosting, endpoint, "nobody.tar.gz")
    seen = Scrape(server)
    assert seen.by("result", "model_cache_lookups_total", endpoint=endpoint) == {"hit": 2, "miss": 4}
    steps = {"wait": 3, "downloading": 3, "loading": 3, "unloading": 1}
    names = {step: f"model_{step}_seconds" for step in steps} | {"wait": "model_loading_wait_seconds"}
    assert {step: seen.value(f"{name}_count", endpoint=endpoint) for step, name in names.items()} == steps
    loading = seen.value("model_loading_seconds_sum", endpoint=endpoint)
    assert 0.3 <= loading <= seen.value("model_loading_wait_seconds_sum", endpoint=endpoint)
    assert seen.value("loaded_models", endpoint=endpoint) == 2
    assert not seen.all("loaded_models", endpoint=plain), "an endpoint of one model has none of this"
    hosting.delete(endpoint)
    hosting.delete(plain)
    assert not Scrape(server).all("loaded_models", endpoint=endpoint)


def test_a_model_in_use_does_not_leave_and_the_containers_words_are_the_answer(hosting):
    endpoint, _ = many(hosting, files=test_models("ab"), environment={"TEST_MODELS_MAX": "1"})
    hosting.invoke(endpoint, b"row", TargetModel="a.tar.gz")
    busy = threading.Thread(
        target=lambda: hosting.invoke(endpoint, b"row", TargetModel="a.tar.gz", CustomAttributes="test: delay_ms=14000")
    )
    busy.start()
    eventually(
        lambda: tell(hosting, endpoint, "a.tar.gz")["in_flight"], lambda count: count > 1, "the call is under way"
    )
    response = refusal(lambda: once(hosting).invoke_endpoint(EndpointName=endpoint, Body=b"", TargetModel="b.tar.gz"))
    assert response["Error"]["Code"] == "ModelError"
    assert response["OriginalStatusCode"] == 507
    assert "no room for one more model" in response["OriginalMessage"]
    busy.join()
    assert hosting.invoke(endpoint, b"row", TargetModel="b.tar.gz")["Payload"] == b"row"
    hosting.delete(endpoint)


def test_a_model_that_the_container_keeps_goes_on_with_its_files(hosting):
    environment = {"TEST_MODELS_MAX": "1", "TEST_MODELS_KEEP": "true"}
    endpoint, _ = many(hosting, files=test_models("ab"), environment=environment)
    seen = tell(hosting, endpoint, "a.tar.gz")
    response = refusal(lambda: once(hosting).invoke_endpoint(EndpointName=endpoint, Body=b"", TargetModel="b.tar.gz"))
    assert (response["Error"]["Code"], response["OriginalStatusCode"]) == ("ModelError", 507)
    after = tell(hosting, endpoint, "a.tar.gz")
    assert after["models"] == seen["models"]
    [name] = after["models"]["there"]
    [model] = (hosting.server.data_dir / "instances").glob(f"*/models/{name}/model")
    assert (model / "name").read_text() == "a"
    hosting.delete(endpoint)


def test_a_target_with_a_slash_before_it_is_the_same_one(hosting):
    endpoint, _ = many(hosting)
    for target in ["a.tar.gz", "/a.tar.gz"]:
        seen = tell(hosting, endpoint, target)
        assert seen["headers"]["x-amzn-sagemaker-target-model"] == target
    assert seen["models"]["loads"] == 1
    hosting.delete(endpoint)


def test_a_model_that_the_container_forgot_is_loaded_again(hosting):
    endpoint, _ = many(hosting)
    hosting.invoke(endpoint, b"row", TargetModel="a.tar.gz", CustomAttributes="test: forget=true")
    assert hosting.invoke(endpoint, b"row", TargetModel="a.tar.gz")["Payload"] == b"row"
    assert tell(hosting, endpoint, "a.tar.gz")["models"]["loads"] == 2
    # A 404 of the model's own is the answer, and the model is asked once.
    before = tell(hosting, endpoint, "a.tar.gz")
    response = refusal(lambda: hosting.invoke(endpoint, b"", TargetModel="a.tar.gz", CustomAttributes="test: status=404"))
    assert (response["Error"]["Code"], response["OriginalStatusCode"]) == ("ModelError", 404)
    after = tell(hosting, endpoint, "a.tar.gz")
    assert after["invocations"] - before["invocations"] == 2
    assert after["models"]["loads"] == 2
    hosting.delete(endpoint)


def test_a_target_that_is_not_there_is_a_validation_error_until_it_is(hosting):
    endpoint, prefix = many(hosting)
    response = refusal(lambda: hosting.invoke(endpoint, b"", TargetModel="new.tar.gz"))
    assert response["Error"]["Code"] == "ValidationError"
    assert f"Failed to download model data(bucket: {BUCKET}, key: {prefix}new.tar.gz)." in response["Error"]["Message"]
    hosting.upload(archive({"name": b"new"}), key=prefix + "new.tar.gz")
    assert hosting.invoke(endpoint, b"row", TargetModel="new.tar.gz")["Payload"] == b"row"
    hosting.delete(endpoint)


@pytest.mark.parametrize(
    ("commands", "status"), [("status=500; body=weights are missing", 500), ("status=400; body=weights are missing", 400)]
)
def test_a_load_that_the_container_refuses_is_a_model_error_in_its_words(hosting, commands, status):
    endpoint, _ = many(hosting, files=test_models(["bad", "good"], {"bad": commands}))
    for _ in range(2):
        response = refusal(lambda: once(hosting).invoke_endpoint(EndpointName=endpoint, Body=b"", TargetModel="bad.tar.gz"))
        assert (response["Error"]["Code"], response["OriginalStatusCode"]) == ("ModelError", status)
        assert response["OriginalMessage"] == "weights are missing"
    assert hosting.invoke(endpoint, b"row", TargetModel="good.tar.gz")["Payload"] == b"row"
    hosting.delete(endpoint)


def test_an_archive_that_cannot_be_unpacked_is_told_to_the_client(hosting):
    endpoint, _ = many(hosting, files={"broken.tar.gz": b"no archive at all", "a.tar.gz": archive({"name": b"a"})})
    response = refusal(lambda: hosting.invoke(endpoint, b"", TargetModel="broken.tar.gz"))
    assert response["Error"]["Code"] == "ValidationError"
    assert "broken.tar.gz" in response["Error"]["Message"]
    hosting.delete(endpoint)


def test_target_model_is_for_endpoints_of_many_models_and_nothing_else(hosting):
    single = hosting.deploy("plain")
    response = refusal(lambda: hosting.invoke(single, b"", TargetModel="a.tar.gz"))
    assert response["Error"]["Message"] == (
        f"Endpoint {single} is not a multi-model endpoint and does not support target model header."
    )
    endpoint, _ = many(hosting)
    response = refusal(lambda: hosting.invoke(endpoint, b""))
    assert response["Error"]["Code"] == "ValidationError"
    request_id = response["ResponseMetadata"]["RequestId"]
    assert response["Error"]["Message"].startswith(f"Request {request_id} is missing a target model header")
    for target in ["../a.tar.gz", "x/../a.tar.gz", "x//a.tar.gz", "."]:
        response = refusal(lambda: hosting.invoke(endpoint, b"", TargetModel=target))
        assert response["Error"]["Code"] == "ValidationError", target
    for name in (single, endpoint):
        hosting.delete(name)


def test_a_model_of_many_models_needs_a_prefix(hosting):
    for container, part in [
        ({"ModelDataUrl": f"s3://{BUCKET}/kmeans/model.tar.gz"}, "must end with a forward slash"),
        ({}, "ModelDataUrl is required"),
    ]:
        response = refusal(
            lambda: hosting.sagemaker.create_model(
                ModelName=fresh("model"),
                ExecutionRoleArn="arn:aws:iam::000000000000:role/conformance",
                PrimaryContainer={"Image": TESTMODEL_IMAGE, "Mode": "MultiModel"} | container,
            )
        )
        assert response["Error"]["Code"] == "ValidationException"
        assert part in response["Error"]["Message"]


def test_with_the_cache_disabled_a_model_leaves_after_its_answer(hosting):
    endpoint, _ = many(hosting, files=test_models("ab"), setting="Disabled")
    assert len(tell(hosting, endpoint, "a.tar.gz")["models"]["there"]) == 1
    seen = eventually(
        lambda: tell(hosting, endpoint, "b.tar.gz")["models"],
        lambda models: len(models["there"]) == 1 and models["loads"] > 1,
        "only the model that is asked is loaded",
    )
    assert seen["loads"] >= 2
    hosting.delete(endpoint)


def test_what_was_loaded_goes_on_when_the_object_is_replaced(hosting):
    endpoint, prefix = many(hosting)
    hosting.invoke(endpoint, b"row", TargetModel="a.tar.gz")
    hosting.upload(archive({"name": b"second"}), key=prefix + "a.tar.gz")
    assert hosting.invoke(endpoint, b"row", TargetModel="a.tar.gz")["Payload"] == b"row"
    assert tell(hosting, endpoint, "a.tar.gz")["models"]["loads"] == 1
    hosting.delete(endpoint)


def test_an_instance_that_was_killed_comes_back_and_loads_again(hosting):
    endpoint, _ = many(hosting)
    first = tell(hosting, endpoint, "a.tar.gz")["pid"]
    [process] = [one for one in hosting.server.instances() if is_test_model(one) and one.pid == first]
    os.kill(process.pid, signal.SIGKILL)

    def again():
        try:
            return tell(hosting, endpoint, "a.tar.gz")["pid"]
        except ClientError:
            return first

    assert eventually(again, lambda pid: pid != first, "another instance answers") != first
    hosting.delete(endpoint)


def test_an_update_under_load_loses_no_request(hosting):
    endpoint, _ = many(hosting, files=test_models("abc"))
    other, _ = many(hosting, files=test_models("abc"))
    config = hosting.sagemaker.describe_endpoint(EndpointName=other)["EndpointConfigName"]
    failed, answered, stop = [], [], threading.Event()

    def ask(target):
        while not stop.is_set():
            try:
                answered.append(hosting.invoke(endpoint, b"row", TargetModel=f"{target}.tar.gz")["Payload"])
            except ClientError as error:
                failed.append(error)

    threads = [threading.Thread(target=ask, args=(target,)) for target in "abc"]
    for thread in threads:
        thread.start()
    eventually(lambda: len(answered), lambda count: count > 20, "requests are answered")
    hosting.sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=config)
    hosting.in_service(endpoint)
    before = len(answered)
    eventually(lambda: len(answered), lambda count: count > before + 20, "requests are answered by the new instance")
    stop.set()
    for thread in threads:
        thread.join()
    assert not failed and set(answered) == {b"row"}
    for name in (endpoint, other):
        hosting.delete(name)


def test_a_model_that_is_long_on_its_way_is_not_ready_and_then_is(hosting, tmp_path):
    gate = tmp_path / "gate"
    endpoint, _ = many(hosting, files=test_models(["slow"], {"slow": f"until={gate}"}))
    described = hosting.sagemaker.describe_endpoint(EndpointName=endpoint)
    tag = {"Key": "hostler:model_timeout_s", "Value": "1"}
    hosting.sagemaker.add_tags(ResourceArn=described["EndpointArn"], Tags=[tag])

    def ask():
        return refusal(lambda: once(hosting).invoke_endpoint(EndpointName=endpoint, Body=b"", TargetModel="slow.tar.gz"))

    response = eventually(ask, lambda seen: seen["ResponseMetadata"]["HTTPStatusCode"] == 429, "it is said to be on its way")
    assert response["Error"]["Code"] == "ModelNotReadyException"
    gate.touch()

    def answered():
        try:
            return once(hosting).invoke_endpoint(EndpointName=endpoint, Body=b"row", TargetModel="slow.tar.gz")["Body"].read()
        except ClientError:
            return None

    assert eventually(answered, lambda seen: seen is not None, "it is loaded") == b"row"
    assert tell(hosting, endpoint, "slow.tar.gz")["models"]["loads"] == 1
    hosting.delete(endpoint)


def test_a_client_that_leaves_does_not_end_the_load_for_others(hosting, tmp_path):
    gate = tmp_path / "gate"
    endpoint, _ = many(hosting, files=test_models(["slow"], {"slow": f"until={gate}"}))
    impatient = hosting.server.client("sagemaker-runtime", read_timeout=1, retries={"max_attempts": 0})
    with pytest.raises(Exception, match="Read timeout"):
        impatient.invoke_endpoint(EndpointName=endpoint, Body=b"", TargetModel="slow.tar.gz")
    answers = []
    waits = threading.Thread(target=lambda: answers.append(hosting.invoke(endpoint, b"row", TargetModel="slow.tar.gz")["Payload"]))
    waits.start()
    gate.touch()
    waits.join()
    assert answers == [b"row"]
    assert tell(hosting, endpoint, "slow.tar.gz")["models"]["loads"] == 1
    hosting.delete(endpoint)


@pytest.mark.parametrize("is_loaded", [True, False], ids=["loaded", "on its way"])
def test_what_a_container_has_or_loads_is_taken_over_by_the_next_server(make_server, tmp_path, is_loaded):
    gate = tmp_path / "gate"
    server = make_server(arguments=("--leave-running",))
    hosting = Hosting(server)
    endpoint, _ = many(hosting, files=test_models(["slow", "quick"], {"slow": f"until={gate}"}))
    pid = tell(hosting, endpoint, "quick.tar.gz")["pid"]
    target = "quick.tar.gz"
    if not is_loaded:
        target = "slow.tar.gz"
        impatient = server.client("sagemaker-runtime", read_timeout=1, retries={"max_attempts": 0})
        with pytest.raises(Exception, match="Read timeout"):
            impatient.invoke_endpoint(EndpointName=endpoint, Body=b"", TargetModel=target)
    server.kill()
    server.start()
    hosting = Hosting(server)
    if not is_loaded:
        threading.Timer(1.0, gate.touch).start()
    seen = tell(hosting, endpoint, target)
    assert seen["pid"] == pid
    assert seen["models"]["loads"] == (1 if is_loaded else 2)
    hosting.delete(endpoint)
