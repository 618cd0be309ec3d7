"""Declared roles are held to what they allow: at CreateModel, at deployment, and by the embedded S3 itself."""

import boto3

from harness.artifacts import KMEANS_IMAGE
from harness.expect import refused
from harness.hosting import ACCOUNT, BUCKET, ROLE, fresh

READER = f"arn:aws:iam::{ACCOUNT}:role/reader"
DENIED = f"arn:aws:iam::{ACCOUNT}:role/denied"
CONFIG = f"""
[[role]]
arn = "{READER}"
allow = ["s3://{BUCKET}/kmeans/*"]

[[role]]
arn = "{DENIED}"
allow = []
"""


def create(hosting, role, url):
    return dict(
        ModelName=fresh("model"),
        ExecutionRoleArn=role,
        PrimaryContainer={"Image": KMEANS_IMAGE, "ModelDataUrl": url},
    )


def no_access(url, role):
    return (
        f'Could not access model data at {url}. Please ensure that the role "{role}" exists and that its trust '
        'relationship policy allows the action "sts:AssumeRole" for the service principal "sagemaker.amazonaws.com". '
        'Also ensure that the role has "s3:GetObject" permissions and that the object is located in us-east-1. If '
        'your Model uses multiple models or uncompressed models, please ensure that the role has "s3:ListBucket" '
        "permission."
    )


def test_a_role_reads_what_it_is_allowed(hosting):
    members = create(hosting, READER, hosting.upload())
    hosting.sagemaker.create_model(**members)
    endpoint = hosting.endpoint(hosting.config(members["ModelName"]))
    hosting.delete(endpoint)


def test_a_role_that_may_not_read_is_refused_in_aws_words(hosting):
    secret = hosting.upload(key="secret/model.tar.gz")
    for role, url in ((READER, secret), (DENIED, secret), (DENIED, hosting.upload())):
        assert refused(hosting.sagemaker.create_model, **create(hosting, role, url)) == no_access(url, role)


def test_a_role_that_may_not_read_does_not_learn_whether_an_object_exists(hosting):
    url = f"s3://{BUCKET}/secret/never-there.tar.gz"
    assert refused(hosting.sagemaker.create_model, **create(hosting, READER, url)) == no_access(url, READER)


def test_an_undeclared_role_reads_everything(hosting):
    hosting.sagemaker.create_model(**create(hosting, ROLE, hosting.upload(key="secret/model.tar.gz")))


def test_the_s3_refuses_a_session_of_the_role_itself(hosting, server):
    hosting.upload()
    hosting.upload(key="secret/model.tar.gz")
    made = server.client("sts").assume_role(RoleArn=READER, RoleSessionName="direct")["Credentials"]
    session = boto3.session.Session(made["AccessKeyId"], made["SecretAccessKey"], made["SessionToken"])
    s3 = session.client("s3", endpoint_url=server.url, region_name="us-east-1")
    assert s3.head_object(Bucket=BUCKET, Key="kmeans/model.tar.gz")["ContentLength"] > 0
    refused(s3.get_object, code="AccessDenied", status=403, Bucket=BUCKET, Key="secret/model.tar.gz")


def test_undeclared_roles_can_be_denied(make_server):
    from harness.hosting import Hosting

    server = make_server('undeclared_roles = "deny"\n')
    hosting = Hosting(server)
    url = hosting.upload()
    message = refused(hosting.sagemaker.create_model, **create(hosting, ROLE, url))
    assert message.startswith(f"Could not access model data at {url}.")


def test_permission_that_was_taken_away_is_noticed_by_the_next_deployment(make_server):
    """A cached artifact never skips the role's permission."""
    from harness import config as configuration
    from harness.hosting import Hosting

    allowed = f'[[role]]\narn = "{READER}"\nallow = ["s3://{BUCKET}/*"]\n'
    taken = f'[[role]]\narn = "{READER}"\nallow = []\n'
    server = make_server(allowed)
    hosting = Hosting(server)
    url = hosting.upload()
    members = create(hosting, READER, url)
    hosting.sagemaker.create_model(**members)
    config = hosting.config(members["ModelName"])
    hosting.delete(hosting.endpoint(config))
    server.stop()
    server.config_path.write_text(configuration.settings(taken))
    server.start()
    hosting = Hosting(server)
    name = hosting.endpoint(config, wait=False)
    reason = hosting.failed(name)
    assert reason.strip().startswith(f'Failed to download model data for container "container_1" from URL: "{url}".')
    hosting.delete(name)
