"""The steps that most tests begin with: upload, create, wait, invoke, delete."""

import itertools
import time

from harness.artifacts import KMEANS_IMAGE, kmeans_archive
from harness.waiting import eventually

ROLE = "arn:aws:iam::000000000000:role/conformance"
ACCOUNT = "000000000000"
REGION = "us-east-1"
BUCKET = "conformance-models"
MODEL_KEY = "kmeans/model.tar.gz"
MODEL_URL = f"s3://{BUCKET}/{MODEL_KEY}"
PASSING = {"Creating", "Updating", "Deleting", "SystemUpdating", "RollingBack"}

_counter = itertools.count(1)


def fresh(prefix):
    """A name that no other test of this run uses."""
    return f"{prefix}-{next(_counter)}"


def arn(kind, name, region=REGION, account=ACCOUNT):
    return f"arn:aws:sagemaker:{region}:{account}:{kind}/{name.lower()}"


class Hosting:
    """boto3 clients of one server and short ways to make things with them."""

    def __init__(self, server):
        self.server = server
        self.sagemaker = server.client("sagemaker")
        self.runtime = server.client("sagemaker-runtime")
        self.s3 = server.client("s3")

    def upload(self, body=None, key=MODEL_KEY, bucket=BUCKET):
        """Puts an archive (the K-Means example when none is given); its s3:// URL."""
        existing = {entry["Name"] for entry in self.s3.list_buckets()["Buckets"]}
        if bucket not in existing:
            self.s3.create_bucket(Bucket=bucket)
        self.s3.put_object(Bucket=bucket, Key=key, Body=kmeans_archive() if body is None else body)
        return f"s3://{bucket}/{key}"

    def model(self, name=None, image=KMEANS_IMAGE, url=MODEL_URL, environment=None, role=ROLE, **more):
        name = name or fresh("model")
        container = {"Image": image}
        if url is not None:
            container["ModelDataUrl"] = url
        if environment:
            container["Environment"] = environment
        self.sagemaker.create_model(ModelName=name, ExecutionRoleArn=role, PrimaryContainer=container, **more)
        return name

    def test_model(self, program, environment=None, name=None):
        """A model run by one of the programs in conformance/models."""
        return self.model(name, image=f"models.example/conformance-{program}:1", url=None, environment=environment)

    def config(self, model, name=None, count=1, instance_type="ml.m5.large", variant="AllTraffic", **more):
        """A config of one variant; further members of the variant by keyword."""
        name = name or fresh("config")
        self.sagemaker.create_endpoint_config(
            EndpointConfigName=name,
            ProductionVariants=[production_variant(model, variant, count, instance_type, **more)],
        )
        return name

    def endpoint(self, config, name=None, wait=True, **more):
        name = name or fresh("endpoint")
        self.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config, **more)
        return self.in_service(name) if wait else name

    def deploy(self, program=None, environment=None, **config):
        """An endpoint that is InService; of the K-Means example when no program is named."""
        model = self.test_model(program, environment) if program else self.model()
        return self.endpoint(self.config(model, **config))

    def status(self, name):
        return self.sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"]

    def settled(self, name, timeout_s=60):
        """The description of an endpoint that is in no passing status any more."""
        return eventually(
            lambda: self.sagemaker.describe_endpoint(EndpointName=name),
            lambda seen: seen["EndpointStatus"] not in PASSING,
            f"endpoint {name} settles",
            timeout_s,
        )

    def in_service(self, name, timeout_s=60):
        seen = self.settled(name, timeout_s)
        assert seen["EndpointStatus"] == "InService", f"{seen}{self.server.shown_log()}"
        return name

    def failed(self, name, timeout_s=60):
        """The FailureReason of an endpoint that must fail."""
        seen = self.settled(name, timeout_s)
        assert seen["EndpointStatus"] == "Failed", seen
        return seen["FailureReason"]

    def gone(self, name, timeout_s=60):
        """Waits until the endpoint's name is free."""

        def look():
            try:
                return self.status(name)
            except self.sagemaker.exceptions.ClientError as error:
                assert "Could not find endpoint" in str(error), error
                return None

        eventually(look, lambda seen: seen is None, f"endpoint {name} is gone", timeout_s)

    def delete(self, name):
        self.sagemaker.delete_endpoint(EndpointName=name)
        self.gone(name)

    def invoke(self, name, body=b"", **more):
        answer = self.runtime.invoke_endpoint(EndpointName=name, Body=body, **more)
        answer["Payload"] = answer["Body"].read()
        return answer


def production_variant(model, variant="AllTraffic", count=1, instance_type="ml.m5.large", **more):
    fixed = {
        "VariantName": variant,
        "ModelName": model,
        "InitialInstanceCount": count,
        "InstanceType": instance_type,
        "InitialVariantWeight": 1.0,
    }
    return fixed | more


def seconds(call):
    """How long a call took; never asserted against a tight figure."""
    started = time.monotonic()
    answer = call()
    return time.monotonic() - started, answer
