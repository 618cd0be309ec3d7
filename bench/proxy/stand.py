"""The two sides before one model: Hostler with its endpoints, and nginx.

Invariants: both run for as long as the `with` does; the model is the same process for both.
"""

import contextlib
import json
import os
import pathlib
import re
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
HERE = ROOT / "bench/proxy"
EXAMPLE = ROOT / "examples/kmeans-digits"
KMEANS, MODEL = "bench-kmeans", "bench-model"  # endpoints: the built-in runtime's, and model.py's
KMEANS_IMAGE = "382416733822.dkr.ecr.us-east-1.amazonaws.com/kmeans:1"
MODEL_IMAGE = "bench-model"
ROLE = "arn:aws:iam::000000000000:role/bench"
READY_SECONDS = 60


class Side:
    """Somebody who takes requests; `processes` are those whose processor time and memory count."""

    def __init__(self, name, url, processes, is_signed=False, paths=None):
        self.name, self.url, self.processes, self.is_signed = name, url, processes, is_signed
        self.paths = paths or {}

    @property
    def port(self):
        return int(self.url.rsplit(":", 1)[1])

    def path(self, endpoint, operation="invocations"):
        return self.paths.get(endpoint, f"/endpoints/{endpoint}/{operation}")

    def headers(self, path, body, extra=()):
        """With a signature of now where one is wanted; it is good for minutes, so each round gets one of its own."""
        headers = {"Content-Type": "text/csv", **dict(extra)}
        return signed(self.url + path, body, headers) if self.is_signed else headers

    def raw(self, endpoint, body, extra=(), operation="invocations"):
        """The whole request in bytes."""
        path = self.path(endpoint, operation)
        headers = {"Host": f"127.0.0.1:{self.port}", "Content-Length": len(body), **self.headers(path, body, extra)}
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + body


@contextlib.contextmanager
def running(command, **options):
    """A process for the time of a `with`; its standard output can be read."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **options)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(READY_SECONDS)


@contextlib.contextmanager
def standing(hostler, limits=()):
    """Hostler, nginx, and for each endpoint the way around both."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        data, config = folder / "data", folder / "hostler.toml"
        command = [sys.executable, str(HERE / "model.py"), "{port}"]
        config.write_text("\n".join(limits) + f"\n[[image]]\nmatch = {json.dumps(MODEL_IMAGE)}\ncommand = {json.dumps(command)}\n")
        server = stack.enter_context(running([hostler, "serve", "--config", config, "--data-dir", data, "--listen", "127.0.0.1:0"],
                                             env={**os.environ, "HOSTLER_LOG": "warn"}))
        found = re.search(r"https?://\S+", server.stdout.readline())
        if not found:
            raise SystemExit("hostler did not start")
        os.environ.update(
            AWS_CONFIG_FILE=str(data / "aws/config"),
            AWS_SHARED_CREDENTIALS_FILE=str(data / "aws/credentials"),
            AWS_PROFILE="hostler",
        )
        create_endpoints(folder)
        addresses = {name: model_address(hostler, data, name) for name in (KMEANS, MODEL)}
        gateway = Side("hostler gateway, signed", found.group().rstrip("/"), lambda: [server.pid], is_signed=True)
        direct = {name: Side("direct, unsigned", f"http://{address}", lambda: [], paths={name: "/invocations"})
                  for name, address in addresses.items()}
        yield gateway, start_nginx(stack, folder, addresses), direct


def start_nginx(stack, folder, addresses):
    for part in ("body", "proxy", "fastcgi", "uwsgi", "scgi"):
        (folder / part).mkdir()
    port, config = free_port(), (HERE / "nginx.conf").read_text()
    marks = {"@PORT@": port, "@KMEANS@": addresses[KMEANS], "@MODEL@": addresses[MODEL], "@FOLDER@": folder}
    for mark, value in marks.items():
        config = config.replace(mark, str(value))
    (folder / "nginx.conf").write_text(config)
    nginx = stack.enter_context(running([shutil.which("nginx") or "/usr/sbin/nginx", "-c", folder / "nginx.conf"]))
    deadline = time.monotonic() + READY_SECONDS
    while not connects(port):
        if nginx.poll() is not None or time.monotonic() > deadline:
            raise SystemExit("nginx did not come up")
        time.sleep(0.02)
    return Side("nginx, unsigned", f"http://127.0.0.1:{port}", lambda: [nginx.pid, *children(nginx.pid)])


def create_endpoints(folder):
    import boto3

    s3, sagemaker = boto3.client("s3"), boto3.client("sagemaker")
    s3.create_bucket(Bucket="bench")
    s3.upload_file(str(EXAMPLE / "model.tar.gz"), "bench", "kmeans.tar.gz")
    for name, image in ((KMEANS, KMEANS_IMAGE), (MODEL, MODEL_IMAGE)):
        container = {"Image": image, "ModelDataUrl": "s3://bench/kmeans.tar.gz"}
        sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer=container)
        variant = {"VariantName": "AllTraffic", "ModelName": name, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
        sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
        sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    for name in (KMEANS, MODEL):
        sagemaker.get_waiter("endpoint_in_service").wait(EndpointName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60})


def signed(url, body, headers):
    import boto3
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest

    session = boto3.Session()
    request = AWSRequest("POST", url, data=body, headers=headers)
    SigV4Auth(session.get_credentials(), "sagemaker", session.region_name).add_auth(request)
    return dict(request.headers)


def model_address(hostler, data, name):
    """Where the endpoint's one instance listens, from the operator's own command."""
    command = [hostler, "describe", name, "--data-dir", data, "--output", "json"]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    [instance] = found["Instances"]
    return instance["Address"]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def connects(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def children(parent):
    found = []
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if int(stat.read_text().rsplit(")", 1)[1].split()[1]) == parent:
                found.append(int(stat.parent.name))
    return found
