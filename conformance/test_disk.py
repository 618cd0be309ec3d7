"""The disk of the data directory is full or read-only, or bytes on it change: what is said, what goes on, what is left."""

import contextlib
import json
import os
import pwd
import re
import shutil
import signal
import sqlite3
import subprocess
import tempfile
from pathlib import Path

import pytest

from harness import config as configuration
from harness.artifacts import archive
from harness.expect import refused
from harness.hosting import BUCKET, ROLE, Hosting, fresh
from harness.server import BINARY, Server, clean_environment
from harness.small_disk import CannotMount, SmallDisk
from harness.waiting import eventually
from harness.wire import Wire

DISK = "12m"
PROVISION_TIMEOUT_S = 3
# As `cp -r` of a cached model makes it: directories that nobody may write to.
SEALING = """
mkdir -p "$TMPDIR/copy/inner" && touch "$TMPDIR/copy/inner/file" && chmod 0555 "$TMPDIR/copy/inner" "$TMPDIR/copy" &&
exec %s {port} {model_dir}
"""
FULL = "The disk that holds Hostler's data directory is full; nothing was changed. Free some space on it and try again."
DAMAGED = (
    "Hostler's database is damaged where this call needs it; nothing was changed. Stop the server and put a copy of the "
    "database in its place: the server's log names the file, docs/trouble.md says how."
)
IMAGE = "models.example/conformance-pid:1"


@pytest.fixture
def disks():
    made = []
    yield made
    for disk in made:
        disk.close()


@pytest.fixture
def on_small_disk(disks, make_server, leave_out):
    """A server whose data directory is a small file system of its own, and that file system."""

    def make(size=DISK, more=""):
        server = make_server(more, start=False)
        try:
            disk = SmallDisk(server.data_dir, size)
        except CannotMount as why:
            leave_out(f"this kernel lets us mount nothing, not even in a namespace: {why}")
        disks.append(disk)
        server.prefix, server.root = disk.prefix, disk.root
        return server.start(), disk

    return make


def models_that_fit(hosting, count):
    """Names that the server said yes to, of so many asked for; the last of them may be refused."""
    names = []
    for _ in range(count):
        try:
            names.append(hosting.model(image=IMAGE, url=None))
        except hosting.sagemaker.exceptions.ClientError as error:
            assert error.response["Error"] == {"Code": "InternalFailure", "Message": FULL}
            break
    return names


def many_models(hosting, bodies):
    """An endpoint of many models with these archives, by target."""
    prefix = f"{fresh('many')}/"
    for target, body in bodies.items():
        hosting.upload(body, key=prefix + target)
    name = fresh("model")
    container = {"Image": "models.example/conformance-plain:1", "Mode": "MultiModel", "ModelDataUrl": f"s3://{BUCKET}/{prefix}"}
    hosting.sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer=container)
    return hosting.endpoint(hosting.config(name))


def listed(hosting):
    pages = hosting.sagemaker.get_paginator("list_models").paginate(MaxResults=100)
    return {model["ModelName"] for page in pages for model in page["Models"]}


def pid_of(hosting, name):
    return json.loads(hosting.invoke(name)["Payload"])["pid"]


# -- a full disk ------------------------------------------------------------------------------------------------


def test_a_full_disk_refuses_changes_answers_the_rest_and_loses_nothing(on_small_disk):
    server, disk = on_small_disk()
    hosting = Hosting(server)
    name = hosting.deploy("pid")
    pid = pid_of(hosting, name)
    kept = set(models_that_fit(hosting, 20))
    assert len(kept) == 20
    disk.fill()
    # What is left of the last pages may hold a few more; each that is acknowledged counts.
    kept |= set(models_that_fit(hosting, 1000))
    create = hosting.sagemaker.create_model
    members = {"ExecutionRoleArn": "arn:aws:iam::000000000000:role/r", "PrimaryContainer": {"Image": IMAGE}}
    said = refused(create, code="InternalFailure", status=500, ModelName="refused", **members)
    assert said == FULL
    delete = hosting.sagemaker.delete_endpoint
    assert refused(delete, code="InternalFailure", status=500, EndpointName=name) == FULL
    assert hosting.status(name) == "InService", "nothing is half done"
    assert pid_of(hosting, name) == pid, "it serves on"
    assert kept <= listed(hosting) and "refused" not in listed(hosting)

    disk.free()
    hosting.model("afterwards", image=IMAGE, url=None)
    kept.add("afterwards")
    assert pid_of(hosting, name) == pid
    server.kill()
    server.start()
    hosting = Hosting(server)
    assert kept <= listed(hosting), "what was acknowledged is there after a crash"
    hosting.delete(name)


def test_an_instance_that_dies_on_a_full_disk_is_replaced_when_there_is_room(on_small_disk):
    server, disk = on_small_disk()
    hosting = Hosting(server)
    name = hosting.deploy("pid", count=2)
    first, second = sorted({pid_of(hosting, name) for _ in range(20)})
    disk.fill()
    models_that_fit(hosting, 1000)
    os.kill(first, signal.SIGKILL)
    eventually(lambda: "No space left on device" in server.log(), bool, "the log says why nothing takes its place", 30)
    eventually(lambda: {pid_of(hosting, name) for _ in range(5)}, lambda seen: seen == {second}, "the other serves", 10)
    disk.free()
    eventually(
        lambda: {pid_of(hosting, name) for _ in range(20)} - {first, second},
        lambda new: len(new) == 1,
        "another takes its place, without a restart",
        60,
    )
    hosting.delete(name)


def test_a_stop_on_a_full_disk_ends_every_instance_and_the_next_start_goes_on(on_small_disk):
    server, disk = on_small_disk()
    name = Hosting(server).deploy("pid")
    disk.fill()
    models_that_fit(Hosting(server), 1000)
    assert server.stop() == 0
    server.assert_nothing_left()
    disk.free()
    server.start()
    hosting = Hosting(server)
    eventually(lambda: can_answer(hosting, name), bool, "the endpoint comes back", 60)
    hosting.delete(name)


def can_answer(hosting, name):
    try:
        return hosting.invoke(name)["ResponseMetadata"]["HTTPStatusCode"] == 200
    except hosting.runtime.exceptions.ClientError:
        return False


def test_a_server_that_crashed_comes_back_on_a_full_disk_and_serves_what_runs(on_small_disk):
    server, disk = on_small_disk()
    hosting = Hosting(server)
    name = hosting.deploy("pid")
    pid, listen = pid_of(hosting, name), server.url.partition("//")[2]
    disk.fill()
    kept = set(models_that_fit(hosting, 1000))
    server.kill()
    server.start("--listen", listen)
    hosting = Hosting(server)
    assert pid_of(hosting, name) == pid
    assert kept <= listed(hosting)
    disk.free()
    hosting.delete(name)


def test_a_model_that_does_not_fit_on_the_disk_fails_with_that_reason_and_leaves_nothing(on_small_disk):
    server, disk = on_small_disk(more=f"[limits]\nprovision_timeout_s = {PROVISION_TIMEOUT_S}\n")
    hosting = Hosting(server)
    small = hosting.deploy("pid")
    used = in_use(disk)
    # Zeros: a small archive that unpacks to more than the disk holds.
    url = hosting.upload(archive({"weights": bytes(30 << 20)}), key="large/model.tar.gz")
    uploaded = in_use(disk) - used
    name = hosting.endpoint(hosting.config(hosting.model(url=url)), wait=False)
    reason = hosting.failed(name)
    assert reason.startswith(" Failed to download model data for container"), reason
    assert "No space left on device" in reason
    assert f"See `hostler diagnose {name}`." in reason
    (finding,) = json.loads(server.cli("diagnose", name, "--output", "json").stdout)["Findings"]
    assert finding["Cause"] == "DiskFull" and "data directory is full" in finding["Sentence"]
    pid_of(hosting, small)
    eventually(
        lambda: in_use(disk), lambda now: now < used + uploaded + (1 << 20), "what was unpacked is gone again", 30
    )
    hosting.delete(name)
    hosting.delete(small)


def test_a_target_model_takes_the_room_of_the_one_used_the_longest_ago(on_small_disk):
    server, disk = on_small_disk("24m")
    hosting = Hosting(server)
    # Zeros: small archives, of which two fit on the disk when they are unpacked, and three do not.
    bodies = {f"{name}.tar.gz": archive({"name": name.encode(), "weights": bytes(9 << 20)}) for name in "abc"}
    name = many_models(hosting, bodies | {"large.tar.gz": archive({"weights": bytes(40 << 20)})})

    def there(target):
        answer = hosting.invoke(name, b"", TargetModel=target, CustomAttributes="test: tell=all")
        told = json.loads(answer["Payload"])
        return told["path"].split("/")[2], set(told["models"]["there"])

    first, _ = there("a.tar.gz")
    second, both = there("b.tar.gz")
    assert both == {first, second}
    third, now = there("c.tar.gz")
    assert now == {second, third}, "the first had to leave"
    again, now = there("a.tar.gz")
    assert again == first and now == {third, first}, "and comes back in the second's place"
    # What fits not even alone is told, and costs nothing but the models that left for it.
    told = refused(hosting.invoke, "ServiceUnavailable", 503, name=name, body=b"", TargetModel="large.tar.gz")
    assert told == "There is no room on disk for one more model. Try again later."
    assert there("b.tar.gz")[0] == second
    assert in_use(disk) < 24 << 20
    hosting.delete(name)


def in_use(disk):
    stat = os.statvfs(disk.inside)
    return (stat.f_blocks - stat.f_bfree) * stat.f_frsize


def test_a_log_that_cannot_grow_holds_no_model_up_and_tells_what_was_lost(on_small_disk):
    server, disk = on_small_disk()
    hosting = Hosting(server)
    name = hosting.deploy("plain")

    def say(text):
        hosting.invoke(name, b"x", CustomAttributes=f"test: log={text}")

    def log():
        return server.cli("logs", name).stdout.decode()

    say("before")
    eventually(log, lambda text: "before\n" in text, "the log has it", 30)
    disk.fill()
    # More than a pipe holds: were it not read any more, the model would stand still.
    filler = "x" * 900
    for number in range(120):
        say(f"{number}-{filler}")
    assert "before\n" in log()
    disk.free()

    def say_and_look():
        say("afterwards")
        return log()

    text = eventually(say_and_look, lambda text: "afterwards\n" in text, "the log goes on", 30)
    lost = [line for line in text.splitlines() if line.startswith("hostler: ")]
    assert len(lost) == 1 and lost[0].endswith("bytes of output were lost here: No space left on device (os error 28)"), lost
    told = int(lost[0].split()[1])
    whole = sum(len(f"{number}-{filler}\n") for number in range(120))
    kept = text.partition("before\n")[2].partition("\nhostler: ")[0]
    assert told == whole - len(kept), "to the byte"
    assert 0 < told <= whole
    hosting.delete(name)


def test_a_put_that_does_not_fit_is_refused_and_leaves_nothing(on_small_disk):
    server, disk = on_small_disk()
    hosting = Hosting(server)
    hosting.upload(b"there before", key="before")
    used = in_use(disk)
    full = "The disk that holds Hostler's embedded S3 is full."
    body = bytes(30 << 20)
    put = hosting.s3.put_object
    assert refused(put, "InsufficientStorage", 507, Bucket=BUCKET, Key="large", Body=body) == full
    upload = hosting.s3.create_multipart_upload(Bucket=BUCKET, Key="parts")["UploadId"]
    part = {"Bucket": BUCKET, "Key": "parts", "UploadId": upload, "PartNumber": 1, "Body": body}
    assert refused(hosting.s3.upload_part, "InsufficientStorage", 507, **part) == full
    hosting.s3.abort_multipart_upload(Bucket=BUCKET, Key="parts", UploadId=upload)
    eventually(lambda: in_use(disk), lambda now: now < used + (1 << 20), "nothing is left of them", 30)
    assert [entry["Key"] for entry in hosting.s3.list_objects_v2(Bucket=BUCKET)["Contents"]] == ["before"]
    assert hosting.s3.get_object(Bucket=BUCKET, Key="before")["Body"].read() == b"there before"
    hosting.upload(b"fits", key="small")


# -- a read-only data directory ---------------------------------------------------------------------------------


def refused_start(server, *more):
    """What it says on stderr when it will not start."""
    done = subprocess.run(
        server.command(*more), capture_output=True, text=True, timeout=30, env=clean_environment(), cwd="/"
    )
    assert done.returncode == 1 and done.stdout == "", done
    return done.stderr


def test_a_read_only_data_directory_is_refused_at_the_start_and_nothing_is_touched(on_small_disk):
    server, disk = on_small_disk()
    hosting = Hosting(server)
    hosting.model("kept", image=IMAGE, url=None)
    assert server.stop() == 0
    disk.run("mount", "-o", "remount,ro", disk.directory)
    said = refused_start(server)
    assert str(server.data_dir) in said and "Read-only file system" in said, said
    assert "hint: the file system is mounted read-only: mount it for writing" in said, said
    disk.run("mount", "-o", "remount,rw", disk.directory)
    server.start()
    assert "kept" in listed(Hosting(server))


@pytest.fixture
def unprivileged():
    """A server of somebody who may not write everywhere, as root may; with programs that this user can reach."""
    directory = Path(tempfile.mkdtemp(prefix="hostler-readonly-"))
    user = pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else None
    binary, model = (Path(shutil.copy2(path, directory)) for path in (BINARY, configuration.TESTMODEL))
    mapping = configuration.image("pid", [str(model), "{port}", "{model_dir}"], configuration.TELL_PID)
    mapping += configuration.image("sealing", ["/bin/sh", "-c", SEALING % model], configuration.TELL_PID)
    limits = f"[limits]\nprovision_timeout_s = {PROVISION_TIMEOUT_S}\n"
    server = Server(directory, config=limits + mapping, user=user, binary=binary)
    if user is not None:
        shutil.chown(directory, user, user)
    yield server
    change_modes(server, 0o700)
    try:
        server.stop()
        server.assert_nothing_left()
    finally:
        server.clean_up()
        shutil.rmtree(directory, ignore_errors=True)


def change_modes(server, mode):
    """Of every directory of the server's."""
    for folder, _, _ in os.walk(server.data_dir, topdown=mode != 0o500):
        if os.path.isdir(folder) and not os.path.islink(folder):
            os.chmod(folder, mode)


def test_read_only_directories_that_a_model_made_go_with_it(unprivileged):
    hosting = Hosting(unprivileged.start())
    name = hosting.endpoint(hosting.config(hosting.test_model("sealing")))
    hosting.delete(name)
    left = [path.name for path in (unprivileged.data_dir / "instances").iterdir() if path.name != ".kept"]
    assert left == []
    assert unprivileged.stop() == 0
    unprivileged.start()


def test_a_directory_that_becomes_read_only_refuses_what_needs_it_and_serves_on(unprivileged):
    server = unprivileged
    hosting = Hosting(server.start())
    hosting.upload(b"there before", key="before")
    model = hosting.test_model("pid")
    name = hosting.endpoint(hosting.config(model))
    pid = pid_of(hosting, name)
    change_modes(server, 0o500)
    message = refused(hosting.s3.put_object, "InternalError", 500, Bucket=BUCKET, Key="new", Body=b"x")
    assert "log" in message
    assert "Permission denied" in server.log()
    assert hosting.s3.get_object(Bucket=BUCKET, Key="before")["Body"].read() == b"there before"
    assert pid_of(hosting, name) == pid
    # The database's files are open and take changes; what needs a new directory says that it could not have one.
    second = hosting.endpoint(hosting.config(model), wait=False)
    reason = hosting.failed(second)
    assert "no launch of the instance got through to its backend in time" in reason
    assert "make the instance's directory" in server.log()
    change_modes(server, 0o700)
    hosting.upload(b"x", key="new")
    hosting.delete(second)
    hosting.endpoint(hosting.config(model))
    assert pid_of(hosting, name) == pid


# -- a damaged database -----------------------------------------------------------------------------------------


def where_on_disk(content, words):
    """The only place in a database's file where a model's record has these words; the history has them, too."""
    (found,) = re.finditer(rb'"ModelDataUrl":"[^"]*(' + re.escape(words) + rb")", content)
    return found.start(1)


def change_on_disk(server, before, after):
    """Overwrites them in a model's record."""
    path = server.data_dir / "hostler.db"
    assert len(before) == len(after)
    at = where_on_disk(path.read_bytes(), before)
    with open(path, "r+b") as file:
        file.seek(at)
        file.write(after)


@pytest.fixture
def stored(make_server):
    """A server with two models that stand in its database's file and not in its log, ready to start."""
    server = make_server()
    hosting = Hosting(server)
    for number in (1, 2):
        url = hosting.upload(key=f"the-right-{number}/model.tar.gz")
        hosting.model(f"model-{number}", url=url)
    assert server.stop() == 0
    return server


def test_a_letter_that_changed_on_the_disk_is_refused_at_the_start_and_said(stored):
    server = stored
    file = server.data_dir / "hostler.db"
    copy = file.read_bytes()
    change_on_disk(server, b"the-right-1/", b"the-wrong-1/")
    damaged = file.read_bytes()
    said = refused_start(server)
    assert f"the database `{file}` is damaged" in said, said
    assert "model/model-1` is not as it was written" in said, said
    assert "hint: put a copy of the database in its place, or move it away to begin with nothing; docs/trouble.md" in said
    assert file.read_bytes() == damaged, "it is left as it is"
    # Both ways out that docs/trouble.md names: without the document, and from a copy.
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("DELETE FROM documents WHERE kind = 'model' AND key = 'model-1'")
    server.start()
    assert listed(Hosting(server)) == {"model-2"}
    assert server.stop() == 0
    file.write_bytes(copy)
    server.start()
    container = Hosting(server).sagemaker.describe_model(ModelName="model-1")["PrimaryContainer"]
    assert container["ModelDataUrl"].endswith("/the-right-1/model.tar.gz")


def test_a_page_that_was_overwritten_is_refused_at_the_start_and_said(stored):
    server = stored
    file = server.data_dir / "hostler.db"
    copy = file.read_bytes()
    # The page that holds the first model, whose number the file's layout tells.
    page = int.from_bytes(copy[16:18], "big")
    begin = where_on_disk(copy, b"the-right-1/") // page * page
    with open(file, "r+b") as handle:
        handle.seek(begin)
        handle.write(os.urandom(page))
    said = refused_start(server)
    assert f"the database `{file}` is damaged" in said, said
    assert "docs/trouble.md" in said
    file.write_bytes(copy)
    server.start()


def test_a_letter_that_changes_while_the_server_runs_fails_the_calls_that_need_it_and_no_others(stored):
    server = stored.start()
    hosting = Hosting(server)
    change_on_disk(server, b"the-right-1/", b"the-wrong-1/")
    describe = hosting.sagemaker.describe_model
    assert refused(describe, "InternalFailure", 500, ModelName="model-1") == DAMAGED
    assert refused(hosting.sagemaker.list_models, "InternalFailure", 500) == DAMAGED
    assert str(server.data_dir / "hostler.db") in server.log()
    assert "model/model-1` is not as it was written" in server.log()
    assert describe(ModelName="model-2")["ModelName"] == "model-2"
    assert Wire(server).send("GET", "/healthz").status == 200
    name = hosting.deploy("pid")
    assert pid_of(hosting, name)
    hosting.delete(name)
