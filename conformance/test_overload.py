"""More requests than an endpoint takes: who waits, who is told to come again, and that nobody else notices."""

import concurrent.futures
import json
import os
import signal
import statistics
import threading
import time

import pytest
from botocore.exceptions import ClientError

from harness.hosting import Hosting
from harness.scraping import Scrape
from harness.waiting import eventually
from test_updates import says, update

PLACES, WAITING, HOLD_S = 4, 8, 30
CONFIG = f"""
[limits]
in_flight_per_instance = {PLACES}
waiting = {WAITING}
hold_timeout_s = {HOLD_S}
"""


@pytest.fixture
def crowd(tmp_path):
    with concurrent.futures.ThreadPoolExecutor(64) as pool:
        crowd = Crowd(pool, tmp_path / "release")
        try:
            yield crowd
        finally:
            crowd.release()


class Crowd:
    """Many requests at once, and the file that lets go those which are held."""

    def __init__(self, pool, file):
        self.pool = pool
        self.file = file
        self.occupying = json.dumps({"test": {"until": str(file)}, "body": "held"}).encode()

    def ask(self, hosting, name, body, count=1, **more):
        """One try each; an error is an answer too."""
        client = hosting.server.client("sagemaker-runtime", max_pool_connections=64)

        def one():
            try:
                answer = client.invoke_endpoint(EndpointName=name, Body=body, **more)
                return answer["InvokedProductionVariant"], answer["Body"].read().decode()
            except ClientError as error:
                return error

        return [self.pool.submit(one) for _ in range(count)]

    def occupy(self, hosting, name, instances=1):
        """Every place of the endpoint is taken until the release."""
        held = self.ask(hosting, name, self.occupying, PLACES * instances)
        shows(hosting, name, "requests_in_flight", PLACES * instances)
        return held

    def queue(self, hosting, name, count, body=b"waited"):
        waiting = self.ask(hosting, name, body, count)
        shows(hosting, name, "requests_waiting", count)
        return waiting

    def release(self):
        self.file.touch()


def shows(hosting, name, metric, count):
    """Until the metric of an endpoint's variants is this in sum."""

    def look():
        return sum(value for _, value in Scrape(hosting.server).all(metric, endpoint=name))

    eventually(look, lambda seen: seen == count, f"{metric} is {count}")


def texts(futures):
    answers = [future.result(timeout=60) for future in futures]
    assert [answer for answer in answers if isinstance(answer, ClientError)] == []
    return [text for _, text in answers]


def assert_overloaded(error, words):
    assert isinstance(error, ClientError), error
    assert error.response["Error"]["Code"] == "ServiceUnavailable"
    assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 503
    assert words in error.response["Error"]["Message"]


def test_as_many_wait_as_may_and_the_next_are_told_at_once_to_come_again(hosting, crowd):
    name = hosting.deploy("plain")
    held = crowd.occupy(hosting, name)
    waiting = crowd.queue(hosting, name, WAITING)
    began = time.monotonic()
    for future in crowd.ask(hosting, name, b"one too many", 3):
        assert_overloaded(future.result(timeout=60), f"({PLACES}), and as many more wait as may ({WAITING})")
    assert time.monotonic() - began < HOLD_S / 2
    assert Scrape(hosting.server).value("requests_held") == WAITING
    crowd.release()
    assert texts(held) == ["held"] * PLACES
    assert texts(waiting) == ["waited"] * WAITING
    seen = Scrape(hosting.server)
    reasons = seen.by("reason", "invocations_unanswered_total", endpoint=name)
    assert reasons == {"timeout": 0, "lost": 0, "no_instance": 0, "line_full": 3, "waited_too_long": 0}
    assert seen.by("status_class", "invocations_total", endpoint=name)["2xx"] == PLACES + WAITING
    assert (seen.value("requests_waiting", endpoint=name), seen.value("requests_held")) == (0, 0)
    hosting.delete(name)


def test_an_sdk_with_its_usual_retries_comes_again_by_itself(hosting, crowd):
    name = hosting.deploy("plain")
    held, waiting = crowd.occupy(hosting, name), crowd.queue(hosting, name, WAITING)
    patient = hosting.server.client("sagemaker-runtime", retries={"mode": "standard", "total_max_attempts": 8})
    asked = crowd.pool.submit(lambda: patient.invoke_endpoint(EndpointName=name, Body=b"again"))

    def refusals():
        return Scrape(hosting.server).value("invocations_unanswered_total", endpoint=name, reason="line_full")

    eventually(refusals, lambda count: count >= 1, "it was refused")
    crowd.release()
    answer = asked.result(timeout=120)
    assert answer["Body"].read() == b"again"
    assert answer["ResponseMetadata"]["RetryAttempts"] >= 1
    assert len(texts(held) + texts(waiting)) == PLACES + WAITING
    hosting.delete(name)


def test_who_waits_too_long_is_told_to_come_again(make_server, crowd):
    server = make_server("[limits]\nin_flight_per_instance = 4\nhold_timeout_s = 1\n")
    hosting = Hosting(server)
    name = hosting.deploy("plain")
    held = crowd.occupy(hosting, name)
    began = time.monotonic()
    (asked,) = crowd.ask(hosting, name, b"too late")
    assert_overloaded(asked.result(timeout=60), "none was free within 1 seconds")
    assert time.monotonic() - began >= 1
    crowd.release()
    assert texts(held) == ["held"] * PLACES
    hosting.delete(name)


def test_requests_are_served_in_the_order_in_which_they_came(hosting, crowd):
    config = hosting.config(hosting.test_model("plain"))
    name = hosting.endpoint(config, Tags=[{"Key": "hostler:in_flight_per_instance", "Value": "1"}])
    held = crowd.ask(hosting, name, crowd.occupying)
    shows(hosting, name, "requests_in_flight", 1)
    waiting = []
    for turn in range(6):
        body = json.dumps({"test": {"log": f"turn {turn}"}, "body": str(turn)}).encode()
        waiting += crowd.ask(hosting, name, body)
        shows(hosting, name, "requests_waiting", turn + 1)
    crowd.release()
    assert texts(held + waiting) == ["held"] + [str(turn) for turn in range(6)]

    def turns():
        lines = hosting.server.cli("logs", name).stdout.decode().splitlines()
        return [line[line.index("turn ") :] for line in lines if "turn " in line]

    expected = [f"turn {turn}" for turn in range(6)]
    assert eventually(turns, lambda seen: len(seen) == 6, "the model's own log has them") == expected
    hosting.delete(name)


def test_a_client_that_goes_away_while_it_waits_leaves_the_line(hosting, crowd):
    name = hosting.deploy("plain")
    held = crowd.occupy(hosting, name)
    impatient = hosting.server.client("sagemaker-runtime", read_timeout=0.5)
    for _ in range(2):
        with pytest.raises(Exception, match="Read timeout"):
            impatient.invoke_endpoint(EndpointName=name, Body=b"gone")
    shows(hosting, name, "requests_waiting", 0)
    waiting = crowd.queue(hosting, name, WAITING)
    crowd.release()
    assert texts(held + waiting) == ["held"] * PLACES + ["waited"] * WAITING
    hosting.delete(name)


def test_a_stream_keeps_its_place_until_it_ends(hosting, crowd):
    config = hosting.config(hosting.test_model("plain"))
    name = hosting.endpoint(config, Tags=[{"Key": "hostler:in_flight_per_instance", "Value": "1"}])
    body = json.dumps({"test": {"events": 3, "pause_ms": 300}, "body": "event"}).encode()
    stream = hosting.runtime.invoke_endpoint_with_response_stream(EndpointName=name, Body=body)
    (waiting,) = crowd.ask(hosting, name, b"next")
    shows(hosting, name, "requests_waiting", 1)
    parts = list(stream["Body"])
    assert parts and texts([waiting]) == ["next"]
    hosting.delete(name)


# -- never lost ---------------------------------------------------------------------------------------------------


def test_who_waits_is_answered_by_an_update_to_another_variant(hosting, crowd):
    name = hosting.endpoint(says(hosting, "old", variant="one"))
    held = crowd.occupy(hosting, name)
    waiting = crowd.queue(hosting, name, WAITING)
    update(hosting, name, says(hosting, "new", variant="two", count=2))
    # Those that the old instance works on hold nobody up.
    assert {future.result(timeout=60) for future in waiting} == {("two", "new")}
    crowd.release()
    assert texts(held) == ["old"] * PLACES
    hosting.in_service(name)
    hosting.delete(name)


def pids_of(hosting, name):
    seen = json.loads(hosting.server.cli("describe", name, "--output", "json").stdout)
    return [instance["Pid"] for instance in seen["Instances"]]


def test_who_waits_is_answered_by_the_instance_that_follows_a_dead_one(hosting, crowd):
    name = hosting.deploy("plain")
    held = crowd.occupy(hosting, name)
    waiting = crowd.queue(hosting, name, WAITING)
    (pid,) = pids_of(hosting, name)
    os.kill(pid, signal.SIGKILL)
    for future in held:
        error = future.result(timeout=60)
        assert error.response["Error"]["Code"] == "ModelError"
        assert error.response["OriginalStatusCode"] == 0
    assert texts(waiting) == ["waited"] * WAITING
    hosting.delete(name)


def test_nothing_is_lost_when_an_endpoint_with_a_full_line_is_scaled_in(hosting, crowd):
    name = hosting.deploy("plain", count=3)
    held = crowd.occupy(hosting, name, instances=3)
    waiting = crowd.queue(hosting, name, WAITING)
    size = {"VariantName": "AllTraffic", "DesiredInstanceCount": 1}
    hosting.sagemaker.update_endpoint_weights_and_capacities(EndpointName=name, DesiredWeightsAndCapacities=[size])
    assert len(pids_of(hosting, name)) == 3
    crowd.release()
    assert texts(held + waiting) == ["held"] * 3 * PLACES + ["waited"] * WAITING
    hosting.in_service(name)
    eventually(lambda: pids_of(hosting, name), lambda pids: len(pids) == 1, "two have left")
    hosting.delete(name)


def test_who_waits_for_an_endpoint_that_is_deleted_is_told_at_once(hosting, crowd):
    name = hosting.deploy("plain")
    held = crowd.occupy(hosting, name)
    waiting = crowd.queue(hosting, name, WAITING)
    began = time.monotonic()
    hosting.sagemaker.delete_endpoint(EndpointName=name)
    for future in waiting:
        error = future.result(timeout=60)
        assert error.response["Error"]["Code"] == "ValidationError"
        assert error.response["Error"]["Message"] == f"Endpoint {name} of account 000000000000 not found."
    assert time.monotonic() - began < HOLD_S / 2
    crowd.release()
    assert texts(held) == ["held"] * PLACES
    hosting.gone(name)


# -- isolation ----------------------------------------------------------------------------------------------------

SLOW_MS = 400


class Flood:
    """Slow requests from many more threads than the endpoint takes, again and again."""

    def __init__(self, hosting, name, threads=24):
        self.done = threading.Event()
        self.answered, self.refused, self.others = 0, 0, []
        self._lock = threading.Lock()
        body = json.dumps({"test": {"delay_ms": SLOW_MS}, "body": "slow"}).encode()
        client = hosting.server.client("sagemaker-runtime", max_pool_connections=threads)
        self._threads = [threading.Thread(target=self._run, args=(client, name, body)) for _ in range(threads)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.done.set()
        for thread in self._threads:
            thread.join(timeout=60)

    def _run(self, client, name, body):
        while not self.done.is_set():
            try:
                client.invoke_endpoint(EndpointName=name, Body=body)["Body"].read()
                with self._lock:
                    self.answered += 1
            except ClientError as error:
                with self._lock:
                    if error.response["Error"]["Code"] == "ServiceUnavailable":
                        self.refused += 1
                    else:
                        self.others.append(error)
                # So that this program leaves the processor to the other endpoint's client.
                self.done.wait(0.05)


def latencies(hosting, name, count=60):
    taken = []
    for _ in range(count):
        began = time.monotonic()
        assert hosting.invoke(name, b"quick")["Payload"] == b"quick"
        taken.append(time.monotonic() - began)
    return statistics.median(taken)


def test_an_endpoint_that_is_flooded_costs_another_neither_time_nor_requests(hosting):
    flooded, other = hosting.deploy("plain"), hosting.deploy("plain")
    latencies(hosting, other, 10)
    alone = latencies(hosting, other)
    with Flood(hosting, flooded) as flood:
        eventually(lambda: flood.refused, lambda count: count > 20, "the flood is more than it takes")
        beside = latencies(hosting, other)
        refused = flood.refused
    # In one line with the flood each would have waited for some that take `SLOW_MS`.
    assert beside < 5 * alone + 0.05, f"{alone * 1000:.1f} ms alone, {beside * 1000:.1f} ms beside the flood"
    assert 5 * alone + 0.05 < SLOW_MS / 1000, f"this machine is too busy to tell: {alone * 1000:.1f} ms alone"
    assert refused > 20 and flood.answered > 0 and flood.others == []
    hosting.delete(flooded)
    hosting.delete(other)


# -- ejection -----------------------------------------------------------------------------------------------------


def test_an_instance_that_fails_while_the_other_answers_is_ejected_and_comes_back(hosting, tmp_path):
    name = hosting.deploy("moody", {"MOODY_DIR": str(tmp_path)}, count=2)

    def ask():
        try:
            return hosting.invoke(name)["Payload"].decode()
        except ClientError as error:
            assert error.response["OriginalStatusCode"] == 500
            return None

    def asked(count=60):
        return [ask() for _ in range(count)]

    pids = set(asked())
    assert len(pids) == 2
    sick, well = sorted(pids)
    (tmp_path / sick).touch()
    ejected = eventually(
        lambda: (asked(10), Scrape(hosting.server).value("instances_ejected", endpoint=name))[1],
        lambda count: count == 1,
        "it is ejected",
    )
    assert ejected == 1
    # Until its trial, and then for at most one request at a time, clients do not meet it.
    answers = asked()
    assert answers.count(None) <= 8 and well in answers, answers
    assert "an instance that keeps failing is ejected" in hosting.server.log()
    assert set(map(str, pids_of(hosting, name))) == pids, "its pings are answered: nobody replaces it"
    (tmp_path / sick).unlink()
    eventually(lambda: set(asked(20)), lambda seen: seen == pids, "it answers again", 60)
    seen = Scrape(hosting.server)
    assert seen.value("instances_ejected", endpoint=name) == 0
    assert seen.value("instance_ejections_total", endpoint=name) >= 1
    assert "an instance gets one request at a time, on trial" in hosting.server.log()
    # All of them fail: then nobody is ejected, for nobody would be better.
    before = seen.value("instance_ejections_total", endpoint=name)
    for pid in pids:
        (tmp_path / pid).touch()
    assert set(asked()) == {None}
    assert Scrape(hosting.server).value("instance_ejections_total", endpoint=name) == before
    hosting.delete(name)
