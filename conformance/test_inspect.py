"""`hostler inspect`: needs no server, and says what a deployment would."""

import io
import json
import os
import subprocess
import tarfile

from harness import artifacts
from harness.server import BINARY, clean_environment


def inspect(path, *more):
    command = [str(BINARY), "inspect", str(path), *more]
    return subprocess.run(command, capture_output=True, text=True, env=clean_environment(), timeout=60)


def archive_of(path, *members):
    """A gzip tar of (name, content or link target, type)."""
    with tarfile.open(path, "w:gz") as tar:
        for name, content, kind in members:
            entry = tarfile.TarInfo(name)
            entry.type = kind
            if kind == tarfile.REGTYPE:
                entry.size = len(content)
                tar.addfile(entry, io.BytesIO(content))
            else:
                entry.linkname = content
                tar.addfile(entry)
    return path


def test_an_archive_is_looked_into_and_its_engine_asked(tmp_path):
    done = inspect(artifacts.EXAMPLE / "model.tar.gz")
    assert done.returncode == 0, done.stderr
    assert "model_algo-1" in done.stdout
    assert "kmeans, 10 clusters of 64 features" in done.stdout
    assert artifacts.KMEANS_IMAGE in done.stdout
    assert "problems" in done.stdout and "none" in done.stdout


def test_the_answer_to_a_row_of_zeros_is_the_models_own(server, hosting, tmp_path):
    document = json.loads(inspect(artifacts.EXAMPLE / "model.tar.gz", "--output", "json").stdout)
    zero = document["Engine"]["ZeroRow"]
    assert zero["Request"]["Body"] == ",".join(["0"] * 64)
    # Independent of the engine: the centroids are the last 10 x 64 floats before the (empty) list of names.
    import struct

    with tarfile.open(artifacts.EXAMPLE / "model.tar.gz") as tar:
        content = tar.extractfile("model_algo-1").read()
    values = struct.unpack(f"<{10 * 64}f", content[64 : 64 + 4 * 640])
    norms = [sum(value * value for value in values[row * 64 : row * 64 + 64]) ** 0.5 for row in range(10)]
    (prediction,) = json.loads(zero["Answer"]["Body"])["predictions"]
    assert prediction["closest_cluster"] == norms.index(min(norms))
    assert abs(prediction["distance_to_cluster"] - min(norms)) < 1e-4
    # And the same as the deployed endpoint gives.
    name = hosting.deploy()
    answer = hosting.invoke(name, zero["Request"]["Body"], ContentType=zero["Request"]["ContentType"])
    assert json.loads(answer["Payload"]) == json.loads(zero["Answer"]["Body"])
    hosting.delete(name)


def test_json_lists_every_entry_with_its_size(tmp_path):
    document = json.loads(inspect(artifacts.EXAMPLE / "model.tar.gz", "--output", "json").stdout)
    with tarfile.open(artifacts.EXAMPLE / "model.tar.gz") as tar:
        expected = [{"Path": member.name, "Kind": "File", "Bytes": member.size} for member in tar if member.isfile()]
    assert [entry for entry in document["Entries"] if entry["Kind"] == "File"] == expected
    assert document["Files"] == len(expected)
    assert document["Bytes"] == sum(entry["Bytes"] for entry in expected)
    assert document["Problems"] == []


def test_every_problem_is_told_and_the_code_says_so(tmp_path):
    path = archive_of(
        tmp_path / "bad.tar.gz",
        ("good", b"12345", tarfile.REGTYPE),
        ("/etc/passwd", b"x", tarfile.REGTYPE),
        ("../up", b"x", tarfile.REGTYPE),
        ("link", "/etc", tarfile.SYMTYPE),
    )
    done = inspect(path, "--output", "json")
    assert done.returncode == 1
    document = json.loads(done.stdout)
    assert document["Problems"] == [
        "`/etc/passwd` is an absolute path",
        "`../up` goes through `..`",
        "`link` is a link to `/etc`, an absolute path",
    ]
    assert document["Files"] == 3 and document["Links"] == 1
    shown = inspect(path)
    assert shown.returncode == 1
    assert shown.stdout.count("a deployment would refuse this") == 3


def test_what_inspect_refuses_a_deployment_refuses_too(server, hosting, tmp_path):
    path = archive_of(tmp_path / "bad.tar.gz", ("../up", b"x", tarfile.REGTYPE))
    (problem,) = json.loads(inspect(path, "--output", "json").stdout)["Problems"]
    url = hosting.upload(path.read_bytes(), key="bad/model.tar.gz")
    name = hosting.endpoint(hosting.config(hosting.model(url=url)), wait=False)
    assert problem in hosting.failed(name)
    hosting.delete(name)


def test_a_directory_is_looked_at_where_it_is(tmp_path):
    directory = tmp_path / "model"
    directory.mkdir()
    (directory / "model.json").write_text('{"learner": {"attributes": {}}}')
    (directory / "out").symlink_to("..")
    done = inspect(directory, "--output", "json")
    document = json.loads(done.stdout)
    assert done.returncode == 1
    assert document["Form"] == "Directory"
    assert document["Engine"] is None
    assert document["Formats"] == [{"Path": "model.json", "Format": "an XGBoost model"}]
    assert document["Problems"] == ["`out` is a link to `..`, outside the model's directory"]
    (directory / "out").unlink()
    done = inspect(directory)
    assert done.returncode == 0
    assert "no built-in engine" in done.stdout and "[[image]]" in done.stdout


def test_a_file_that_is_no_archive_says_what_it_is(tmp_path):
    path = tmp_path / "model.tar.gz"
    path.write_bytes(b"PK\x03\x04" + bytes(600))
    done = inspect(path)
    assert done.returncode == 1
    assert "zip archive" in done.stdout
    assert "make an archive of the model" in done.stdout and "--image" not in done.stdout


def test_an_archive_that_is_cut_off_is_to_be_mended_before_anything_else(tmp_path):
    path = tmp_path / "model.tar.gz"
    path.write_bytes(artifacts.kmeans_archive()[:1000])
    done = inspect(path)
    assert done.returncode == 1
    assert "its gzip data was cut off before the end" in done.stdout
    assert "mend what is refused first" in done.stdout and "--image" not in done.stdout


def test_nothing_is_left_in_the_temporary_directory(tmp_path):
    command = [str(BINARY), "inspect", str(artifacts.EXAMPLE / "model.tar.gz")]
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    environment = clean_environment() | {"TMPDIR": str(scratch)}
    done = subprocess.run(command, capture_output=True, env=environment, timeout=60)
    assert done.returncode == 0
    assert os.listdir(scratch) == []


def test_a_path_that_is_not_there_is_an_error_with_a_hint(tmp_path):
    done = inspect(tmp_path / "nothing")
    assert done.returncode == 1
    assert done.stdout == ""
    assert "error: looking at" in done.stderr and "hint: check the path" in done.stderr


def test_a_name_in_an_archive_cannot_steer_the_terminal(tmp_path):
    path = archive_of(tmp_path / "odd.tar.gz", ("evil\x1b[2Jname", b"x", tarfile.REGTYPE))
    assert "\x1b" not in inspect(path).stdout
