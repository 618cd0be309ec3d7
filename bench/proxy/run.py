#!/usr/bin/env python3
"""InvokeEndpoint, signed, beside nginx that proxies unsigned to the very same runtime process. See README.md.

Usage: python3 bench/proxy/run.py --hostler target/release/hostler
Needs boto3 (the conformance suite's virtual environment has it), nginx, wrk and h2load on the path.
"""

import argparse
import contextlib
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
HERE = ROOT / "bench/proxy"
EXAMPLE = ROOT / "examples/kmeans-digits"
NAME = "bench-proxy"
IMAGE = "382416733822.dkr.ecr.us-east-1.amazonaws.com/kmeans:1"
ROLE = "arn:aws:iam::000000000000:role/bench"
PATH = f"/endpoints/{NAME}/invocations"
READY_SECONDS = 60
SETTLE_SECONDS = 1  # of load before each measured round, thrown away


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hostler", default=ROOT / "target/release/hostler", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=5, help="of one measured round")
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--rate", type=int, default=2000, help="requests a second of the rounds at a fixed rate")
    return parser.parse_args()


@contextlib.contextmanager
def running(command, **options):
    """A process for the time of a `with`; its standard output can be read."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **options)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(READY_SECONDS)


def wait_for(answers, process, what):
    deadline = time.monotonic() + READY_SECONDS
    while not answers():
        if process.poll() is not None or time.monotonic() > deadline:
            raise SystemExit(f"{what} did not come up")
        time.sleep(0.02)


class Side:
    """A proxy before the model: `processes` tells whose processor time counts, the model's own does not."""

    def __init__(self, name, url, processes, make_headers):
        self.name, self.url, self.processes, self.make_headers = name, url, processes, make_headers
        self.throughput, self.fixed = [], []


def sides(arguments, stack):
    folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
    data = folder / "data"
    server = stack.enter_context(running([arguments.hostler, "serve", "--data-dir", data, "--listen", "127.0.0.1:0"]))
    url = re.search(r"https?://\S+", server.stdout.readline()).group().rstrip("/")
    os.environ.update(
        AWS_CONFIG_FILE=str(data / "aws/config"),
        AWS_SHARED_CREDENTIALS_FILE=str(data / "aws/credentials"),
        AWS_PROFILE="hostler",
    )
    create_endpoint()
    yield Side("hostler gateway, signed", url, lambda: [server.pid], lambda body: signed(url, body))

    upstream = model_address(arguments.hostler, data)
    for part in ("body", "proxy", "fastcgi", "uwsgi", "scgi"):
        (folder / part).mkdir()
    port = free_port()
    config = (HERE / "nginx.conf").read_text()
    for mark, value in (("@PORT@", str(port)), ("@UPSTREAM@", upstream), ("@FOLDER@", str(folder))):
        config = config.replace(mark, value)
    (folder / "nginx.conf").write_text(config)
    nginx = stack.enter_context(running([shutil.which("nginx") or "/usr/sbin/nginx", "-c", folder / "nginx.conf"]))
    nginx_url = f"http://127.0.0.1:{port}"
    wait_for(lambda: connects(port), nginx, "nginx")
    yield Side("nginx, unsigned", nginx_url, lambda: [nginx.pid, *children(nginx.pid)], lambda body: {"Content-Type": "text/csv"})


def create_endpoint():
    import boto3

    s3, sagemaker = boto3.client("s3"), boto3.client("sagemaker")
    s3.create_bucket(Bucket=NAME)
    s3.upload_file(str(EXAMPLE / "model.tar.gz"), NAME, "model.tar.gz")
    container = {"Image": IMAGE, "ModelDataUrl": f"s3://{NAME}/model.tar.gz"}
    sagemaker.create_model(ModelName=NAME, ExecutionRoleArn=ROLE, PrimaryContainer=container)
    variant = {"VariantName": "AllTraffic", "ModelName": NAME, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    sagemaker.create_endpoint_config(EndpointConfigName=NAME, ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName=NAME, EndpointConfigName=NAME)
    waiter = sagemaker.get_waiter("endpoint_in_service")
    waiter.wait(EndpointName=NAME, WaiterConfig={"Delay": 1, "MaxAttempts": 60})


def signed(url, body):
    """A signature that botocore makes; it is good for minutes, so each round gets one of its own."""
    import boto3
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest

    session = boto3.Session()
    request = AWSRequest("POST", url + PATH, data=body, headers={"Content-Type": "text/csv"})
    SigV4Auth(session.get_credentials(), "sagemaker", session.region_name).add_auth(request)
    return dict(request.headers)


def model_address(hostler, data):
    """Where the endpoint's one instance listens, from the operator's own command."""
    command = [hostler, "describe", NAME, "--data-dir", data, "--output", "json"]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    [instance] = found["Instances"]
    return instance["Address"]


def free_port():
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def connects(port):
    import socket

    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def children(parent):
    found = []
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if int(stat.read_text().rsplit(")", 1)[1].split()[1]) == parent:
                found.append(int(stat.parent.name))
    return found


def cpu_seconds(pids):
    """What the scheduler counted, in nanoseconds and for every thread; the ticks in `stat` are too coarse for this."""
    spent = 0
    for pid in pids:
        for thread in pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat"):
            with contextlib.suppress(OSError):
                spent += int(thread.read_text().split()[0])
    return spent / 1e9


def check_answer(side, body):
    """No figure is worth anything if the answers differ."""
    request = urllib.request.Request(side.url + PATH, data=body, headers=side.make_headers(body))
    with urllib.request.urlopen(request, timeout=30) as response:
        [got] = json.load(response)["predictions"]
    expected = json.loads((EXAMPLE / "expected.json").read_text())["predictions"][0]
    if got["closest_cluster"] != expected["closest_cluster"]:
        raise SystemExit(f"{side.name} answered {got}; expected {expected}")


def flood(side, body, connections, seconds):
    """As many requests as it takes, by wrk."""
    with tempfile.NamedTemporaryFile() as file:
        head = f"POST {PATH}\n" + "".join(f"{name}: {value}\n" for name, value in side.make_headers(body).items())
        file.write(head.encode() + b"\n" + body)
        file.flush()
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", ROOT / "bench/kmeans/wrk.lua", side.url]
        environment = {**os.environ, "REQUEST_FILE": file.name}
        output = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout
    result = json.loads(output.split("RESULT ", 1)[1].splitlines()[0])
    if result["failed"]:
        raise SystemExit(f"{side.name}: {result['failed']} requests failed")
    return result


def trickle(side, body, connections, rate, seconds):
    """The same number of requests a second for every side, by h2load; the proxy's processor time for each."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(body)
        file.flush()
        headers = [part for name, value in side.make_headers(body).items() for part in ("-H", f"{name}: {value}")]
        command = ["h2load", "--h1", "-t1", f"-c{connections}", f"--rps={rate / connections}", f"-D{seconds}",
                   *headers, "-d", file.name, side.url + PATH]
        before = cpu_seconds(side.processes())
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        spent = cpu_seconds(side.processes()) - before
    done, good = (int(re.search(rf"(\d+) {word}", output).group(1)) for word in ("done", "2xx"))
    if done != good or done < 0.9 * rate * seconds:
        raise SystemExit(f"{side.name}: {good} good answers of {done}, {rate * seconds} wanted\n{output}")
    return {"cpu_us": spent / done * 1e6, "rate": done / seconds}


def report(found, arguments):
    middle = lambda values: statistics.median(values)
    hostler, nginx = found
    rate = {side: middle([one["per_second"] for one in side.throughput]) for side in found}
    cpu = {side: middle([one["cpu_us"] for one in side.fixed]) for side in found}
    print(f"\nOne-row CSV requests to one runtime process; {arguments.connections} connections, medians of {arguments.rounds} "
          f"rounds of {arguments.seconds} s, in turn; {os.cpu_count()} cores shared by client, proxy and model.\n")
    print(f"| side | requests/s (wrk) | least - most | p50 | p99 | proxy CPU per request at {arguments.rate}/s |")
    print("|---|---|---|---|---|---|")
    for side in found:
        rates = [one["per_second"] for one in side.throughput]
        p50, p99 = (middle([one[key] for one in side.throughput]) / 1000 for key in ("p50_us", "p99_us"))
        print(f"| {side.name} | {rate[side]:,.0f} | {min(rates):,.0f} - {max(rates):,.0f} | {p50:.2f} ms | {p99:.2f} ms "
              f"| {cpu[side]:.1f} us |")
    print(f"\nhostler / nginx: throughput {rate[hostler] / rate[nginx]:.2f}, CPU per request {cpu[hostler] / cpu[nginx]:.2f}")


def main():
    arguments = parse_arguments()
    missing = [tool for tool in ("wrk", "h2load") if not shutil.which(tool)]
    if missing:
        raise SystemExit(f"{' and '.join(missing)} not found (apt-get install wrk nghttp2-client nginx-light)")
    body = (EXAMPLE / "rows.csv").read_text().splitlines()[0].encode()
    with contextlib.ExitStack() as stack:
        found = list(sides(arguments, stack))
        for side in found:
            check_answer(side, body)
        for number in range(arguments.rounds):
            for side in found:
                flood(side, body, arguments.connections, SETTLE_SECONDS)
                side.throughput.append(flood(side, body, arguments.connections, arguments.seconds))
            for side in found:
                trickle(side, body, arguments.connections, arguments.rate, SETTLE_SECONDS)
                side.fixed.append(trickle(side, body, arguments.connections, arguments.rate, arguments.seconds))
            print(f"round {number + 1} done", file=sys.stderr)
        report(found, arguments)


if __name__ == "__main__":
    main()
