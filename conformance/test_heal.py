"""Healing: instances that die or fall ill are replaced while the others serve, and crash loops back off."""

import concurrent.futures
import contextlib
import json
import os
import signal
import threading
import time

import pytest
from botocore.exceptions import ClientError

from harness import processes
from harness.waiting import eventually


# The shortest that AWS allows.
STARTUP_TIMEOUT_S = 60


@pytest.fixture(scope="module", autouse=True)
def never_healthy(hosting):
    """An endpoint whose model never answers its ping; it has as long as this module's other tests take."""
    model = hosting.test_model("never")
    config = hosting.config(model, ContainerStartupHealthCheckTimeoutInSeconds=STARTUP_TIMEOUT_S)
    return hosting.endpoint(config, wait=False), time.monotonic()


def pid_of(hosting, name):
    return json.loads(hosting.invoke(name)["Payload"])["pid"]


def pids_of(hosting, name, count=40):
    return {pid_of(hosting, name) for _ in range(count)}


def test_an_instance_that_is_killed_is_replaced_and_the_other_serves_all_the_while(hosting):
    name = hosting.deploy("pid", count=2)
    before = pids_of(hosting, name)
    assert len(before) == 2
    victim, survivor = sorted(before)
    done = threading.Event()
    # Of each of the two that ask: the other thread, and this one.
    failures, own_failures, statuses = [], [], set()

    def keep_asking():
        while not done.is_set():
            try:
                hosting.invoke(name)
            except ClientError as error:
                failures.append(str(error))

    def ask():
        try:
            return pids_of(hosting, name, 20)
        except ClientError as error:
            own_failures.append(str(error))
            return set()

    def keep_looking():
        while not done.is_set():
            statuses.add(hosting.status(name))

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        working = [pool.submit(keep_asking), pool.submit(keep_looking)]
        try:
            os.kill(victim, signal.SIGKILL)
            after = eventually(
                ask,
                lambda seen: len(seen) == 2 and victim not in seen,
                "two instances serve again",
                60,
            )
        finally:
            done.set()
        for work in working:
            work.result()
    assert survivor in after
    assert statuses == {"InService"}
    # A request that was in the hands of the one that died may be lost; nothing after it may.
    assert len(failures) <= 1, failures
    assert len(own_failures) <= 1, own_failures
    hosting.delete(name)


def test_an_instance_whose_ping_fails_is_replaced(hosting):
    name = hosting.deploy("sick", count=2)
    sick = json.loads(hosting.invoke(name, b"x", CustomAttributes="test: ping=500")["Payload"])["pid"]

    def asked():
        return {json.loads(hosting.invoke(name, b"x")["Payload"])["pid"] for _ in range(20)}

    eventually(asked, lambda seen: sick not in seen and len(seen) == 2, "the sick one is replaced", 90)
    eventually(
        lambda: [p for p in processes.everything() if p.pid == sick], lambda left: not left, "its process is ended", 60
    )
    hosting.delete(name)


def test_the_only_instance_of_an_endpoint_is_replaced_and_requests_meet_a_bounded_wait(hosting):
    name = hosting.deploy("pid")
    victim = pid_of(hosting, name)
    os.kill(victim, signal.SIGKILL)

    def ask():
        try:
            return pid_of(hosting, name)
        except ClientError as error:
            assert error.response["Error"]["Code"] in ("ModelError", "ServiceUnavailable"), error
            return None

    assert eventually(ask, lambda pid: pid not in (None, victim), "it serves again", 60) != victim
    hosting.delete(name)


def test_a_model_that_crashes_again_and_again_is_started_with_growing_pauses(hosting, server):
    """Killed each time it is up. A pause may be longer than promised on a busy machine, never shorter."""
    name = hosting.deploy("pid")
    # Directories of instances begin with their endpoint's id; the module's other endpoints are left alone.
    first = processes.Process(pid_of(hosting, name))
    endpoint, dot, _ = first.directory.partition(".g")
    kills, seen = [], set()

    def kill_what_is_new():
        for process in server.instances():
            is_own = process.directory.startswith(endpoint + dot) and processes.is_test_model(process)
            if is_own and process.identity not in seen:
                seen.add(process.identity)
                kills.append((process.pid, time.monotonic()))
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process.pid, signal.SIGKILL)
        return len(kills)

    eventually(kill_what_is_new, lambda count: count >= 5, "the fifth start", 120)
    pauses = [later - earlier for (_, earlier), (_, later) in zip(kills, kills[1:])]
    # The first pause is a quarter of a second and each next twice as long; a start is seen a little after it began.
    promised = [0.25, 0.5, 1, 2]
    assert all(pause > least * 0.9 for pause, least in zip(pauses, promised, strict=True)), pauses
    hosting.delete(name)


def test_a_memory_kill_is_told_apart_from_a_crash(hosting, server, leave_out):
    """ml.c8g.medium grants 2 GiB; the model then takes 3."""
    if "memory" not in limited(server):
        leave_out("this machine lets nobody limit memory; the server's log says so once")
    name = hosting.deploy("eater", instance_type="ml.c8g.medium")
    with pytest.raises(ClientError) as caught:
        hosting.invoke(name, b"x", CustomAttributes="test: eat_mib=3072")
    assert caught.value.response["Error"]["Code"] == "ModelError"
    shown = eventually(
        lambda: server.log() + server.cli("describe", name).stdout.decode(),
        lambda text: "memory" in text.lower() and ("limit" in text.lower() or "oom" in text.lower()),
        "the memory limit is named as the cause",
        30,
    )
    assert shown
    hosting.delete(name)


def limited(server):
    """Whether cgroups for memory can be made here, as the server itself would."""
    for root in ("/sys/fs/cgroup/memory", "/sys/fs/cgroup"):
        if os.path.exists(f"{root}/memory.limit_in_bytes") or os.path.exists(f"{root}/cgroup.controllers"):
            if os.access(root, os.W_OK) and os.geteuid() == 0:
                return {"memory"}
    return set()


def test_a_model_that_never_answers_its_ping_fails_when_its_time_is_up(hosting, never_healthy):
    """Stands last, so that the minute passes while the others run."""
    name, started = never_healthy
    reason = hosting.failed(name, STARTUP_TIMEOUT_S + 60)
    took = time.monotonic() - started
    assert reason.startswith(
        "The primary container for production variant AllTraffic did not pass the ping health check."
    )
    assert "503" in reason, f"what the ping answered stands in it: {reason}"
    assert took > STARTUP_TIMEOUT_S - 5
    hosting.delete(name)
