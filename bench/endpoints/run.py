#!/usr/bin/env python3
"""A server with many endpoints on the simulated backend: memory, calls, listings, changes, restart. See README.md.

Usage: python3 bench/endpoints/run.py --hostler target/release/hostler [--endpoints 100 1000]
Needs botocore (the conformance suite's virtual environment has it).
"""

import argparse
import contextlib
import http.client
import json
import os
import pathlib
import statistics
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
IMAGE = "382416733822.dkr.ecr.us-east-1.amazonaws.com/kmeans:1"
ROLE = "arn:aws:iam::000000000000:role/bench"
READY_SECONDS = 120
IDLE_SECONDS = 60  # at least one sweep of all endpoints
LOOKS = 300  # of each kind of call that is measured at the end


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hostler", default=ROOT / "target/release/hostler", type=pathlib.Path)
    parser.add_argument("--endpoints", type=int, nargs="+", default=[100, 1000])
    return parser.parse_args()


class Server:
    """A server in a folder of its own, called over one kept connection with botocore's signatures."""

    def __init__(self, hostler, folder):
        self.hostler, self.data = hostler, pathlib.Path(folder) / "data"
        self.settings = pathlib.Path(folder) / "hostler.toml"
        self.settings.write_text('backend = "simulated"\n' + QUOTAS)

    def start(self):
        begun = time.perf_counter()
        command = [self.hostler, "serve", "--config", self.settings, "--data-dir", self.data, "--listen", "127.0.0.1:0"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.host = self.process.stdout.readline().split("//", 1)[1].split()[0].rstrip("/")
        ready = time.perf_counter() - begun
        os.environ.update(
            AWS_CONFIG_FILE=str(self.data / "aws/config"),
            AWS_SHARED_CREDENTIALS_FILE=str(self.data / "aws/credentials"),
            AWS_PROFILE="hostler",
        )
        import botocore.session

        self.session = botocore.session.Session()
        self.connection = http.client.HTTPConnection(self.host)
        return ready

    def stop(self, kill=False):
        (self.process.kill if kill else self.process.terminate)()
        self.process.wait()

    def call(self, operation, service="sagemaker", **members):
        """The answer and the milliseconds from the first byte sent to the last byte read; signing is not in them."""
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest

        body = json.dumps(members).encode()
        headers = {"X-Amz-Target": f"SageMaker.{operation}", "Content-Type": "application/x-amz-json-1.1"}
        request = AWSRequest("POST", f"http://{self.host}/", data=body, headers=headers)
        SigV4Auth(self.session.get_credentials(), service, "us-east-1").add_auth(request)
        begun = time.perf_counter()
        self.connection.request("POST", "/", body, dict(request.headers))
        with contextlib.closing(self.connection.getresponse()) as response:
            text = response.read()
        took = (time.perf_counter() - begun) * 1000
        if response.status != 200:
            raise SystemExit(f"{operation}: {response.status} {text.decode()}")
        return json.loads(text or b"{}"), took

    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory_mb(self):
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        raise SystemExit("there is no VmRSS")

    def pages(self, **filters):
        """Every page of a listing: the endpoints on it and what each page took."""
        token, found, times = {}, [], []
        while True:
            answer, took = self.call("ListEndpoints", MaxResults=100, **filters, **token)
            found += answer["Endpoints"]
            times.append(took)
            if "NextToken" not in answer:
                return found, times
            token = {"NextToken": answer["NextToken"]}

    def wait_until_in_service(self, count):
        begun = time.perf_counter()
        while len(self.pages(StatusEquals="InService")[0]) < count:
            if time.perf_counter() - begun > READY_SECONDS:
                raise SystemExit(f"not all of {count} endpoints became InService")
            time.sleep(0.05)
        return time.perf_counter() - begun


# More than anybody measures here.
QUOTAS = "[quotas]\nendpoints = 100000\ndefault_instances = 100000\n"


def measure(hostler, count):
    with tempfile.TemporaryDirectory() as folder:
        server = Server(hostler, folder)
        server.start()
        try:
            return measured(server, count)
        finally:
            server.stop(kill=True)


def measured(server, count):
    container = {"Image": IMAGE}
    server.call("CreateModel", ModelName="bench", ExecutionRoleArn=ROLE, PrimaryContainer=container)
    variant = {"VariantName": "v", "ModelName": "bench", "InstanceType": "ml.t2.medium", "InitialInstanceCount": 1}
    server.call("CreateEndpointConfig", EndpointConfigName="bench", ProductionVariants=[variant])
    empty = server.memory_mb()
    create = []
    for index in range(count):
        members = {"EndpointName": f"bench-{index:05}", "EndpointConfigName": "bench"}
        create.append(server.call("CreateEndpoint", **members)[1])
    server.wait_until_in_service(count)
    row = {"endpoints": count, "create": create}
    row["describe"] = [
        server.call("DescribeEndpoint", EndpointName=f"bench-{index * 7919 % count:05}")[1] for index in range(LOOKS)
    ]
    filters = [
        {},
        {"SortBy": "Name", "SortOrder": "Ascending"},
        {"NameContains": "-00"},
        {"NameContains": "none-has-this"},
        {"StatusEquals": "InService"},
        {"StatusEquals": "Failed"},
        {"SortBy": "Status", "CreationTimeAfter": 0},
    ]
    row["list"] = []
    while len(row["list"]) < LOOKS:
        for one in filters:
            row["list"] += server.pages(**one)[1]
    row |= changes(server, count)
    row["memory_mb"], row["empty_mb"] = server.memory_mb(), empty
    server.stop()
    row["ready_s"] = server.start()
    return row


def changes(server, count):
    """New weights, one endpoint after the other: four reconcile runs and one change of routing each. DescribeEndpoint is
    held until the change is through. The server's CPU time has the calls in it, and nothing that the sweep did meanwhile
    is taken off."""
    before, took = server.cpu_seconds(), []
    for index in range(LOOKS):
        name = f"bench-{index * 7907 % count:05}"
        desired = [{"VariantName": "v", "DesiredWeight": index + 2.0}]
        _, called = server.call("UpdateEndpointWeightsAndCapacities", EndpointName=name, DesiredWeightsAndCapacities=desired)
        seen, held = server.call("DescribeEndpoint", EndpointName=name)
        if seen["EndpointStatus"] != "InService" or seen["ProductionVariants"][0]["CurrentWeight"] != index + 2.0:
            raise SystemExit(f"the change did not come through: {seen}")
        took.append(called + held)
    row = {"change": took, "change_cpu_us": (server.cpu_seconds() - before) / LOOKS * 1e6}
    before = server.cpu_seconds()
    time.sleep(IDLE_SECONDS)
    return row | {"idle_percent": (server.cpu_seconds() - before) / IDLE_SECONDS * 100}


def p99(values):
    return statistics.quantiles(values, n=100)[98]


def main():
    arguments = parse_arguments()
    rows = [measure(arguments.hostler, count) for count in arguments.endpoints]
    print("| endpoints | CreateEndpoint p50 / p99 | DescribeEndpoint p50 / p99 | ListEndpoints page of 100, any filter, p50 / p99 "
          "| new weights to InService p50 / p99 | server CPU of that | memory (empty) | idle CPU | restart to ready |")
    print("|---|---|---|---|---|---|---|---|---|")
    for row in rows:
        each = ("create", "describe", "list", "change")
        times = [f"{statistics.median(row[what]):.1f} / {p99(row[what]):.1f} ms" for what in each]
        print(f"| {row['endpoints']:,} | {' | '.join(times)} | {row['change_cpu_us'] / 1000:.2f} ms "
              f"| {row['memory_mb']:.0f} MB ({row['empty_mb']:.0f}) | {row['idle_percent']:.1f} % | {row['ready_s']:.2f} s |")


if __name__ == "__main__":
    main()
