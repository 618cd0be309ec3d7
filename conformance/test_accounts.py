"""Accounts never see each other: every operation of every API, with the names and ARNs of another account.

Two accounts beside the server's own make things of the same names, and each has some that the other has not. Whatever
one does is done to its own; at the end of every test the other's world is as it was. An operation that is added to a
service without a row here fails a test.
"""

import hashlib
import json

import botocore.session
import pytest
from botocore.awsrequest import AWSRequest
from botocore.exceptions import ClientError
from botocore.httpsession import URLLib3Session

from harness import accounts
from harness.artifacts import kmeans_archive, rows
from harness.expect import refused
from harness.hosting import ACCOUNT, arn, fresh, production_variant
from test_keys import admin
from test_operations import IMPLEMENTED

A, B = "111111111111", "222222222222"
CONFIG = "[quotas]\nendpoints = 2\n"
IMAGE = "models.example/conformance-echo:1"
SHARED, ONLY_A = "Shared", "Only-A"
NO_RESOURCE = "Resource does not exist."


def make(account, name):
    """Model, config and endpoint of one name, which know whose they are."""
    hosting = account.hosting()
    tags = [{"Key": "owner", "Value": account.number}]
    container = {"Image": IMAGE, "Environment": {"OWNER": account.number}}
    hosting.sagemaker.create_model(
        ModelName=name, ExecutionRoleArn=account.role, PrimaryContainer=container, Tags=tags
    )
    variants = [production_variant(name)]
    hosting.sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=variants, Tags=tags)
    hosting.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name, Tags=tags)
    hosting.in_service(name)


@pytest.fixture(scope="module")
def a(server):
    account = accounts.create(server, A)
    make(account, SHARED)
    make(account, ONLY_A)
    return account


@pytest.fixture(scope="module")
def b(server):
    account = accounts.create(server, B, "--name", "curious")
    make(account, SHARED)
    return account


def world(account):
    """All that an account can see of itself, without times of requests."""
    sagemaker, s3 = account.client("sagemaker"), account.client("s3")
    seen = {}
    for listing, key, describe, member in (
        ("list_models", "Models", "describe_model", "ModelName"),
        ("list_endpoint_configs", "EndpointConfigs", "describe_endpoint_config", "EndpointConfigName"),
        ("list_endpoints", "Endpoints", "describe_endpoint", "EndpointName"),
    ):
        for row in getattr(sagemaker, listing)()[key]:
            shown = getattr(sagemaker, describe)(**{member: row[member]})
            shown.pop("ResponseMetadata")
            resource = next(value for name, value in row.items() if name.endswith("Arn"))
            seen[resource] = (shown, sagemaker.list_tags(ResourceArn=resource)["Tags"])
    for bucket in s3.list_buckets()["Buckets"]:
        for row in s3.list_objects_v2(Bucket=bucket["Name"]).get("Contents", []):
            body = s3.get_object(Bucket=bucket["Name"], Key=row["Key"])["Body"].read()
            seen[bucket["Name"], row["Key"]] = hashlib.sha256(body).hexdigest()
        uploads = s3.list_multipart_uploads(Bucket=bucket["Name"]).get("Uploads", [])
        seen[bucket["Name"]] = [upload["UploadId"] for upload in uploads]
    return seen


@pytest.fixture(autouse=True)
def untouched(a):
    """Whatever a test does in other accounts, account A's world stays as it was."""
    before = world(a)
    yield
    assert world(a) == before


# -- the control plane ----------------------------------------------------------------------------


def not_found(noun, kind, name):
    return f'Could not find {noun} "{arn(kind, name, account=B)}".'


MODEL = not_found("model", "model", ONLY_A)
ENDPOINT_CONFIG = not_found("endpoint configuration", "endpoint-config", ONLY_A)
ENDPOINT = not_found("endpoint", "endpoint", ONLY_A)
A_ARNS = [arn(kind, name, account=A) for kind in ("model", "endpoint-config", "endpoint") for name in (SHARED, ONLY_A)]
NEW = "New-Of-B"
WEIGHTS = [{"VariantName": "AllTraffic", "DesiredWeight": 2.0}]
# What B asks about what only A has, and AWS's words for what is not there.
CONTROL = [
    ("DescribeModel", {"ModelName": ONLY_A}, MODEL),
    ("DeleteModel", {"ModelName": ONLY_A}, MODEL),
    ("DescribeEndpointConfig", {"EndpointConfigName": ONLY_A}, ENDPOINT_CONFIG),
    ("DeleteEndpointConfig", {"EndpointConfigName": ONLY_A}, ENDPOINT_CONFIG),
    ("CreateEndpoint", {"EndpointName": NEW, "EndpointConfigName": ONLY_A}, ENDPOINT_CONFIG),
    ("DescribeEndpoint", {"EndpointName": ONLY_A}, ENDPOINT),
    ("UpdateEndpoint", {"EndpointName": ONLY_A, "EndpointConfigName": SHARED}, ENDPOINT),
    ("UpdateEndpoint", {"EndpointName": SHARED, "EndpointConfigName": ONLY_A}, ENDPOINT_CONFIG),
    (
        "UpdateEndpointWeightsAndCapacities",
        {"EndpointName": ONLY_A, "DesiredWeightsAndCapacities": WEIGHTS},
        ENDPOINT,
    ),
    ("DeleteEndpoint", {"EndpointName": ONLY_A}, ENDPOINT),
    *(("AddTags", {"ResourceArn": of_a, "Tags": [{"Key": "k", "Value": "v"}]}, NO_RESOURCE) for of_a in A_ARNS),
    *(("ListTags", {"ResourceArn": of_a}, NO_RESOURCE) for of_a in A_ARNS),
    *(("DeleteTags", {"ResourceArn": of_a, "TagKeys": ["owner"]}, NO_RESOURCE) for of_a in A_ARNS),
]
# Those are tested by what they show or make.
MADE = {"ListModels", "ListEndpointConfigs", "ListEndpoints", "CreateModel", "CreateEndpointConfig"}


def method(operation):
    return botocore.xform_name(operation)


def test_every_operation_has_a_row():
    assert {operation for operation, _, _ in CONTROL} | MADE == set(IMPLEMENTED)


@pytest.mark.parametrize("who", ["a key", "a role", "a role of A's name"])
def test_what_only_another_account_has_is_not_there(b, who):
    caller = b
    if who != "a key":
        caller = b.assumed(b.role if who == "a role" else f"arn:aws:iam::{B}:role/{A}")
    for operation, members, text in CONTROL:
        call = getattr(caller.client("sagemaker"), method(operation))
        assert refused(call, **members) == text, (operation, members)


def test_a_config_names_models_of_its_own_account_alone(b):
    sagemaker = b.client("sagemaker")
    # A config may be made before its models, so what it names is looked for when it is deployed.
    sagemaker.create_endpoint_config(EndpointConfigName=NEW, ProductionVariants=[production_variant(ONLY_A)])
    assert refused(sagemaker.create_endpoint, EndpointName=NEW, EndpointConfigName=NEW) == MODEL
    assert refused(sagemaker.update_endpoint, EndpointName=SHARED, EndpointConfigName=NEW) == MODEL
    sagemaker.delete_endpoint_config(EndpointConfigName=NEW)


def test_listings_show_ones_own_and_nothing_else(server, a, b):
    for listing, key, kind in (
        ("list_models", "Models", "model"),
        ("list_endpoint_configs", "EndpointConfigs", "endpoint-config"),
        ("list_endpoints", "Endpoints", "endpoint"),
    ):
        arns = lambda account: {
            value
            for row in getattr(account.client("sagemaker"), listing)()[key]
            for name, value in row.items()
            if name.endswith("Arn")
        }
        assert arns(a) == {arn(kind, name, account=A) for name in (SHARED, ONLY_A)}
        assert arns(b) == {arn(kind, SHARED, account=B)}
        assert arns(accounts.own(server)) == set()
    # A page token says where a listing goes on, and not whose it is.
    first = a.client("sagemaker").list_models(MaxResults=1, SortBy="Name")
    page = b.client("sagemaker").list_models
    try:
        shown = page(MaxResults=1, SortBy="Name", NextToken=first["NextToken"])["Models"]
    except ClientError as error:
        assert error.response["Error"]["Code"] == "ValidationException"
    else:
        assert all(B in row["ModelArn"] for row in shown)


def test_what_both_have_is_each_ones_own(a, b):
    for account in (a, b):
        sagemaker = account.client("sagemaker")
        model = sagemaker.describe_model(ModelName=SHARED)
        assert model["PrimaryContainer"]["Environment"] == {"OWNER": account.number}
        assert model["ModelArn"] == arn("model", SHARED, account=account.number)
        tags = sagemaker.list_tags(ResourceArn=arn("endpoint", SHARED, account=account.number))["Tags"]
        assert tags == [{"Key": "owner", "Value": account.number}]
        answer = json.loads(account.hosting().invoke(SHARED)["Payload"])
        assert answer["environment"]["OWNER"] == account.number


def test_what_one_account_deletes_and_changes_is_gone_for_that_account_alone(server, a):
    third = accounts.create(server, "333333333333")
    make(third, SHARED)
    hosting = third.hosting()
    hosting.sagemaker.update_endpoint_weights_and_capacities(EndpointName=SHARED, DesiredWeightsAndCapacities=WEIGHTS)
    hosting.in_service(SHARED)
    hosting.delete(SHARED)
    hosting.sagemaker.delete_endpoint_config(EndpointConfigName=SHARED)
    hosting.sagemaker.delete_model(ModelName=SHARED)
    assert world(third) == {}
    answer = json.loads(a.hosting().invoke(SHARED)["Payload"])
    assert answer["environment"]["OWNER"] == A


def test_quotas_are_counted_apart(server, a, b):
    full = refused(
        a.client("sagemaker").create_endpoint,
        code="ResourceLimitExceeded",
        EndpointName=NEW,
        EndpointConfigName=SHARED,
    )
    assert "is 2 Endpoints, with current utilization of 2 Endpoints" in full
    b.hosting().delete(b.hosting().endpoint(SHARED, name=fresh("second")))
    used = lambda account: {
        row["Setting"]: row["Used"] for row in admin(server, account, "GET", "quotas")[1]["Quotas"]
    }
    assert (used(a)["endpoints"], used(b)["endpoints"], used(accounts.own(server))["endpoints"]) == (2, 1, 0)
    assert [admin(server, account, "GET", "quotas")[1]["Account"] for account in (a, b)] == [A, B]


# -- the data plane -------------------------------------------------------------------------------


def test_an_endpoint_of_another_account_is_not_there_to_invoke(b):
    text = f"Endpoint {ONLY_A} of account {B} not found."
    for caller in (b, b.assumed()):
        runtime = caller.client("sagemaker-runtime")
        assert refused(runtime.invoke_endpoint, code="ValidationError", EndpointName=ONLY_A, Body=b"") == text
        told = refused(
            runtime.invoke_endpoint,
            code="ValidationError",
            EndpointName=ONLY_A,
            TargetVariant="AllTraffic",
            Body=b"",
        )
        assert told == text


# -- the admin API --------------------------------------------------------------------------------


def test_the_admin_api_shows_ones_own(server, a, b):
    for path in (f"endpoints/{ONLY_A}", f"endpoints/{ONLY_A}/logs"):
        status, document = admin(server, b, "GET", path)
        assert (status, document["__type"], document["message"]) == (400, "ValidationException", ENDPOINT), path
        assert admin(server, a, "GET", path)[0] == 200
    uid = lambda account: admin(server, account, "GET", f"endpoints/{SHARED}")[1]["Uid"]
    assert uid(a) != uid(b)
    shown = admin(server, b, "GET", f"endpoints/{SHARED}")[1]
    assert shown["EndpointArn"] == arn("endpoint", SHARED, account=B) and A not in json.dumps(shown)
    # The command line is the operator's, who has an account too.
    done = server.cli("describe", SHARED, check=False)
    assert done.returncode == 1 and f'"{arn("endpoint", SHARED, account=ACCOUNT)}"' in done.stderr.decode()


# -- STS ------------------------------------------------------------------------------------------


def test_a_role_of_another_account_is_not_to_be_had(a, b):
    for caller, name in ((b, f"arn:aws:iam::{B}:user/curious"), (b.assumed(name="here"), f"arn:aws:sts::{B}:assumed-role/conformance/here")):
        told = refused(
            caller.client("sts").assume_role,
            code="AccessDenied",
            status=403,
            RoleArn=a.role,
            RoleSessionName="there",
        )
        assert told == f"User: {name} is not authorized to perform: sts:AssumeRole on resource: {a.role}"
    assert b.assumed().client("sts").get_caller_identity()["Account"] == B


# -- S3 -------------------------------------------------------------------------------------------

DENIED = ("AccessDenied", 403)


@pytest.fixture(scope="module")
def bucket_of_a(a):
    """A bucket of A with an object and an upload that is under way."""
    s3 = a.client("s3")
    s3.create_bucket(Bucket="bucket-of-a")
    s3.put_object(Bucket="bucket-of-a", Key="k", Body=b"secret of A")
    upload = s3.create_multipart_upload(Bucket="bucket-of-a", Key="parts")["UploadId"]
    etag = s3.upload_part(Bucket="bucket-of-a", Key="parts", UploadId=upload, PartNumber=1, Body=b"part")["ETag"]
    return {"upload": upload, "etag": etag}


@pytest.fixture(scope="module")
def bucket_of_b(b):
    s3 = b.client("s3")
    s3.create_bucket(Bucket="bucket-of-b")
    upload = s3.create_multipart_upload(Bucket="bucket-of-b", Key="parts")["UploadId"]
    return {"upload": upload}


def s3_rows(of_a, of_b):
    there = {"Bucket": "bucket-of-a"}
    part = there | {"Key": "parts", "UploadId": of_a["upload"]}
    source = "bucket-of-a/k"
    return [
        ("create_bucket", there, ("BucketAlreadyExists", 409)),
        # HEAD has no document, so botocore shows the status.
        ("head_bucket", there, ("403", 403)),
        ("get_bucket_location", there, DENIED),
        ("delete_bucket", there, DENIED),
        ("list_objects", there, DENIED),
        ("list_objects_v2", there, DENIED),
        ("list_multipart_uploads", there, DENIED),
        ("delete_objects", there | {"Delete": {"Objects": [{"Key": "k"}]}}, DENIED),
        ("get_object", there | {"Key": "k"}, DENIED),
        # Whether a key is there is nobody's business either.
        ("get_object", there | {"Key": "nothing"}, DENIED),
        ("head_object", there | {"Key": "k"}, ("403", 403)),
        ("head_object", there | {"Key": "nothing"}, ("403", 403)),
        ("put_object", there | {"Key": "k", "Body": b"mine now"}, DENIED),
        ("put_object", there | {"Key": "new", "Body": b"mine"}, DENIED),
        ("delete_object", there | {"Key": "k"}, DENIED),
        ("copy_object", {"Bucket": "bucket-of-b", "Key": "stolen", "CopySource": source}, DENIED),
        ("copy_object", there | {"Key": "given", "CopySource": "bucket-of-b/own"}, DENIED),
        ("create_multipart_upload", there | {"Key": "new"}, DENIED),
        ("upload_part", part | {"PartNumber": 2, "Body": b"x"}, DENIED),
        (
            "upload_part_copy",
            {"Bucket": "bucket-of-b", "Key": "parts", "UploadId": of_b["upload"], "PartNumber": 1, "CopySource": source},
            DENIED,
        ),
        ("upload_part_copy", part | {"PartNumber": 2, "CopySource": "bucket-of-b/own"}, DENIED),
        (
            "complete_multipart_upload",
            part | {"MultipartUpload": {"Parts": [{"PartNumber": 1, "ETag": of_a["etag"]}]}},
            DENIED,
        ),
        ("abort_multipart_upload", part, DENIED),
        ("list_parts", part, DENIED),
    ]


# `Operation` in crates/hostler-localaws/src/s3/route.rs, but for ListBuckets, which names no bucket.
S3_OPERATIONS = {
    "create_bucket", "head_bucket", "delete_bucket", "get_bucket_location", "list_objects", "list_objects_v2",
    "list_multipart_uploads", "delete_objects", "get_object", "head_object", "put_object", "copy_object",
    "delete_object", "create_multipart_upload", "upload_part", "upload_part_copy", "complete_multipart_upload",
    "abort_multipart_upload", "list_parts",
}  # fmt: skip


def test_a_bucket_of_another_account_is_closed_to_every_operation(server, b, bucket_of_a, bucket_of_b):
    b.client("s3").put_object(Bucket="bucket-of-b", Key="own", Body=b"own")
    rows = s3_rows(bucket_of_a, bucket_of_b)
    assert {row[0] for row in rows} == S3_OPERATIONS
    # The operator's account is one like the others.
    for caller in (b, b.assumed(), accounts.own(server)):
        s3 = caller.client("s3")
        for call, members, (code, status) in rows:
            if caller.number != B and members["Bucket"] == "bucket-of-b":
                continue
            refused(getattr(s3, call), code=code, status=status, **members)
            if "Key" in members and members["Bucket"] == "bucket-of-a":
                refused(getattr(s3, call), code=code, status=status, ExpectedBucketOwner=A, **members)
    assert "stolen" not in {row["Key"] for row in b.client("s3").list_objects_v2(Bucket="bucket-of-b")["Contents"]}


def test_every_account_lists_its_own_buckets(server, a, b, bucket_of_a, bucket_of_b):
    names = lambda account: {row["Name"] for row in account.client("s3").list_buckets()["Buckets"]}
    assert names(a) == {"bucket-of-a"} and names(a.assumed()) == {"bucket-of-a"}
    assert "bucket-of-b" in names(b) and "bucket-of-a" not in names(b)
    assert not names(accounts.own(server)) & {"bucket-of-a", "bucket-of-b"}
    assert a.client("s3").list_buckets()["Owner"]["ID"] == A


def test_ones_own_bucket_is_owned_by_one_already(a, bucket_of_a):
    # In S3's first region that is no error, as in AWS.
    a.client("s3").create_bucket(Bucket="bucket-of-a")
    where = {"LocationConstraint": "eu-west-1"}
    call = a.client("s3", region="eu-west-1").create_bucket
    refused(call, code="BucketAlreadyOwnedByYou", status=409, Bucket="bucket-of-a", CreateBucketConfiguration=where)


def test_a_presigned_url_opens_what_its_signer_may_open(a, b, bucket_of_a):
    def get(account):
        s3 = account.client("s3", signature_version="s3v4")
        url = s3.generate_presigned_url("get_object", Params={"Bucket": "bucket-of-a", "Key": "k"})
        return URLLib3Session().send(AWSRequest("GET", url).prepare())

    assert get(a).content == b"secret of A"
    for stranger in (b, b.assumed()):
        assert get(stranger).status_code == 403 and b"<Code>AccessDenied</Code>" in get(stranger).content


# -- model data -----------------------------------------------------------------------------------


def model_of(account, url, role=None):
    return account.hosting().model(url=url, role=role or account.role)


def test_an_account_deploys_its_own_data_as_its_own_role(b, bucket_of_b):
    b.client("s3").put_object(Bucket="bucket-of-b", Key="model.tar.gz", Body=kmeans_archive())
    hosting = b.hosting()
    name = hosting.endpoint(hosting.config(model_of(b, "s3://bucket-of-b/model.tar.gz")))
    answer = hosting.invoke(name, "\n".join(rows()), ContentType="text/csv")
    assert len(json.loads(answer["Payload"])["predictions"]) == len(rows())
    hosting.delete(name)


def test_data_of_another_account_is_refused_whatever_the_role(a, b, bucket_of_a, bucket_of_b):
    b.client("s3").put_object(Bucket="bucket-of-b", Key="other.tar.gz", Body=kmeans_archive())
    for account, url, role in (
        (b, "s3://bucket-of-a/k", b.role),
        (b, "s3://bucket-of-a/nothing", b.role),
        (b, "s3://bucket-of-a/k", a.role),
        # Its own data as a role of another account.
        (b, "s3://bucket-of-b/other.tar.gz", a.role),
        (b, "s3://bucket-of-b/other.tar.gz", f"arn:aws:iam::{ACCOUNT}:role/conformance"),
    ):
        told = refused(model_of, account=account, url=url, role=role)
        assert told.startswith(f"Could not access model data at {url}."), told


def test_a_cached_model_of_another_account_is_no_way_around_a_permission(server, a, b):
    """The bucket changes hands after B's model was made: the very bytes are in the cache, and B may not have them."""
    third = accounts.create(server, "444444444444")
    bucket, body = fresh("changes-hands"), kmeans_archive()
    b.client("s3").create_bucket(Bucket=bucket)
    b.client("s3").put_object(Bucket=bucket, Key="m.tar.gz", Body=body)
    url = f"s3://{bucket}/m.tar.gz"
    config = b.hosting().config(model_of(b, url))
    b.client("s3").delete_object(Bucket=bucket, Key="m.tar.gz")
    b.client("s3").delete_bucket(Bucket=bucket)
    third.client("s3").create_bucket(Bucket=bucket)
    third.client("s3").put_object(Bucket=bucket, Key="m.tar.gz", Body=body)
    theirs = third.hosting()
    served = theirs.endpoint(theirs.config(model_of(third, url)))
    name = b.hosting().endpoint(config, wait=False)
    reason = b.hosting().failed(name)
    assert "was refused access" in reason or "Access Denied" in reason, reason
    b.hosting().delete(name)
    theirs.delete(served)


def test_files_of_the_machine_are_for_the_operators_account_alone(make_server, tmp_path):
    (tmp_path / "model.tar.gz").write_bytes(kmeans_archive())
    url = f"file://{tmp_path}/model.tar.gz"
    server = make_server(f'model_dirs = ["{tmp_path}"]\n')
    own, other = accounts.own(server), accounts.create(server, B)
    hosting = own.hosting()
    name = hosting.endpoint(hosting.config(model_of(own, url)))
    told = refused(model_of, account=other, url=url)
    assert "files of the server's machine are for models of the server's own account" in told
    told = refused(model_of, account=other, url=f"file://{tmp_path}/nothing.tar.gz")
    assert "files of the server's machine are for models of the server's own account" in told
    hosting.delete(name)
