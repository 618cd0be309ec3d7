"""Every form of model data, seen by the model itself: prefixes, single objects, manifests, additional sources, files."""

import hashlib
import io
import json
import os
import tarfile
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness import artifacts
from harness.expect import refused
from harness.hosting import BUCKET, ROLE, Hosting, fresh
from harness.server import finish
from harness.waiting import eventually

IMAGE = "models.example/conformance-lister:1"
NARROW = "arn:aws:iam::000000000000:role/narrow"
LISTING = "arn:aws:iam::000000000000:role/listing"


@pytest.fixture(scope="module")
def local_models(tmp_path_factory):
    """A directory that the operator allows, and one that nobody allows, each with an archive."""
    root = tmp_path_factory.mktemp("local")
    for name in ("allowed", "secret"):
        (root / name).mkdir()
        (root / name / "model.tar.gz").write_bytes(artifacts.archive({"where.txt": name.encode()}))
    return root


@pytest.fixture(scope="module")
def server(request, tmp_path_factory, local_models):
    """A server with an allowed directory and two declared roles."""
    from conftest import _make
    from harness import config

    more = f"""
model_dirs = ["{local_models / 'allowed'}"]
[[role]]
arn = "{NARROW}"
allow = ["s3://{BUCKET}/narrow/a", "s3://{BUCKET}/narrow/manifest.json"]
[[role]]
arn = "{LISTING}"
allow = ["s3://{BUCKET}/listing/*"]
"""
    server = _make(request, tmp_path_factory, config.settings(more), ())
    server.start()
    yield server
    finish(server, check=True)


@pytest.fixture(scope="module")
def put(hosting):
    """Puts objects {key: text or bytes} below a fresh prefix; the prefix's URI."""

    def put(objects, prefix=None):
        prefix = prefix or fresh("data") + "/"
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda key: hosting.s3.put_object(Bucket=BUCKET, Key=prefix + key, Body=objects[key]), objects))
        return f"s3://{BUCKET}/{prefix}"

    return put


def s3_source(uri, data_type="S3Prefix", compression="None", **more):
    return {"S3DataSource": {"S3Uri": uri, "S3DataType": data_type, "CompressionType": compression} | more}


def request(role, container):
    return {"ModelName": fresh("model"), "ExecutionRoleArn": role, "PrimaryContainer": {"Image": IMAGE} | container}


def create(hosting, role=ROLE, **container):
    asked = request(role, container)
    hosting.sagemaker.create_model(**asked)
    return asked["ModelName"]


def refusal(hosting, role=ROLE, **container):
    """The text with which CreateModel refuses this container."""
    return refused(hosting.sagemaker.create_model, **request(role, container))


def deployed(hosting, role=ROLE, count=1, **container):
    return hosting.endpoint(hosting.config(create(hosting, role, **container), count=count))


def seen(hosting, endpoint):
    return json.loads(hosting.invoke(endpoint)["Payload"])


def served(hosting, role=ROLE, **container):
    """What a model with this container finds; its endpoint is deleted again."""
    endpoint = deployed(hosting, role, **container)
    answer = seen(hosting, endpoint)
    hosting.delete(endpoint)
    return answer


def test_a_prefix_is_laid_out_below_the_model_directory(hosting, put):
    files = {"config.json": "{}", "weights/0.bin": "zero", "weights/deep/1.bin": "one", "a b+c%20ü": "name"}
    uri = put(files)
    put({"x": "no"}, prefix=uri.removeprefix(f"s3://{BUCKET}/").rstrip("/") + "2/")
    source = s3_source(uri)
    answer = served(hosting, ModelDataSource=source)
    assert answer["model"] == files
    assert answer["additional"] is None
    name = create(hosting, ModelDataSource=source)
    described = hosting.sagemaker.describe_model(ModelName=name)["PrimaryContainer"]
    assert described["ModelDataSource"] == source


def test_one_object_is_a_file_named_by_the_end_of_its_key(hosting, put):
    uri = put({"deep/model.gguf": "GGUF"})
    answer = served(hosting, ModelDataSource=s3_source(uri + "deep/model.gguf", "S3Object"))
    assert answer["model"] == {"model.gguf": "GGUF"}


def test_more_than_a_page_of_objects_is_laid_out(hosting, put):
    """S3 lists a thousand keys at a time."""
    files = {f"shard/{n:04}": str(n) for n in range(1_003)}
    answer = served(hosting, ModelDataSource=s3_source(put(files)))
    assert answer["model"] == files


def test_a_manifest_selects_among_the_objects_of_a_prefix(hosting, put):
    uri = put({"a": "1", "b/c": "2", "d": "3"})
    manifest = put({"manifest.json": json.dumps([{"prefix": uri}, "a", "b/c"])}) + "manifest.json"
    answer = served(hosting, ModelDataSource=s3_source(uri, ManifestS3Uri=manifest))
    assert answer["model"] == {"a": "1", "b/c": "2"}


def test_an_algorithm_of_aws_serves_from_an_uncompressed_model(hosting, put):
    with tarfile.open(fileobj=io.BytesIO(artifacts.kmeans_archive())) as tar:
        files = {entry.name: tar.extractfile(entry).read() for entry in tar if entry.isfile()}
    endpoint = deployed(hosting, Image=artifacts.KMEANS_IMAGE, ModelDataSource=s3_source(put(files)))
    answer = hosting.invoke(endpoint, "\n".join(artifacts.rows()), ContentType="text/csv")
    clusters = [row["closest_cluster"] for row in json.loads(answer["Payload"])["predictions"]]
    assert clusters == [row["closest_cluster"] for row in artifacts.expected()]
    hosting.delete(endpoint)


def test_additional_data_lies_beside_the_model(hosting, put):
    own, draft = put({"weights": "own"}), put({"weights": "draft", "config.json": "{}"})
    archive = hosting.upload(artifacts.archive({"adapter.bin": b"lora"}), key=fresh("adapter") + ".tar.gz")
    additional = [
        {"ChannelName": "draft_model", **s3_source(draft)},
        {"ChannelName": "adapter-1.0", **s3_source(archive, "S3Object", "Gzip")},
    ]
    answer = served(hosting, ModelDataSource=s3_source(own), AdditionalModelDataSources=additional)
    assert answer["model"] == {"weights": "own"}
    assert answer["additional"] == {
        "draft_model/weights": "draft",
        "draft_model/config.json": "{}",
        "adapter-1.0/adapter.bin": "lora",
    }
    assert answer["is_beside_the_model"]


def test_ten_instances_share_one_copy(hosting, put, server):
    uri = put({"weights": "shared"})
    before = set((server.data_dir / "cache").iterdir())
    endpoint = deployed(hosting, count=10, ModelDataSource=s3_source(uri))
    assert seen(hosting, endpoint)["model"] == {"weights": "shared"}
    made = set((server.data_dir / "cache").iterdir()) - before
    assert len(made) == 1, made
    hosting.delete(endpoint)


def test_a_changed_added_or_removed_key_is_seen_by_the_next_deployment(hosting, put):
    prefix = fresh("data") + "/"
    source = s3_source(put({"a": "1", "b": "2"}, prefix))
    assert served(hosting, ModelDataSource=source)["model"] == {"a": "1", "b": "2"}
    put({"a": "9"}, prefix)
    assert served(hosting, ModelDataSource=source)["model"] == {"a": "9", "b": "2"}
    put({"c/d": "3"}, prefix)
    hosting.s3.delete_object(Bucket=BUCKET, Key=prefix + "b")
    assert served(hosting, ModelDataSource=source)["model"] == {"a": "9", "c/d": "3"}


def test_missing_data_is_reported_at_create_in_aws_words(hosting, put):
    uri = f"s3://{BUCKET}/nothing/here/"
    for source in (s3_source(uri), s3_source(uri + "object", "S3Object")):
        message = refusal(hosting, ModelDataSource=source)
        assert message == f"Could not find model data at {source['S3DataSource']['S3Uri']}."
    own = put({"a": "1"})
    message = refusal(hosting, ModelDataSource=s3_source(own, ManifestS3Uri=uri + "m.json"))
    assert message == f"Could not find model data at {uri}m.json."
    additional = [{"ChannelName": "c", **s3_source(uri)}]
    message = refusal(hosting, ModelDataSource=s3_source(own), AdditionalModelDataSources=additional)
    assert message == f"Could not find model data at {uri}."


def test_a_bucket_that_is_not_there_is_missing_too(hosting):
    uri = "s3://no-such-bucket-anywhere/prefix/"
    assert refusal(hosting, ModelDataSource=s3_source(uri)) == f"Could not find model data at {uri}."


def test_a_role_that_may_not_list_is_refused_in_aws_words(hosting, put):
    uri = put({"a": "1", "b": "2"}, prefix="narrow/")
    message = refusal(hosting, NARROW, ModelDataSource=s3_source(uri))
    assert message == (
        f'Could not access model data at {uri}. Please ensure that the role "{NARROW}" exists and that its trust '
        'relationship policy allows the action "sts:AssumeRole" for the service principal "sagemaker.amazonaws.com". '
        'Also ensure that the role has "s3:GetObject" permissions and that the object is located in us-east-1. If your '
        'Model uses multiple models or uncompressed models, please ensure that the role has "s3:ListBucket" permission.'
    )
    # One object that it may read, alone or by a manifest, needs no right to list.
    assert served(hosting, NARROW, ModelDataSource=s3_source(uri + "a", "S3Object"))["model"] == {"a": "1"}
    put({"manifest.json": json.dumps([{"prefix": uri}, "a"])}, prefix="narrow/")
    source = s3_source(uri, ManifestS3Uri=uri + "manifest.json")
    assert served(hosting, NARROW, ModelDataSource=source)["model"] == {"a": "1"}


def test_a_cached_copy_is_no_permission(hosting, put):
    uri = put({"a": "1"}, prefix="narrow/kept/")
    held = deployed(hosting, ModelDataSource=s3_source(uri))
    message = refusal(hosting, LISTING, ModelDataSource=s3_source(uri))
    assert message.startswith(f"Could not access model data at {uri}.")
    listed = put({"a": "1"}, prefix="listing/")
    assert served(hosting, LISTING, ModelDataSource=s3_source(listed))["model"] == {"a": "1"}
    hosting.delete(held)


def test_data_that_disappears_after_create_fails_the_endpoint_in_aws_words(hosting, put):
    prefix = fresh("data") + "/"
    uri = put({"a": "1"}, prefix)
    model = create(hosting, ModelDataSource=s3_source(uri))
    hosting.s3.delete_object(Bucket=BUCKET, Key=prefix + "a")
    name = hosting.endpoint(hosting.config(model), wait=False)
    reason = hosting.failed(name)
    assert reason.lstrip().startswith(
        f'Failed to download model data for container "container_1" from URL: "{uri}". Please ensure that there is an '
        "object located at the URL and that the role passed to CreateModel has permissions to download the object."
    )
    assert f"there is no object at `{uri}`" in reason
    hosting.delete(name)


@pytest.mark.parametrize(
    ("objects", "told"),
    [
        ({"weights": "a", "weights/part1": "b"}, "is a file, and a directory because of `weights/part1`"),
        ({"a": "1", "folder/": ""}, "`folder/` ends in a slash, as the S3 console makes for a folder"),
        ({"": "", "a": "1"}, "has the prefix itself as its key, as the S3 console makes for a folder"),
        ({"a//b": "1"}, "holds an empty name"),
    ],
    ids=["clash", "folder", "prefix-itself", "empty-name"],
)
def test_names_that_aws_cannot_lay_out_fail_the_endpoint_and_say_which(hosting, put, objects, told):
    model = create(hosting, ModelDataSource=s3_source(put(objects)))
    name = hosting.endpoint(hosting.config(model), wait=False)
    reason = hosting.failed(name)
    assert "Failed to download model data" in reason
    assert told in reason
    hosting.delete(name)


def test_a_pinned_etag_is_held_to(hosting, put):
    uri = put({"a": "1"})
    etag = hashlib.md5(b"1").hexdigest()
    assert served(hosting, ModelDataSource=s3_source(uri + "a", "S3Object", ETag=etag))["model"] == {"a": "1"}
    message = refusal(hosting, ModelDataSource=s3_source(uri + "a", "S3Object", ETag="0" * 32))
    assert f"asks for ETag `{'0' * 32}`, the object has `{etag}`" in message


@pytest.mark.parametrize(
    ("source", "told"),
    [
        (s3_source(f"s3://{BUCKET}/x"), "must end with a forward slash"),
        (s3_source(f"s3://{BUCKET}/x/", compression="Gzip"), "CompressionType Gzip is only valid with"),
        (s3_source(f"s3://{BUCKET}/x", "S3Object", ManifestS3Uri=f"s3://{BUCKET}/m"), "ManifestS3Uri"),
        (s3_source(f"s3://{BUCKET}/x/", ETag="abc"), "ETag"),
        (s3_source(f"s3://{BUCKET}/x/", ManifestEtag="abc"), "ManifestEtag"),
        (
            s3_source(
                f"s3://{BUCKET}/x/",
                HubAccessConfig={"HubContentArn": "arn:aws:sagemaker:us-east-1:000000000000:hub-content/h/Model/m/1"},
            ),
            "HubAccessConfig",
        ),
    ],
    ids=["no-slash", "gzip-prefix", "manifest-of-object", "etag-of-prefix", "etag-of-no-manifest", "hub"],
)
def test_what_has_no_meaning_is_refused_by_name(hosting, source, told):
    assert told in refusal(hosting, ModelDataSource=source)


@pytest.mark.parametrize(
    ("names", "told"),
    [(["same", "same"], "non-unique"), ([".."], "cannot be the name of a directory"), (["."], "cannot be the name")],
    ids=["twice", "parent", "here"],
)
def test_channel_names_that_cannot_be_directories_are_refused(hosting, put, names, told):
    source = s3_source(put({"a": "1"}))
    additional = [{"ChannelName": name, **source} for name in names]
    assert told in refusal(hosting, ModelDataSource=source, AdditionalModelDataSources=additional)


def test_an_accepted_licence_is_noted(hosting, put, server):
    source = s3_source(put({"a": "1"}), ModelAccessConfig={"AcceptEula": True})
    endpoint = deployed(hosting, ModelDataSource=source)
    shown = server.cli("describe", endpoint, "--output", "json").stdout.decode()
    assert "ModelAccessConfig has no effect" in shown
    hosting.delete(endpoint)


def test_a_file_is_served_where_the_operator_allows_it(hosting, local_models):
    url = f"file://{local_models}/allowed/model.tar.gz"
    answer = served(hosting, ModelDataUrl=url)
    assert answer["model"] == {"where.txt": "allowed"}
    name = create(hosting, ModelDataUrl=url)
    assert hosting.sagemaker.describe_model(ModelName=name)["PrimaryContainer"]["ModelDataUrl"] == url


def test_a_file_elsewhere_is_refused(hosting, local_models):
    os.symlink(local_models / "secret", local_models / "allowed" / "link")
    for path in ("secret/model.tar.gz", "allowed/../secret/model.tar.gz", "allowed/link/model.tar.gz", "secret/no"):
        url = f"file://{local_models}/{path}"
        message = refusal(hosting, ModelDataUrl=url)
        assert message == (
            f"Could not access model data at {url}: it does not lie below a directory that the server's `model_dirs` "
            "names."
        )


def test_files_are_refused_where_nobody_allowed_any(make_server, local_models):
    plain = Hosting(make_server())
    url = f"file://{local_models}/allowed/model.tar.gz"
    message = refusal(plain, ModelDataUrl=url)
    assert message.startswith(f"Could not access model data at {url}: this server reads no files of its own machine")
    assert "model_dirs" in message


def test_a_file_as_uncompressed_source_is_refused_in_aws_words(hosting, local_models):
    message = refusal(hosting, ModelDataSource=s3_source(f"file://{local_models}/allowed/"))
    assert "failed to satisfy constraint: Member must satisfy regular expression pattern" in message


def test_a_large_object_is_deployed_in_bounded_memory(hosting, server):
    """Half a gigabyte, made of one uploaded part that the server copies; with two the peak grew by 8 MB as well."""
    part_bytes, parts = 64 << 20, 8
    key, seed = fresh("large") + "/weights.bin", fresh("seed")
    hosting.s3.put_object(Bucket=BUCKET, Key=seed, Body=b"\x01" * part_bytes)
    upload = hosting.s3.create_multipart_upload(Bucket=BUCKET, Key=key)["UploadId"]
    made = []
    for number in range(1, parts + 1):
        answer = hosting.s3.upload_part_copy(
            Bucket=BUCKET, Key=key, UploadId=upload, PartNumber=number, CopySource={"Bucket": BUCKET, "Key": seed}
        )
        made.append({"PartNumber": number, "ETag": answer["CopyPartResult"]["ETag"]})
    hosting.s3.complete_multipart_upload(
        Bucket=BUCKET, Key=key, UploadId=upload, MultipartUpload={"Parts": made}
    )
    hosting.s3.delete_object(Bucket=BUCKET, Key=seed)
    before = peak_bytes(server.process.pid)
    endpoint = hosting.endpoint(
        hosting.config(create(hosting, ModelDataSource=s3_source(f"s3://{BUCKET}/{key}", "S3Object"))), wait=False
    )
    hosting.in_service(endpoint, 120)
    assert seen(hosting, endpoint)["sizes"] == {"weights.bin": part_bytes * parts}
    after = peak_bytes(server.process.pid)
    hosting.delete(endpoint)
    hosting.s3.delete_object(Bucket=BUCKET, Key=key)
    assert after < 128 << 20, f"the peak grew from {before} to {after} bytes"


def test_a_kill_in_the_middle_of_a_fetch_leaves_nothing_that_is_taken_for_whole(make_server):
    server = make_server()
    hosting = Hosting(server)
    hosting.s3.create_bucket(Bucket=BUCKET)
    body = os.urandom(1 << 20) * 32
    keys = [f"llm/{n}.bin" for n in range(5)]
    hosting.s3.put_object(Bucket=BUCKET, Key=keys[0], Body=body)
    for key in keys[1:]:
        hosting.s3.copy_object(Bucket=BUCKET, Key=key, CopySource={"Bucket": BUCKET, "Key": keys[0]})
    model = create(hosting, ModelDataSource=s3_source(f"s3://{BUCKET}/llm/"))
    name = hosting.endpoint(hosting.config(model), wait=False)
    work = server.data_dir / "cache/.work"
    eventually(lambda: list(work.glob("*/model/*.bin")), bool, "a file is being written", 30)
    server.kill()
    server.start()
    hosting = Hosting(server)
    hosting.in_service(name)
    answer = seen(hosting, name)
    assert answer["sizes"] == {key.removeprefix("llm/"): len(body) for key in keys}
    for key in keys:
        with open(os.path.join(answer["real"], key.removeprefix("llm/")), "rb") as file:
            assert file.read() == body, key
    assert not list(work.iterdir()), "what was half done is gone"
    hosting.delete(name)


def peak_bytes(pid):
    """The most memory that a process has held."""
    with open(f"/proc/{pid}/status") as status:
        line = next(line for line in status if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024
