"""Minutes of mixed load at 70 % of what the server can, with kills and updates every few seconds.

No request fails that was not injured, memory and descriptors stay where they are, and nothing is left behind.
"""

import collections
import json
import random
import subprocess
import sys
import time

import pytest

from harness.config import HERE
from harness.scraping import Scrape
from harness.waiting import eventually
from soak.mix import Counts
from soak.stage import Stage
from soak.watch import Watch, cpu_s, descriptors, memory_mib

SHARE_OF_CAPACITY = 0.7
MEASURE_S = 8.0
PROCESSES, THREADS = 2, 8
# A machine that others use, too, may not be able later what it was when it was measured; with less than this it rested.
LOAD_MIN = 0.3
# A kill and the moment when its sockets are known to be dead are not the same on a machine without a free core.
DEATH_S = 2.0
# See `flat`.
GROWTH_MIB = 32
# Every thread's connection and as many to an instance, should one third have been quieter than the other.
GROWTH_DESCRIPTORS = 2 * PROCESSES * THREADS
LOST_TEXT = "could not get a response from the"


def load(server, kinds, seconds, rate):
    """Starts the processes; `rate` is requests per second of all together, 0 as fast as they can."""
    key, secret = server.keys()
    processes = []
    for number in range(PROCESSES):
        orders = {
            "url": server.url,
            "key": key,
            "secret": secret,
            "kinds": [vars(kind) for kind in kinds],
            "threads": THREADS,
            "first": number * THREADS,
            "rate": rate / PROCESSES,
            "seconds": seconds,
        }
        process = subprocess.Popen(
            [sys.executable, "-B", "-m", "soak.mix"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=HERE
        )
        process.stdin.write(json.dumps(orders).encode())
        process.stdin.close()
        processes.append(process)
    return processes


def counted(processes):
    counts, cpu = Counts(), 0.0
    for process in processes:
        seen = json.loads(process.stdout.read())
        process.stdout.close()
        assert process.wait() == 0
        cpu += seen.pop("cpu_s")
        counts.add(Counts(**seen))
    return counts, cpu


def laid_to(failure, stage):
    """The number of the kill that explains a failure: it was under way at that endpoint, and its owner allows no second
    try. None for one that nothing explains."""
    _, endpoint, began, ended, words = failure
    # Before the first byte an error, after it an answer that is cut, or an event that says so.
    is_lost = any(sign in words for sign in (LOST_TEXT, "closed in the answer", "StreamBroken"))
    if endpoint == stage.kept or not is_lost:
        return None
    for number, (name, moment) in enumerate(stage.kills):
        if name == endpoint and began <= moment + DEATH_S and ended >= moment:
            return number
    return None


@pytest.fixture
def say(capsys):
    def say(line):
        with capsys.disabled():
            print(line, flush=True)

    return say


def test_a_server_under_load_loses_nothing_and_does_not_grow(server, hosting, request, say):
    seconds = request.config.getoption("--minutes") * 60.0
    seed = request.config.getoption("--seed")
    seed = random.randrange(1 << 30) if seed is None else seed
    pid = server.process.pid
    idle = descriptors(pid)
    stage = Stage(hosting, seed)
    kinds = stage.kinds()

    measured, _ = counted(load(server, kinds, MEASURE_S, 0))
    assert measured.failed == 0, measured.failures
    capacity = sum(measured.answered.values()) / MEASURE_S
    rate = capacity * SHARE_OF_CAPACITY
    say(f"\nsoak of {seconds / 60:g} min, seed {seed}: {capacity:.0f} requests/s, of which {rate:.0f} are asked for")

    began = time.monotonic()
    used = cpu_s(pid)
    with Watch(pid) as watch:
        processes = load(server, kinds, seconds, rate)
        stop, rude = stage.rude_clients()
        stage.injuries(began + seconds - 5.0)
        counts, client_cpu = counted(processes)
        stop.set()
        rude.join()
    used = cpu_s(pid) - used

    causes = collections.Counter(laid_to(failure, stage) for failure in counts.failures)
    others = [failure for failure in counts.failures if laid_to(failure, stage) is None]
    say(f"requests: {sum(counts.answered.values())} answered, {counts.failed} failed, {counts.late} not asked in time")
    for kind in kinds:
        p50, p99 = (counts.seconds_at(kind.name, quantile) * 1000 for quantile in (0.5, 0.99))
        say(f"  {kind.name:9} {counts.answered.get(kind.name, 0):8} answered, p50 {p50:8.1f} ms, p99 {p99:8.1f} ms")
    say(f"failures: {counts.failed - len(others)} of {len(stage.kills)} kills, {len(others)} others")
    say("done: " + ", ".join(f"{name.strip('_')} {count}" for name, count in sorted(stage.done.items())))
    say(f"CPU: server {used:.0f} s, load {client_cpu:.0f} s")
    for name, first, last in (("start", 0.0, 0.1), ("middle", 0.45, 0.55), ("end", 0.9, 1.0)):
        say(f"  {name:6} floor {watch.floor(1, first, last):7.1f} MiB, {watch.floor(2, first, last):5.0f} descriptors")

    assert others == []
    assert counts.failed == len(counts.failures)
    # A kill fails what the instance held, and each connection asks for one thing at a time.
    assert max(causes.values(), default=0) <= PROCESSES * THREADS, causes
    assert sum(counts.answered.values()) >= LOAD_MIN * rate * seconds, "that was no load"
    assert seconds < 120 or len(stage.done) == 13, f"not everything was done: {stage.done}"
    flat(watch, say)

    for name in stage.endpoints:
        hosting.delete(name)
    scrape = eventually(lambda: Scrape(server), lambda seen: seen.value("requests_held") == 0, "nothing is held")
    assert all(value == 0 for _, value in scrape.all("requests_in_flight"))
    eventually(lambda: descriptors(pid), lambda open: open <= idle + 4, f"about {idle} descriptors again", 60)
    eventually(server.instances, lambda left: not left, "no instance is left", 60)
    say(f"afterwards {memory_mib(pid):.1f} MiB, {descriptors(pid)} descriptors ({idle} at first)")


def flat(watch, say):
    """Nothing grows with the number of requests, nor with that of updates and kills.

    Compared are the quiet moments of the second and of the last third of the run: the first third warms caches,
    threads' buffers and the allocator up. What may differ is what the allocator keeps of the bodies that were in flight
    (PROCESSES * THREADS connections, of which one or two have 20 MB at a time), and what the store's page cache and
    the history of endpoints still gain: 0.1, 0.1 and 7 MiB in three runs of three minutes. A kilobyte kept per request
    would be some 40 MiB from third to third.
    """
    before, after = (watch.floor(1, *part) for part in ((1 / 3, 2 / 3), (2 / 3, 1)))
    say(f"memory: floor of the second third {before:.1f} MiB, of the last {after:.1f} MiB")
    assert after <= before + GROWTH_MIB, (before, after)
    # Connections of clients and to instances come and go; each third has the same load.
    before, after = (watch.floor(2, *part) for part in ((1 / 3, 2 / 3), (2 / 3, 1)))
    say(f"descriptors: floor of the second third {before:.0f}, of the last {after:.0f}")
    assert after <= before + GROWTH_DESCRIPTORS, (before, after)
