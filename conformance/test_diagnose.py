"""`hostler diagnose`: every way to break a model, and the phase, the cause and the sentence that a newcomer needs.

The table is deployed at once, so that the minute that a start may take passes once for all of it.
"""

import io
import json
import socket
import sys
import tarfile
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from harness import config as configuration
from harness.artifacts import archive, kmeans_archive
from harness.config import MODELS, TESTMODEL
from harness.hosting import ACCOUNT, Hosting, fresh
from harness.waiting import eventually
from test_heal import limited
from test_quotas import lacking_type

STARTUP_TIMEOUT_S = 60
# A program that listens where it likes.
ELSEWHERE = "import socket, time; s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen(); time.sleep(600)"
COMMANDS = {
    "no-command": ["/no/such/program", "{port}"],
    "no-permission": [str(MODELS / "contract.py"), "{port}"],
    "no-module": [sys.executable, "-c", "import no_such_module_of_ours"],
    "python-error": [sys.executable, "-c", "raise ValueError('the weights are of the wrong shape')"],
    "elsewhere": [sys.executable, "-c", ELSEWHERE],
    "any": [str(TESTMODEL), "{port}", "{model_dir}"],
}
CONFIG = "[limits]\nmodel_timeout_s = 2\n" + "\n".join(
    f'[[image]]\nmatch = "*/diagnose-{name}:*"\ncommand = {json.dumps(command)}\n' for name, command in COMMANDS.items()
)
ADDRESSES_V6 = Path("/proc/net/if_inet6")
HAS_IPV6 = ADDRESSES_V6.exists() and " lo" in ADDRESSES_V6.read_text()


def image(name):
    return f"models.example/diagnose-{name}:1"


def any_model(hosting, **environment):
    return hosting.model(image=image("any"), url=None, environment=environment)


def outside():
    """A gzip tar with a member above its directory, which no packer of this repository makes."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        entry = tarfile.TarInfo("../../etc/cron.d/evil")
        entry.size = 1
        tar.addfile(entry, io.BytesIO(b"x"))
    return buffer.getvalue()


def with_data(make):
    return lambda hosting: hosting.model(url=hosting.upload(make(), key=f"broken/{fresh('object')}.tar.gz"))


def run_by(name, **environment):
    return lambda hosting: hosting.model(image=image(name), url=None, environment=environment)


def without_object(hosting):
    url = hosting.upload(key="gone/model.tar.gz")
    model = hosting.model(url=url)
    hosting.s3.delete_object(Bucket="conformance-models", Key="gone/model.tar.gz")
    return model


def without_bucket(hosting):
    model = hosting.model(url=hosting.upload(bucket="short-lived", key="model.tar.gz"))
    hosting.s3.delete_object(Bucket="short-lived", Key="model.tar.gz")
    hosting.s3.delete_bucket(Bucket="short-lived")
    return model


# How it is broken: how the model is made; then phase, cause, and what the sentence says.
BROKEN = {
    "the key is gone": (without_object, "Fetch", "DataMissing", "There is no object at `s3://"),
    "the bucket is gone": (without_bucket, "Fetch", "DataMissing", "the bucket or the key is misspelled"),
    "not an archive": (with_data(lambda: b"PK\x03\x04 a zip"), "Unpack", "NotAnArchive", "is no tar archive"),
    "a truncated archive": (with_data(lambda: kmeans_archive()[:-200]), "Unpack", "ArchiveCutOff", "ends in the middle"),
    "a member outside": (with_data(outside), "Unpack", "ArchiveUnsafe", "outside of the model's directory"),
    "a bomb": (with_data(lambda: archive({"zeros": bytes(80 << 20)})), "Unpack", "DataOverLimit", "unpacks to much more"),
    "no model file inside": (
        with_data(lambda: archive({"readme.txt": b"nothing"})), "Start", "Exited", "The built-in engine `kmeans` cannot serve"
    ),
    "a model file of another kind": (
        with_data(lambda: archive({"model_algo-1": b"this is no NDArray"})),
        "Start",
        "Exited",
        "The built-in engine `kmeans` cannot serve",
    ),
    "an image that nobody maps": (
        lambda hosting: hosting.model(image="registry.example/unknown:1", url=None),
        "Start",
        "ImageUnmapped",
        "No program is known for the image `registry.example/unknown:1`",
    ),
    "no such command": (run_by("no-command"), "Start", "CommandMissing", "`/no/such/program` of the image's command"),
    "a command without permission": (run_by("no-permission"), "Start", "CommandRefused", "may not be executed"),
    "an exit code": (
        run_by("any", TEST_START_EXIT="3", TEST_START_WORDS="no weights here"),
        "Start",
        "Exited",
        "code 3 before it answered /ping. Its last words: no weights here",
    ),
    "an exit without a fault": (
        run_by("any", TEST_START_EXIT="0"), "Start", "Exited", "a model server must go on running"
    ),
    "a module that is missing": (run_by("no-module"), "Start", "Exited", "Python module `no_such_module_of_ours`"),
    "an error of Python": (
        run_by("python-error"), "Start", "Exited", "ValueError: the weights are of the wrong shape"
    ),
    "a signal": (run_by("any", TEST_START_SIGNAL="SEGV"), "Start", "Signalled", "signal 11: it crashed on a wrong"),
    "too much memory": (
        run_by("any", TEST_START_EAT_MIB="3072"), "Start", "OutOfMemory", "more memory than its limit of 2048 MiB"
    ),
    "an accelerator that is not here": (
        run_by("any"), "Start", "AcceleratorMissing", "accelerators that this machine does not have"
    ),
    "another port": (run_by("elsewhere"), "Ping", "PingRefused", "it has a port of its own choice"),
    "another address": (
        run_by("any", TEST_LISTEN="::1"), "Ping", "PingRefused", "the same port, another address"
    ),
    "no /ping": (run_by("any", TEST_PING="404"), "Ping", "PingAnswered", "serves HTTP and has no /ping"),
    "a sick /ping": (run_by("any", TEST_PING="500"), "Ping", "PingAnswered", "says that it is not well"),
    "a /ping that is never ready": (run_by("any", TEST_PING="503"), "Ping", "PingAnswered", "it is not ready"),
    "a silent /ping": (run_by("any", TEST_PING="hang"), "Ping", "PingSilent", "does not answer GET /ping within 2 s"),
    "a start that takes too long": (
        run_by("any", TEST_START_HANG="true"), "Ping", "PingRefused", "listens on no port: within 60 s"
    ),
}
TYPES = {"too much memory": "ml.c8g.medium", "an accelerator that is not here": lacking_type()}


def diagnosis(server, name):
    return json.loads(server.cli("diagnose", name, "--output", "json").stdout)


def cannot_be_broken_here(server, how):
    """Why this machine cannot break a model so, if it cannot."""
    if how == "too much memory" and "memory" not in limited(server):
        return "this machine lets nobody limit memory"
    if how == "another address" and not HAS_IPV6:
        return "this machine has no IPv6"
    return None


@pytest.fixture(scope="module")
def broken(server, hosting):
    """An endpoint for each row of the table, all on their way at once."""
    names = {}
    for how, (make, *_) in BROKEN.items():
        if cannot_be_broken_here(server, how) is None:
            more = {"instance_type": TYPES[how]} if how in TYPES else {}
            config = hosting.config(
                make(hosting), ContainerStartupHealthCheckTimeoutInSeconds=STARTUP_TIMEOUT_S, **more
            )
            names[how] = hosting.endpoint(config, wait=False)
    return names


@pytest.mark.parametrize("how", BROKEN)
def test_what_is_broken_is_named_with_its_phase_its_cause_and_what_to_try(server, hosting, broken, leave_out, how):
    if reason := cannot_be_broken_here(server, how):
        leave_out(reason)
    _, phase, cause, sentence = BROKEN[how]
    name = broken[how]
    reason = hosting.failed(name, STARTUP_TIMEOUT_S + 60)
    # Nothing of it runs any more: what is told was written down when it was decided on.
    eventually(
        lambda: json.loads(server.cli("describe", name, "--output", "json").stdout)["Instances"],
        lambda instances: instances == [],
        "its instances are gone",
    )
    told = diagnosis(server, name)
    assert (told["Verdict"], told["EndpointStatus"]) == ("Failed", "Failed")
    assert told["FailureReason"] == reason
    first = told["Findings"][0]
    assert (first["Phase"], first["Cause"]) == (phase, cause), first
    assert sentence in first["Sentence"], first
    assert first["Next"] and all(first["Next"])
    # There is no log of what never ran.
    ran = phase == "Ping" or cause in ("Exited", "Signalled", "OutOfMemory")
    assert (f"See `hostler logs {name}`." in reason) == ran, reason
    text = server.cli("diagnose", name).stdout.decode()
    assert first["Sentence"] in text and first["Next"][0] in text
    hosting.delete(name)


def test_what_was_seen_of_an_instance_outlives_it_and_its_server(make_server):
    server = make_server(CONFIG)
    hosting = Hosting(server)
    name = hosting.endpoint(
        hosting.config(any_model(hosting, TEST_START_EXIT="5", TEST_START_WORDS="these were my last words")),
        wait=False,
    )
    hosting.failed(name)
    evidence = diagnosis(server, name)["Findings"][0]["Evidence"]
    assert evidence["ExitCode"] == 5 and evidence["LogTail"].strip() == "these were my last words"
    server.kill()
    server.start()
    hosting = Hosting(server)
    after = diagnosis(server, name)["Findings"][0]["Evidence"]
    assert after == evidence
    hosting.delete(name)


def test_a_program_that_listens_elsewhere_is_told_of_while_it_starts(server, hosting):
    """Nobody has to wait for the end of the minute."""
    name = hosting.endpoint(hosting.config(hosting.model(image=image("elsewhere"), url=None)), wait=False)
    told = eventually(
        lambda: diagnosis(server, name), lambda told: told["Findings"], "it is seen where the program listens", 30
    )
    assert (told["Verdict"], told["EndpointStatus"]) == ("Ailing", "Creating")
    (finding,) = told["Findings"]
    (address,) = finding["Evidence"]["ListensOn"]
    assert address != finding["Evidence"]["ExpectedAddress"]
    with socket.create_connection(address.rsplit(":", 1), timeout=5):
        pass
    assert address in finding["Sentence"]
    hosting.delete(name)


def test_of_an_endpoint_that_is_well_nothing_is_wrong(server, hosting):
    name = hosting.deploy()
    told = diagnosis(server, name)
    assert (told["Verdict"], told["Findings"]) == ("Well", [])
    assert "nothing is wrong" in server.cli("diagnose", name).stdout.decode()
    hosting.delete(name)


@pytest.mark.parametrize(
    ("command", "cause", "sentence"),
    [
        ("status=500", "InvocationAnswered", "its code fails on /invocations"),
        ("status=415", "InvocationAnswered", "does not take the content type"),
        ("delay_ms=10000", "InvocationTimedOut", "got no answer from the model"),
        ("close=true", "InvocationLost", "lost the connection"),
    ],
)
def test_invocations_that_fail_are_told_of_until_one_succeeds(server, hosting, command, cause, sentence):
    name = hosting.endpoint(hosting.config(any_model(hosting)))
    for _ in range(2):
        with pytest.raises(ClientError):
            hosting.invoke(name, b"x", CustomAttributes=f"test: {command}")
    told = diagnosis(server, name)
    assert (told["Verdict"], told["EndpointStatus"]) == ("Ailing", "InService")
    (finding,) = told["Findings"]
    assert (finding["Phase"], finding["Cause"], finding["Evidence"]["Failures"]) == ("Invoke", cause, 2)
    assert finding["Sentence"].startswith("The last 2 invocations") and sentence in finding["Sentence"]
    hosting.invoke(name, b"x")
    assert diagnosis(server, name)["Verdict"] == "Well"
    hosting.delete(name)


def test_an_instance_that_ends_again_and_again_is_told_of_while_the_endpoint_serves(server, hosting):
    name = hosting.endpoint(hosting.config(any_model(hosting, TEST_EXIT_AFTER_MS="300")))
    told = eventually(
        lambda: diagnosis(server, name),
        lambda told: told["Findings"] and told["Findings"][0]["Evidence"]["Failures"] >= 2,
        "it failed twice in a row",
    )
    finding = told["Findings"][0]
    assert (told["Verdict"], told["EndpointStatus"]) == ("Ailing", "InService")
    assert (finding["Cause"], finding["Evidence"]["ExitCode"]) == ("Exited", 7)
    assert "code 7 after it had been healthy" in finding["Sentence"]
    hosting.delete(name)


def test_an_update_that_was_taken_back_is_told_of_until_one_succeeds(server, hosting):
    name = hosting.deploy()
    for bad, sentence in [
        (any_model(hosting, TEST_START_EXIT="3"), "The program ended by itself with code 3"),
        # What it was made from is told, though its deployment is gone.
        (hosting.model(image="registry.example/unknown:2", url=None), "the image `registry.example/unknown:2`"),
    ]:
        hosting.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=hosting.config(bad))
        hosting.in_service(name)
        told = diagnosis(server, name)
        (finding,) = told["Findings"]
        assert told["Verdict"] == "Ailing" and sentence in finding["Sentence"], told
        assert "its last update failed and was taken back" in told["Summary"]
    hosting.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=hosting.config(any_model(hosting)))
    hosting.in_service(name)
    assert diagnosis(server, name)["Verdict"] == "Well"
    hosting.delete(name)


def test_a_role_that_lost_its_right_is_named(make_server):
    reader = f"arn:aws:iam::{ACCOUNT}:role/reader"
    role = '[[role]]\narn = "{}"\nallow = [{}]\n'
    server = make_server(role.format(reader, '"s3://conformance-models/*"'))
    hosting = Hosting(server)
    config = hosting.config(hosting.model(url=hosting.upload(), role=reader))
    server.stop()
    server.config_path.write_text(configuration.settings(role.format(reader, "")))
    server.start()
    hosting = Hosting(server)
    name = hosting.endpoint(config, wait=False)
    hosting.failed(name)
    (finding,) = diagnosis(server, name)["Findings"]
    assert (finding["Phase"], finding["Cause"]) == ("Fetch", "DataForbidden")
    assert f"The role `{reader}` may not read `s3://conformance-models/" in finding["Sentence"]
    hosting.delete(name)


def test_a_name_that_is_not_there_is_said_to_be_so(server):
    done = server.cli("diagnose", "never-there", check=False)
    assert done.returncode == 1 and "Could not find endpoint" in done.stderr.decode()
