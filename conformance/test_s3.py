"""The embedded S3, as boto3 uses it."""

import hashlib
import io
import urllib.request

import pytest
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

from harness.hosting import Hosting, fresh


@pytest.fixture(scope="module")
def s3(server):
    return server.client("s3")


@pytest.fixture
def bucket(s3):
    name = fresh("bucket")
    s3.create_bucket(Bucket=name)
    return name


def code_of(caught):
    return caught.value.response["Error"]["Code"]


def test_an_object_comes_back_as_it_was_put(s3, bucket):
    body = bytes(range(256)) * 100
    put = s3.put_object(Bucket=bucket, Key="a/b c/ü+%.bin", Body=body, ContentType="x/y", Metadata={"note": "seven"})
    got = s3.get_object(Bucket=bucket, Key="a/b c/ü+%.bin")
    assert got["Body"].read() == body
    assert got["ContentType"] == "x/y"
    assert got["Metadata"] == {"note": "seven"}
    assert got["ContentLength"] == len(body)
    assert got["ETag"] == put["ETag"] == f'"{hashlib.md5(body).hexdigest()}"'
    head = s3.head_object(Bucket=bucket, Key="a/b c/ü+%.bin")
    assert (head["ETag"], head["ContentLength"]) == (got["ETag"], len(body))
    assert head["LastModified"] == got["LastModified"]


@pytest.mark.parametrize("kind", ["AES256", "aws:kms"])
def test_encryption_that_names_no_key_is_taken_and_never_claimed(s3, bucket, kind, tmp_path):
    """The SageMaker SDK asks for it with every archive that it packs anew."""
    put = s3.put_object(Bucket=bucket, Key="packed", Body=b"packed", ServerSideEncryption=kind)
    assert "ServerSideEncryption" not in put
    large = tmp_path / "large"
    large.write_bytes(bytes(9 * 1024 * 1024))
    s3.upload_file(str(large), bucket, "parts", ExtraArgs={"ServerSideEncryption": kind})
    assert "ServerSideEncryption" not in s3.head_object(Bucket=bucket, Key="parts")


def test_encryption_with_a_key_of_ones_own_is_refused(s3, bucket):
    with pytest.raises(ClientError) as caught:
        s3.put_object(Bucket=bucket, Key="x", Body=b"x", ServerSideEncryption="aws:kms", SSEKMSKeyId="alias/own")
    assert code_of(caught) == "NotImplemented"


def test_an_empty_object_is_an_object(s3, bucket):
    s3.put_object(Bucket=bucket, Key="empty", Body=b"")
    assert s3.get_object(Bucket=bucket, Key="empty")["Body"].read() == b""


def test_a_range_is_served(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"0123456789")
    part = s3.get_object(Bucket=bucket, Key="k", Range="bytes=2-4")
    assert part["Body"].read() == b"234"
    assert part["ContentRange"] == "bytes 2-4/10"
    assert s3.get_object(Bucket=bucket, Key="k", Range="bytes=-3")["Body"].read() == b"789"


def test_upload_file_and_download_file_in_parts(s3, bucket, tmp_path):
    source, target = tmp_path / "source", tmp_path / "target"
    body = hashlib.sha256(b"seed").digest() * (17 * 1024 * 1024 // 32)
    source.write_bytes(body)
    parts = TransferConfig(multipart_threshold=5 * 1024 * 1024, multipart_chunksize=5 * 1024 * 1024, max_concurrency=4)
    s3.upload_file(str(source), bucket, "big", Config=parts, ExtraArgs={"Metadata": {"how": "in parts"}})
    head = s3.head_object(Bucket=bucket, Key="big")
    assert head["ContentLength"] == len(body)
    assert head["Metadata"] == {"how": "in parts"}
    assert head["ETag"].endswith('-4"')
    s3.download_file(bucket, "big", str(target), Config=parts)
    assert target.read_bytes() == body
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)


def test_a_small_file_is_uploaded_in_one_piece(s3, bucket, tmp_path):
    source = tmp_path / "small"
    source.write_bytes(b"small")
    s3.upload_file(str(source), bucket, "small")
    stream = io.BytesIO()
    s3.download_fileobj(bucket, "small", stream)
    assert stream.getvalue() == b"small"


def test_an_aborted_upload_leaves_nothing(s3, bucket):
    upload = s3.create_multipart_upload(Bucket=bucket, Key="never")["UploadId"]
    s3.upload_part(Bucket=bucket, Key="never", UploadId=upload, PartNumber=1, Body=b"x" * 100)
    s3.abort_multipart_upload(Bucket=bucket, Key="never", UploadId=upload)
    with pytest.raises(ClientError) as caught:
        s3.complete_multipart_upload(
            Bucket=bucket, Key="never", UploadId=upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": '"x"'}]}
        )
    assert code_of(caught) == "NoSuchUpload"
    with pytest.raises(ClientError):
        s3.head_object(Bucket=bucket, Key="never")


def test_what_is_absent_is_reported(s3, bucket):
    with pytest.raises(ClientError) as caught:
        s3.get_object(Bucket=bucket, Key="absent")
    assert code_of(caught) == "NoSuchKey"
    assert caught.value.response["Error"]["Message"] == "The specified key does not exist."
    with pytest.raises(ClientError) as caught:
        s3.head_object(Bucket=bucket, Key="absent")
    assert code_of(caught) == "404"
    with pytest.raises(ClientError) as caught:
        s3.get_object(Bucket=fresh("no-such-bucket"), Key="k")
    assert code_of(caught) == "NoSuchBucket"
    with pytest.raises(ClientError) as caught:
        s3.head_bucket(Bucket=fresh("no-such-bucket"))
    assert code_of(caught) == "404"


def test_both_listings_page_filter_and_group(s3, bucket):
    keys = [f"{folder}/{number:02}" for folder in ("a", "b") for number in range(8)] + ["top"]
    for key in keys:
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    for operation in ("list_objects_v2", "list_objects"):
        paginator = s3.get_paginator(operation)
        pages = list(paginator.paginate(Bucket=bucket, PaginationConfig={"PageSize": 5}))
        assert len(pages) == 4, operation
        listed = [entry for page in pages for entry in page.get("Contents", [])]
        assert [entry["Key"] for entry in listed] == keys, operation
        assert listed[0]["Size"] == 4
        assert listed[0]["ETag"] == f'"{hashlib.md5(b"a/00").hexdigest()}"'
        below = paginator.paginate(Bucket=bucket, Prefix="b/").search("Contents[].Key")
        assert list(below) == keys[8:16], operation
        grouped = list(paginator.paginate(Bucket=bucket, Delimiter="/"))
        assert [p["Prefix"] for page in grouped for p in page.get("CommonPrefixes", [])] == ["a/", "b/"], operation
        assert [entry["Key"] for page in grouped for entry in page.get("Contents", [])] == ["top"], operation
    after = s3.list_objects_v2(Bucket=bucket, StartAfter="b/06")
    assert [entry["Key"] for entry in after["Contents"]] == ["b/07", "top"]


def test_deletion_of_one_and_of_many(s3, bucket):
    for key in ("one", "two", "three"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    s3.delete_object(Bucket=bucket, Key="one")
    s3.delete_object(Bucket=bucket, Key="never-there")
    wanted = [{"Key": key} for key in ("two", "three", "never-there")]
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": wanted})
    assert {entry["Key"] for entry in answer["Deleted"]} == {"two", "three", "never-there"}
    assert "Errors" not in answer
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_a_bucket_that_is_not_empty_stays(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    with pytest.raises(ClientError) as caught:
        s3.delete_bucket(Bucket=bucket)
    assert code_of(caught) == "BucketNotEmpty"
    s3.delete_object(Bucket=bucket, Key="k")
    s3.delete_bucket(Bucket=bucket)
    assert bucket not in {entry["Name"] for entry in s3.list_buckets()["Buckets"]}


def test_a_bucket_of_ones_own_may_be_created_again(s3, bucket):
    try:
        s3.create_bucket(Bucket=bucket)
    except ClientError as error:
        assert error.response["Error"]["Code"] == "BucketAlreadyOwnedByYou"
    s3.head_bucket(Bucket=bucket)


@pytest.mark.parametrize("name", ["UPPER", "a", "with_underscore", "..", "a" * 64])
def test_a_name_that_no_bucket_may_have_is_refused(server, name):
    client = server.client("s3", parameter_validation=False)
    with pytest.raises(Exception, match="(?i)bucket|invalid"):
        client.create_bucket(Bucket=name)


@pytest.mark.parametrize("key", ["../outside", "a/../../b", "./x", "a//b", "/lead"])
def test_a_key_with_dots_and_slashes_is_a_name_and_never_a_path(s3, bucket, key, server):
    before = {path for path in server.directory.iterdir()}
    try:
        s3.put_object(Bucket=bucket, Key=key, Body=b"named")
    except ClientError as error:
        assert error.response["ResponseMetadata"]["HTTPStatusCode"] in (400, 403, 404)
    else:
        assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == b"named"
        assert [entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket)["Contents"]] == [key]
    assert {path for path in server.directory.iterdir()} == before


def test_presigned_urls_read_and_write(server, bucket):
    client = server.client("s3", signature_version="s3v4")
    put = client.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "p"}, ExpiresIn=60)
    urllib.request.urlopen(urllib.request.Request(put, data=b"through a URL", method="PUT")).close()
    get = client.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "p"}, ExpiresIn=60)
    with urllib.request.urlopen(get) as answer:
        assert answer.read() == b"through a URL"


def test_an_upload_with_a_wrong_checksum_is_refused(s3, bucket):
    with pytest.raises(ClientError) as caught:
        s3.put_object(Bucket=bucket, Key="k", Body=b"body", ContentMD5="AAAAAAAAAAAAAAAAAAAAAA==")
    assert code_of(caught) in ("BadDigest", "InvalidDigest")
    with pytest.raises(ClientError) as caught:
        s3.put_object(Bucket=bucket, Key="k", Body=b"body", ChecksumCRC32="AAAAAA==")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    with pytest.raises(ClientError):
        s3.head_object(Bucket=bucket, Key="k")


def test_objects_survive_a_restart(make_server):
    server = make_server()
    hosting = Hosting(server)
    hosting.upload(b"kept", key="k", bucket="kept-bucket")
    before = hosting.s3.head_object(Bucket="kept-bucket", Key="k")
    server.stop()
    server.start()
    again = server.client("s3").get_object(Bucket="kept-bucket", Key="k")
    assert again["Body"].read() == b"kept"
    assert again["ETag"] == before["ETag"]


@pytest.mark.parametrize("name", ["healthz", "metrics", "console"])
def test_names_of_our_own_pages_are_no_bucket_names(s3, name):
    with pytest.raises(ClientError) as refused:
        s3.create_bucket(Bucket=name)
    assert refused.value.response["Error"]["Code"] == "InvalidBucketName"
