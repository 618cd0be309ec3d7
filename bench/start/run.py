"""CreateEndpoint to InService, artifact cached and cold, as boto3 sees it.

Usage: python3 bench/start/run.py --hostler target/release/hostler [--rounds 25]
Needs boto3 (the conformance suite's virtual environment has it). Cached and cold rounds alternate.
"""

import argparse
import os
import pathlib
import statistics
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
IMAGE = "382416733822.dkr.ecr.us-east-1.amazonaws.com/kmeans:1"
ROLE = "arn:aws:iam::000000000000:role/bench"


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--hostler", default=str(ROOT / "target/release/hostler"))
    args.add_argument("--rounds", type=int, default=25)
    args = args.parse_args()
    with tempfile.TemporaryDirectory() as data_dir:
        command = [args.hostler, "serve", "--data-dir", data_dir, "--listen", "127.0.0.1:0"]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            server.stdout.readline()
            measure(data_dir, args.rounds)
        finally:
            server.terminate()
            server.wait()


def measure(data_dir, rounds):
    os.environ.update(
        AWS_CONFIG_FILE=f"{data_dir}/aws/config",
        AWS_SHARED_CREDENTIALS_FILE=f"{data_dir}/aws/credentials",
        AWS_PROFILE="hostler",
    )
    import boto3

    s3, sagemaker, runtime = (boto3.client(name) for name in ("s3", "sagemaker", "sagemaker-runtime"))
    model = (ROOT / "examples/kmeans-digits/model.tar.gz").read_bytes()
    s3.create_bucket(Bucket="bench")
    s3.put_object(Bucket="bench", Key="warm.tar.gz", Body=model)
    row = ",".join(["0"] * 64)
    took = {"cached": [], "cold": []}

    def one(name, key):
        container = {"Image": IMAGE, "ModelDataUrl": f"s3://bench/{key}"}
        sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer=container)
        variant = {"VariantName": "v", "ModelName": name, "InstanceType": "ml.t2.medium", "InitialInstanceCount": 1}
        sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
        begun = time.perf_counter()
        sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
        while sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"] == "Creating":
            pass
        seconds = time.perf_counter() - begun
        assert runtime.invoke_endpoint(EndpointName=name, ContentType="text/csv", Body=row)["Body"].read()
        sagemaker.delete_endpoint(EndpointName=name)
        return seconds * 1000

    one("first", "warm.tar.gz")
    for index in range(rounds):
        took["cached"].append(one(f"cached-{index}", "warm.tar.gz"))
        s3.put_object(Bucket="bench", Key=f"cold-{index}.tar.gz", Body=model)
        took["cold"].append(one(f"cold-{index}", f"cold-{index}.tar.gz"))
    for kind, goal in (("cached", 100), ("cold", 250)):
        times = sorted(took[kind])
        median = statistics.median(times)
        print(f"{kind:7} median {median:6.1f} ms, worst {times[-1]:6.1f} ms of {rounds}; goal {goal} ms: ratio {median / goal:.2f}")


if __name__ == "__main__":
    main()
