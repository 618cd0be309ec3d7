"""Makes the endpoint that run.py measures, and signs requests to it; run with the server's AWS settings.

    endpoint.py create ARCHIVE     uploads the archive and waits until an endpoint serves it
    endpoint.py sign URL           signs an invocation with the body on standard input, prints path and headers
"""

import json
import sys

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest

NAME = "bench-kmeans"
IMAGE = "382416733822.dkr.ecr.us-east-1.amazonaws.com/kmeans:1"
ROLE = "arn:aws:iam::000000000000:role/bench"


def create(archive):
    s3, sagemaker = boto3.client("s3"), boto3.client("sagemaker")
    s3.create_bucket(Bucket=NAME)
    s3.upload_file(archive, NAME, "model.tar.gz")
    container = {"Image": IMAGE, "ModelDataUrl": f"s3://{NAME}/model.tar.gz"}
    sagemaker.create_model(ModelName=NAME, ExecutionRoleArn=ROLE, PrimaryContainer=container)
    variant = {"VariantName": "AllTraffic", "ModelName": NAME, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    sagemaker.create_endpoint_config(EndpointConfigName=NAME, ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName=NAME, EndpointConfigName=NAME)
    waiter = sagemaker.get_waiter("endpoint_in_service")
    waiter.wait(EndpointName=NAME, WaiterConfig={"Delay": 1, "MaxAttempts": 60})


def sign(url):
    session = boto3.Session()
    path = f"/endpoints/{NAME}/invocations"
    request = AWSRequest("POST", url + path, data=sys.stdin.read(), headers={"Content-Type": "text/csv"})
    SigV4Auth(session.get_credentials(), "sagemaker", session.region_name).add_auth(request)
    headers = {**dict(request.headers), "Host": url.split("//", 1)[1]}
    print(json.dumps({"path": path, "headers": headers}))


if __name__ == "__main__":
    {"create": create, "sign": sign}[sys.argv[1]](sys.argv[2])
