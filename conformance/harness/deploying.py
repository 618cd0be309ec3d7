"""`hostler deploy` as tests run it, and what it leaves."""

import json

from harness import artifacts

BUCKET = "hostler-deploy"
PLAIN = "models.example/conformance-plain:1"


def deploy(server, path, name, *more, check=True, timeout=120):
    return server.cli("deploy", path, "--name", name, *more, check=check, timeout=timeout)


def clusters(server, name):
    body = "\n".join(artifacts.rows()).encode()
    answer = server.cli("invoke", name, "--body", "-", "--content-type", "text/csv", stdin=body).stdout
    return [row["closest_cluster"] for row in json.loads(answer)["predictions"]]


def made(hosting, name):
    """Models, configs and objects that deployments of this name made."""
    models = hosting.sagemaker.list_models(NameContains=name)["Models"]
    configs = hosting.sagemaker.list_endpoint_configs(NameContains=name)["EndpointConfigs"]
    if BUCKET not in {entry["Name"] for entry in hosting.s3.list_buckets()["Buckets"]}:
        return len(models), len(configs), 0
    objects = hosting.s3.list_objects_v2(Bucket=BUCKET, Prefix=name + "/").get("Contents", [])
    uploads = hosting.s3.list_multipart_uploads(Bucket=BUCKET).get("Uploads", [])
    assert not uploads, uploads
    return len(models), len(configs), len(objects)
