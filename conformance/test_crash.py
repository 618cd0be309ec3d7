"""kill -9 of the server at random moments: what was acknowledged is there, nothing runs twice."""

import concurrent.futures
import json
import os
import random
import threading
import time

from botocore.exceptions import BotoCoreError, ClientError

from harness.hosting import PASSING, Hosting
from harness.processes import is_alive, is_test_model
from harness.waiting import eventually
from harness.wire import Wire

SEED = int(os.environ.get("HOSTLER_TEST_SEED", time.time_ns() % 1_000_000))
ROUNDS = 4
CLIENTS = 3
# A client stops making endpoints here, so that a quick machine does not start hundreds of processes.
ENDPOINTS_EACH = 6
# How long a client works before the server is killed, at random between these.
LIFE_S = (0.05, 0.8)
FIRST_ANSWER_S = 1.0


def models_of(server):
    """Processes of test models (not of their supervisors), as identities."""
    return {process.identity for process in server.instances() if is_test_model(process)}


def everything_of(server):
    """Supervisors, models and built-in runtimes."""
    return {process.identity for process in server.instances()}


def test_instances_keep_their_processes_over_a_crash_and_the_first_answer_is_quick(make_server):
    server = make_server()
    hosting = Hosting(server)
    hosting.upload()
    names = [hosting.deploy("pid", count=2), hosting.deploy("pid"), hosting.deploy()]
    before = models_of(server)
    assert len(before) == 3
    with_supervisors = everything_of(server)
    server.kill()
    assert everything_of(server) == with_supervisors, "they outlive the server"
    server.start()
    # A bare request: making a boto3 client takes longer than what is measured here.
    answer = Wire(server).invoke(names[0], b"")
    took = time.monotonic() - server.ready_at
    assert answer.status == 200, answer
    assert took < FIRST_ANSWER_S, f"the first answer came {took:.2f} s after ready"
    assert answer.json["pid"] in {pid for pid, _ in before}
    hosting = Hosting(server)
    for name in names:
        assert hosting.status(name) == "InService"
    assert everything_of(server) == with_supervisors, "same processes, and no others"
    for name in names:
        hosting.delete(name)
    assert models_of(server) == set()


def test_leave_running_leaves_the_instances_to_the_next_start(make_server):
    server = make_server(arguments=("--leave-running",))
    hosting = Hosting(server)
    name = hosting.deploy("pid")
    before = models_of(server)
    assert server.stop() == 0
    assert models_of(server) == before
    server.start()
    hosting = Hosting(server)
    assert json.loads(hosting.invoke(name)["Payload"])["pid"] in {pid for pid, _ in before}
    assert models_of(server) == before
    hosting.delete(name)


def test_an_instance_that_died_while_the_server_was_down_is_replaced(make_server):
    server = make_server()
    hosting = Hosting(server)
    name = hosting.deploy("pid")
    ((pid, _),) = models_of(server)
    server.kill()
    os.kill(pid, 9)
    server.start()
    hosting = Hosting(server)

    def ask():
        try:
            return json.loads(hosting.invoke(name)["Payload"])["pid"]
        except ClientError:
            return None

    assert eventually(ask, lambda seen: seen is not None, "it serves again", 60) != pid
    hosting.delete(name)


class Ledger:
    """What clients were told: names that exist, names that are gone, and names nobody was told about."""

    def __init__(self):
        self.lock = threading.Lock()
        self.created, self.deleted, self.unknown = set(), set(), set()
        self.numbers = iter(range(1_000_000))

    def fresh(self):
        with self.lock:
            return f"crash-{next(self.numbers)}"

    def note(self, where, name):
        with self.lock:
            for names in (self.created, self.deleted, self.unknown):
                names.discard(name)
            where.add(name)


def work(server, ledger, config, chance, stop):
    """Creates and deletes models and endpoints until the server is gone."""
    hosting = Hosting(server)
    for _ in range(ENDPOINTS_EACH):
        if stop.is_set():
            return
        name = ledger.fresh()
        try:
            ledger.note(ledger.unknown, name)
            hosting.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config)
            ledger.note(ledger.created, name)
            if chance.random() < 0.5:
                ledger.note(ledger.unknown, name)
                hosting.sagemaker.delete_endpoint(EndpointName=name)
                ledger.note(ledger.deleted, name)
        except (BotoCoreError, ClientError, OSError):
            if stop.is_set() or server.process is None:
                return
            raise


def test_random_crashes_lose_nothing_and_double_nothing(make_server):
    print(f"HOSTLER_TEST_SEED={SEED}")
    chance = random.Random(SEED)
    server = make_server()
    hosting = Hosting(server)
    config = hosting.config(hosting.test_model("pid"))
    ledger = Ledger()
    for _ in range(ROUNDS):
        stop = threading.Event()
        with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
            seeds = [random.Random(chance.random()) for _ in range(CLIENTS)]
            workers = [pool.submit(work, server, ledger, config, own, stop) for own in seeds]
            stop.wait(chance.uniform(*LIFE_S))
            stop.set()
            server.kill()
            for worker in workers:
                worker.result()
        server.start()

    hosting = Hosting(server)
    present = eventually(
        lambda: {
            summary["EndpointName"]: summary["EndpointStatus"]
            for page in hosting.sagemaker.get_paginator("list_endpoints").paginate(MaxResults=100)
            for summary in page["Endpoints"]
        },
        lambda seen: not set(seen.values()) & PASSING,
        "every endpoint settles",
        120,
    )
    assert ledger.created - set(present) == set(), "acknowledged and lost"
    assert ledger.deleted & set(present) == set(), "deleted and back"
    assert set(present) <= ledger.created | ledger.unknown, "nobody asked for these"
    assert set(present.values()) <= {"InService"}, present

    running = models_of(server)
    answering = {name: json.loads(hosting.invoke(name)["Payload"])["pid"] for name in present}
    assert len(set(answering.values())) == len(present), "each endpoint has an instance of its own"
    assert {pid for pid, _ in running} == set(answering.values()), "one process per instance, and no other"
    assert all(is_alive(identity) for identity in running)
    for name in present:
        hosting.sagemaker.delete_endpoint(EndpointName=name)
    for name in present:
        hosting.gone(name)
    eventually(lambda: models_of(server), lambda left: not left, "all instances end", 45)
