"""Trouble with instances: a model that stands still, and a supervisor that is killed.

The issue speaks of a model that is stopped for a minute. Pings are what finds it out, after about thirteen seconds (one
every 5 s, then three that fail with 2 s each); a model timeout of 3 s instead of 60 makes the rest of the minute short.
"""

import concurrent.futures
import json
import os
import signal
import threading

import pytest
from botocore.exceptions import ClientError

from harness.hosting import Hosting
from harness.processes import Process, everything, is_alive, is_test_model
from harness.waiting import eventually
from harness.wire import Wire

CONFIG = """
[limits]
model_timeout_s = 3
"""
TIMED_OUT = "Your invocation timed out while waiting for a response from container primary."


def pid_of(hosting, name):
    return json.loads(hosting.invoke(name)["Payload"])["pid"]


def pids_of(hosting, name, count=20):
    return {pid_of(hosting, name) for _ in range(count)}


def models_of(server, directory):
    """Processes of test models of the endpoint that this instance's directory belongs to."""
    endpoint = directory.partition(".g")[0]
    return [p for p in server.instances() if is_test_model(p) and p.directory.partition(".g")[0] == endpoint]


@pytest.fixture
def stopped():
    """Stops processes with SIGSTOP; whatever the test does, none is left standing."""
    pids = []

    def stop(process):
        pids.append(process.identity)
        os.kill(process.pid, signal.SIGSTOP)
        eventually(lambda: Process(process.pid).state, lambda state: state == "T", "it stands still", 10)

    yield stop
    for identity in pids:
        if is_alive(identity):
            os.kill(identity[0], signal.SIGCONT)


def test_a_model_that_stands_still_is_replaced_while_the_other_one_answers(server, hosting, stopped):
    name = hosting.deploy("pid", count=2)
    before = pids_of(hosting, name)
    assert len(before) == 2
    victim, survivor = (Process(pid) for pid in sorted(before))
    stopped(victim)
    done, told, others = threading.Event(), [], set()
    wire = Wire(server)

    def keep_asking():
        while not done.is_set():
            answer = wire.invoke(name, b"")
            if answer.status == 200:
                others.add(answer.json["pid"])
            else:
                told.append((answer.status, answer.code, answer.json["OriginalStatusCode"], answer.message))

    # Three at once: one of them may wait for the one that stands still, the others are answered.
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        asking = [pool.submit(keep_asking) for _ in range(3)]
        try:
            eventually(
                lambda: others - before, lambda new: len(new) == 1, "a third instance answers in its place", 60
            )
            eventually(lambda: is_alive(victim.identity), lambda alive: not alive, "the one that stood is gone", 60)
        finally:
            done.set()
        for work in asking:
            work.result()
    assert survivor.pid in others, "the other one answered"
    assert victim.pid not in others
    assert told, "whoever was given to it waited no longer than the model may take"
    assert {(status, code, original) for status, code, original, _ in told} == {(424, "ModelError", 0)}
    assert all(TIMED_OUT in message for *_, message in told), told
    assert hosting.status(name) == "InService"
    assert "GET /ping stopped being answered with 200; the last try: no answer within 2 s" in server.log()
    running = {process.pid for process in models_of(server, survivor.directory)}
    assert len(running) == 2 and survivor.pid in running, "two run, and no third"
    hosting.delete(name)


def test_a_model_that_stands_still_for_a_moment_keeps_its_place_and_its_requests(server, hosting, stopped):
    """Less than the model's time: a request that came meanwhile is answered, and nothing is replaced."""
    name = hosting.deploy("pid")
    process = Process(pid_of(hosting, name))
    stopped(process)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(pid_of, hosting, name)
        with pytest.raises(concurrent.futures.TimeoutError):
            waiting.result(timeout=1)
        os.kill(process.pid, signal.SIGCONT)
        assert waiting.result() == process.pid
    assert [p.identity for p in models_of(server, process.directory)] == [process.identity]
    hosting.delete(name)


def test_an_endpoint_whose_only_model_stands_still_can_be_deleted(server, hosting, stopped):
    """It could not hear a polite signal; nothing is left of it all the same."""
    name = hosting.deploy("pid")
    process = Process(pid_of(hosting, name))
    stopped(process)
    hosting.delete(name)
    assert not is_alive(process.identity)
    assert not os.path.exists(process.directory)


def test_a_killed_supervisor_takes_its_model_along_and_the_instance_is_replaced(server, hosting):
    name = hosting.deploy("pid", count=2)
    before = pids_of(hosting, name)
    victim, survivor = (Process(pid) for pid in sorted(before))
    supervisor = Process(victim.parent)
    assert "supervise" in supervisor.command, supervisor
    failures = []

    def ask():
        try:
            return pid_of(hosting, name)
        except ClientError as error:
            failures.append(error.response["Error"]["Code"])
            return None

    os.kill(supervisor.pid, signal.SIGKILL)
    eventually(lambda: is_alive(victim.identity), lambda alive: not alive, "its model ends with it", 10)
    seen = set()
    eventually(
        lambda: seen.add(ask()) or seen - before - {None}, lambda new: len(new) == 1, "another takes its place", 60
    )
    assert survivor.pid in seen
    # A request that was in its hands may be lost; those that come later are not.
    assert set(failures) <= {"ModelError"} and len(failures) <= 1, failures
    directory = os.path.basename(victim.directory)
    said = [line for line in server.log().splitlines() if "ended without a word" in line and directory in line]
    assert len(said) == 1 and "SIGKILL" in said[0], said
    assert f"instance {directory} ended: the container ended while nobody watched it" in server.log()
    running = {process.pid for process in models_of(server, survivor.directory)}
    assert len(running) == 2 and survivor.pid in running
    hosting.delete(name)


def test_what_a_model_started_does_not_outlive_a_killed_supervisor(server, hosting):
    """The model ignores SIGTERM and keeps a child in a session of its own."""
    name = hosting.deploy("stubborn")
    mine = server.instances()
    model = next(p for p in mine if is_test_model(p) and dict_of(p).get("TEST_CHILD"))
    family = [p for p in mine if p.directory == model.directory and p.pid != model.parent]
    assert len(family) == 2, family
    os.kill(model.parent, signal.SIGKILL)
    eventually(
        lambda: [p for p in everything() if p.identity in {one.identity for one in family}],
        lambda left: not left,
        "model and child are gone",
        30,
    )
    hosting.delete(name)


def dict_of(process):
    """The environment of a process."""
    with open(f"/proc/{process.pid}/environ", "rb") as file:
        return dict(entry.split("=", 1) for entry in os.fsdecode(file.read()).split("\0") if "=" in entry)
