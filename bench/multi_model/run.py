"""1,000 models behind one endpoint beside the same model behind an endpoint of its own.

Usage: python3 bench/multi_model/run.py --hostler target/release/hostler [--models 1000] [--rounds 5]
Needs boto3 (the conformance suite's virtual environment has it). One connection, one request at a time; the two
endpoints take turns by blocks within each round, and the targets go round all models.
"""

import argparse
import http.client
import os
import pathlib
import statistics
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
IMAGE = "382416733822.dkr.ecr.us-east-1.amazonaws.com/kmeans:1"
ROLE = "arn:aws:iam::000000000000:role/bench"
BLOCK = 200


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--hostler", default=str(ROOT / "target/release/hostler"))
    args.add_argument("--models", type=int, default=1000)
    args.add_argument("--rounds", type=int, default=5)
    args = args.parse_args()
    with tempfile.TemporaryDirectory() as data_dir:
        command = [args.hostler, "serve", "--data-dir", data_dir, "--listen", "127.0.0.1:0"]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            server.stdout.readline()
            measure(pathlib.Path(data_dir), args)
        finally:
            server.terminate()
            server.wait()


class Asker:
    """Signed requests over one kept connection, the signing not in the measured time."""

    def __init__(self, session, url):
        self.credentials = session.get_credentials()
        self.host = url.split("://")[1]
        self.connection = http.client.HTTPConnection(self.host)

    def ask(self, endpoint, body, target):
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest

        path = f"/endpoints/{endpoint}/invocations"
        headers = {"Content-Type": "text/csv"} | ({"X-Amzn-SageMaker-Target-Model": target} if target else {})
        request = AWSRequest("POST", f"http://{self.host}{path}", data=body, headers=headers)
        SigV4Auth(self.credentials, "sagemaker", "us-east-1").add_auth(request)
        begun = time.perf_counter()
        self.connection.request("POST", path, body, dict(request.headers))
        answer = self.connection.getresponse()
        text = answer.read()
        took = (time.perf_counter() - begun) * 1e6
        assert answer.status == 200, (answer.status, text)
        return took


def measure(data_dir, args):
    os.environ.update(
        AWS_CONFIG_FILE=f"{data_dir}/aws/config",
        AWS_SHARED_CREDENTIALS_FILE=f"{data_dir}/aws/credentials",
        AWS_PROFILE="hostler",
    )
    import boto3

    session = boto3.Session()
    s3, sagemaker = (session.client(name) for name in ("s3", "sagemaker"))
    model = (ROOT / "examples/kmeans-digits/model.tar.gz").read_bytes()
    s3.create_bucket(Bucket="bench")
    targets = [f"m{number:04}.tar.gz" for number in range(args.models)]
    for target in targets:
        s3.put_object(Bucket="bench", Key=f"many/{target}", Body=model)
    s3.put_object(Bucket="bench", Key="one.tar.gz", Body=model)

    def endpoint(name, container):
        sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer={"Image": IMAGE} | container)
        variant = {"VariantName": "v", "ModelName": name, "InstanceType": "ml.t2.medium", "InitialInstanceCount": 1}
        sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
        sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
        while sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"] == "Creating":
            pass

    endpoint("many", {"Mode": "MultiModel", "ModelDataUrl": "s3://bench/many/"})
    endpoint("one", {"ModelDataUrl": "s3://bench/one.tar.gz"})
    asker = Asker(session, sagemaker.meta.endpoint_url)
    body = ",".join(["0"] * 64)
    first = [asker.ask("many", body, target) for target in targets]
    asker.ask("one", body, None)
    print(f"first calls of {args.models} models: median {statistics.median(first) / 1000:.1f} ms, p99 {p99(first) / 1000:.1f} ms")
    ratios, all_many, all_one = {"p50": [], "p99": []}, [], []
    for _ in range(args.rounds):
        many, one = [], []
        for begin in range(0, max(args.models, 5 * BLOCK), BLOCK):
            many += [asker.ask("many", body, targets[(begin + n) % args.models]) for n in range(BLOCK)]
            one += [asker.ask("one", body, None) for _ in range(BLOCK)]
        ratios["p50"].append(statistics.median(many) / statistics.median(one))
        ratios["p99"].append(p99(many) / p99(one))
        all_many += many
        all_one += one
    for name, took in (("many", all_many), ("one", all_one)):
        print(f"warm, {name}: median {statistics.median(took):.0f} us, p99 {p99(took):.0f} us, {len(took)} requests")
    for name, found in ratios.items():
        print(f"{name}, many / one: {statistics.median(found):.2f} (median of {len(found)} rounds)")
    for pid, kib in runtimes(data_dir):
        print(f"process {pid}: {kib / 1024:.1f} MiB resident")


def runtimes(data_dir):
    for entry in pathlib.Path("/proc").iterdir():
        try:
            command = (entry / "cmdline").read_bytes().split(b"\0")
            if len(command) > 1 and command[1] == b"runtime" and str(data_dir).encode() in b" ".join(command):
                status = (entry / "status").read_text()
                yield entry.name, int(status.split("VmRSS:")[1].split()[0])
        except OSError:
            continue


def p99(values):
    return sorted(values)[int(len(values) * 0.99)]


main()
