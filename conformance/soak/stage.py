"""The endpoints of the soak, and what is done to them while they are asked: kills, updates, rude clients.

Every injury is written down with its moment, so that a failed request can be laid to one, or to none.
"""

import contextlib
import json
import os
import random
import signal
import socket
import threading
import time

from harness.hosting import fresh, production_variant
from harness.raw_client import RawClient
from harness.waiting import eventually
from soak.mix import KIB, MIB, Kind

SETTLE_S = 120.0
# Between two things that are done to endpoints.
PAUSE_S = 1.0


def instances(count):
    return {"Type": "INSTANCE_COUNT", "Value": count}


def blue_green(kind, **sizes):
    traffic = {"Type": kind, "WaitIntervalInSeconds": 1, **sizes}
    return {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": traffic, "TerminationWaitInSeconds": 1}}


POLICIES = [
    blue_green("ALL_AT_ONCE"),
    blue_green("CANARY", CanarySize=instances(1)),
    blue_green("LINEAR", LinearStepSize=instances(1)),
    {"RollingUpdatePolicy": {"MaximumBatchSize": instances(1), "WaitIntervalInSeconds": 0}},
]


class Stage:
    """Four endpoints, each asked in its own way."""

    def __init__(self, hosting, seed):
        self.hosting = hosting
        self.random = random.Random(seed)
        # Endpoint and moment of every kill.
        self.kills = []
        self.done = {}
        model = hosting.test_model("plain")
        two = {name: [hosting.config(model, count=2) for _ in range(2)] for name in ("small", "kept", "large")}
        self.configs = two
        self.small = hosting.endpoint(two["small"][0], wait=False)
        self.kept = hosting.endpoint(
            two["kept"][0], wait=False, Tags=[{"Key": "hostler:retry_lost", "Value": "true"}]
        )
        self.large = hosting.endpoint(two["large"][0], wait=False)
        config = fresh("config")
        hosting.sagemaker.create_endpoint_config(
            EndpointConfigName=config,
            ProductionVariants=[production_variant(model, name) for name in ("blue", "green")],
        )
        self.weighted = hosting.endpoint(config, wait=False)
        self.endpoints = [self.small, self.kept, self.large, self.weighted]
        for name in self.endpoints:
            hosting.in_service(name)

    def kinds(self):
        return [
            Kind("small", self.small, 60.0, KIB),
            Kind("retried", self.kept, 20.0, KIB),
            Kind("weighted", self.weighted, 10.0, 4 * KIB),
            Kind("slow", self.small, 5.0, KIB, "delay_ms=100"),
            Kind("streamed", self.small, 3.0, KIB, "chunks=5; pause_ms=10", streamed_chunks=5),
            Kind("1 MB", self.large, 3.0, MIB),
            Kind("20 MB", self.large, 0.15, 20 * MIB),
        ]

    # -- what is done ---------------------------------------------------------------------------

    def injuries(self, until):
        """Something every few seconds, to one endpoint at a time, which is whole again before the next."""
        deeds = [
            self.kill_small,
            self.kill_retried,
            self.kill_large,
            self.update_small,
            self.update_retried,
            self.update_large,
            self.weigh,
            self.scale,
        ]
        while True:
            self.random.shuffle(deeds)
            for deed in deeds:
                if time.monotonic() > until:
                    return
                deed()
                self.done[deed.__name__] = self.done.get(deed.__name__, 0) + 1
                time.sleep(PAUSE_S)

    def kill_small(self):
        self._kill(self.small)

    def kill_retried(self):
        self._kill(self.kept)

    def kill_large(self):
        self._kill(self.large)

    def _kill(self, name):
        victim = self.random.choice(self._instances(name))
        self.kills.append((name, time.monotonic()))
        os.kill(victim, signal.SIGKILL)
        self._whole(name, lambda pids: victim not in pids)

    def _described(self, name):
        return json.loads(self.hosting.server.cli("describe", name, "--output", "json").stdout)

    def _instances(self, name):
        """Process ids of those that take requests."""
        return [each["Pid"] for each in self._described(name)["Instances"] if each["Health"] == "Healthy"]

    def _whole(self, name, also=lambda pids: True):
        def is_whole(seen):
            here = [each for each in seen["Instances"] if each["Intent"] == "Wanted"]
            wanted = sum(variant["count"] for variant in seen["Variants"])
            is_all = len(seen["Instances"]) == len(here) == wanted
            return (
                seen["EndpointStatus"] == "InService"
                and is_all
                and all(each["Health"] == "Healthy" for each in here)
                and also([each["Pid"] for each in here])
            )

        # Seldom enough that looking costs little beside the load.
        eventually(lambda: self._described(name), is_whole, f"endpoint {name} is whole", SETTLE_S, poll_s=0.5)

    def update_small(self):
        self._update("small", self.small)

    def update_retried(self):
        self._update("kept", self.kept)

    def update_large(self):
        self._update("large", self.large)

    def _update(self, which, name):
        configs = self.configs[which]
        configs.reverse()
        self.hosting.sagemaker.update_endpoint(
            EndpointName=name, EndpointConfigName=configs[0], DeploymentConfig=self.random.choice(POLICIES)
        )
        self._whole(name)

    def weigh(self):
        self._resize(self.weighted, [("blue", {"DesiredWeight": self.random.choice([0.0, 1.0, 3.0])})])

    def scale(self):
        self._resize(
            self.weighted, [(name, {"DesiredInstanceCount": self.random.choice([1, 2])}) for name in ("blue", "green")]
        )

    def _resize(self, name, sizes):
        self.hosting.sagemaker.update_endpoint_weights_and_capacities(
            EndpointName=name,
            DesiredWeightsAndCapacities=[{"VariantName": variant, **size} for variant, size in sizes],
        )
        self._whole(name)

    # -- clients without manners --------------------------------------------------------------------

    def rudeness(self, stop):
        """Clients that leave, give up, send half and send garbage; nobody else may notice."""
        deeds = [self._leaves_early, self._gives_up, self._sends_half, self._sends_garbage, self._leaves_in_the_answer]
        while not stop.wait(0.2):
            with RawClient(self.hosting.server) as client, contextlib.suppress(OSError):
                deed = self.random.choice(deeds)
                deed(client)
                self.done[deed.__name__] = self.done.get(deed.__name__, 0) + 1

    def _leaves_early(self, client):
        client.send(client.request(self.small, b"x" * KIB))
        client.reset()

    def _gives_up(self, client):
        slow = ["X-Amzn-SageMaker-Custom-Attributes: test: delay_ms=2000"]
        client.send(client.request(self.small, b"x", headers=slow))
        client.socket.settimeout(0.1)
        with contextlib.suppress(socket.timeout):
            client.socket.recv(1)

    def _sends_half(self, client):
        whole = client.request(self.large, b"x" * MIB)
        client.send(whole[: self.random.randrange(len(whole))])

    def _sends_garbage(self, client):
        client.send_what_goes(self.random.randbytes(2000))
        client.rest()

    def _leaves_in_the_answer(self, client):
        client.send(client.request(self.large, b"x" * MIB))
        client.socket.recv(100)
        client.reset()

    def rude_clients(self):
        """A thread of them; set the event to end it."""
        stop = threading.Event()
        thread = threading.Thread(target=self.rudeness, args=(stop,), daemon=True)
        thread.start()
        return stop, thread
