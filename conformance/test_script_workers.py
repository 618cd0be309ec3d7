"""The workers under a model's script: what becomes of requests when one dies, hangs or is told to end."""

import json
import os
import signal
import threading
import time

import pytest
from botocore.exceptions import ClientError

from harness import scripts
from harness.hosting import fresh
from harness.waiting import eventually

CONFIG = scripts.settings("base = { scikit-learn = [] }")
# A request is a JSON object that says what becomes of it; the answer says who had it.
SCRIPT = """
import json, os, time

def model_fn(model_dir):
    return None

def input_fn(body, content_type):
    return json.loads(body)

def predict_fn(data, model):
    if data.get("touch"):
        open(data["touch"], "w").close()
    time.sleep(data.get("sleep_s", 0))
    if data.get("exit") is not None:
        os._exit(data["exit"])
    return {"worker": os.getpid(), "front": os.getppid()}
"""
# Also how long a request waits for a worker: longer than one takes to start on a busy machine.
TIMEOUT_S = 6


@pytest.fixture(scope="module")
def endpoint(hosting):
    body = scripts.script_archive(SCRIPT)
    url = hosting.upload(body, f"scripts/{fresh('archive')}.tar.gz")
    environment = {"SAGEMAKER_MODEL_SERVER_WORKERS": "1", "SAGEMAKER_MODEL_SERVER_TIMEOUT": str(TIMEOUT_S)}
    name = hosting.endpoint(hosting.config(hosting.model(image=scripts.SCRIPT_IMAGE, url=url, environment=environment)))
    yield name
    hosting.delete(name)


def ask(hosting, endpoint, **what):
    return json.loads(hosting.invoke(endpoint, json.dumps(what), ContentType="application/json")["Payload"])


def refused(hosting, endpoint, **what):
    runtime = hosting.server.client("sagemaker-runtime", retries={"max_attempts": 0})
    with pytest.raises(ClientError) as caught:
        runtime.invoke_endpoint(EndpointName=endpoint, Body=json.dumps(what), ContentType="application/json")
    assert caught.value.response["Error"]["Code"] == "ModelError"
    return caught.value.response["OriginalStatusCode"], caught.value.response["OriginalMessage"]


def test_a_worker_that_dies_at_work_is_told_and_another_takes_its_place(hosting, endpoint):
    before = ask(hosting, endpoint)
    status, text = refused(hosting, endpoint, exit=3)
    assert status == 500 and "exited with code 3 while it had the request" in text
    after = ask(hosting, endpoint)
    assert after["worker"] != before["worker"] and after["front"] == before["front"]


def test_a_worker_that_died_idle_costs_no_request(hosting, endpoint):
    before = ask(hosting, endpoint)
    os.kill(before["worker"], signal.SIGKILL)
    eventually(lambda: gone(before["worker"]), bool, "it has ended", 10)
    after = ask(hosting, endpoint)
    assert after["worker"] != before["worker"] and after["front"] == before["front"]


def gone(pid):
    """Ended, and perhaps not yet waited for."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_a_handler_that_takes_too_long_is_ended_and_the_next_request_is_answered(hosting, endpoint):
    before = ask(hosting, endpoint)
    status, text = refused(hosting, endpoint, sleep_s=TIMEOUT_S * 10)
    assert status == 500 and f"took longer than {TIMEOUT_S} s (SAGEMAKER_MODEL_SERVER_TIMEOUT)" in text
    assert ask(hosting, endpoint)["worker"] != before["worker"]


def test_a_worker_that_takes_nothing_of_a_large_body_is_ended_in_time(hosting, endpoint):
    before = ask(hosting, endpoint)
    os.kill(before["worker"], signal.SIGSTOP)
    began = time.monotonic()
    status, text = refused(hosting, endpoint, filler="x" * (4 << 20))
    assert status == 500 and f"took longer than {TIMEOUT_S} s" in text
    assert time.monotonic() - began < TIMEOUT_S * 5
    assert ask(hosting, endpoint)["worker"] != before["worker"]


def test_what_is_under_way_when_it_is_told_to_end_is_answered(hosting, endpoint, tmp_path):
    front, begun, answers = ask(hosting, endpoint)["front"], tmp_path / "begun", []
    asking = threading.Thread(target=lambda: answers.append(ask(hosting, endpoint, touch=str(begun), sleep_s=1)))
    asking.start()
    eventually(begun.exists, bool, "it is at work", 30)
    os.kill(front, signal.SIGTERM)
    asking.join(30)
    assert [answer["front"] for answer in answers] == [front]
    # Its instance has ended by itself, and another one follows.
    eventually(lambda: front_or_none(hosting, endpoint), lambda now: now not in (None, front), "another one serves", 60)


def front_or_none(hosting, endpoint):
    try:
        return ask(hosting, endpoint)["front"]
    except ClientError:
        return None
