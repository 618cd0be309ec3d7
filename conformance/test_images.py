"""Images that the operator mapped: limits of their own, and /opt/ml/model for a program that looks nowhere else."""

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from harness import artifacts
from harness.config import TESTMODEL, image
from harness.hosting import Hosting
from harness.server import BINARY, Server
from harness.waiting import eventually

TELL_ALL = {"TEST_ANSWER": "tell=all"}
MIB = 1024 * 1024


def needing_opt_ml(program):
    return image("fixed", [str(program), "{port}"], TELL_ALL | {"WHERE": "{model_dir}"}) + "needs_opt_ml = true\n"


LIMITED = image("limited", [str(TESTMODEL), "{port}", "{model_dir}"], TELL_ALL) + "memory_mib = 256\ncpu_millis = 500\n"
CONFIG = LIMITED + needing_opt_ml(TESTMODEL)
# Not a name, because every system has the number.
NOBODY = 65534
# The same refusal as that of a machine where namespaces are turned off.
WITHOUT_NAMESPACES = ["unshare", "-Ur", "sh", "-c", 'echo 0 > /proc/sys/user/max_mnt_namespaces && exec "$@"', "sh"]


def works(*command, **how):
    try:
        return subprocess.run(command, capture_output=True, timeout=60, **how).returncode == 0
    except OSError:
        return False


def model_with(hosting, name, files):
    url = hosting.upload(artifacts.archive(files), f"images/{name}.tar.gz")
    return hosting.model(image=f"models.example/conformance-{name}:1", url=url)


def test_limits_of_a_mapping_come_before_those_of_the_instance_type(hosting, server):
    """ml.m5.large grants two vCPUs and 8 GiB."""
    name = hosting.deploy("limited", instance_type="ml.m5.large")
    (plan,) = (server.data_dir / "instances").glob("*/launch.json")
    limits = json.loads(plan.read_text())["limits"]
    assert limits == {"memory_bytes": 256 * MIB, "cpu_millis": 500}
    if os.geteuid() == 0:
        with pytest.raises(ClientError) as caught:
            hosting.invoke(name, CustomAttributes="test: eat_mib=512")
        assert caught.value.response["Error"]["Code"] == "ModelError"
        eventually(
            lambda: server.cli("describe", name).stdout.decode(),
            lambda text: "more memory than its limit of 256 MiB" in text,
            "the mapping's limit is named as the cause",
        )
    hosting.delete(name)


def check_opt_ml(hosting):
    """A program that is told of no directory finds its model in the place of the contract."""
    name = hosting.endpoint(hosting.config(model_with(hosting, "fixed", {"weights": b"w", "code/serve.py": b""})))
    seen = json.loads(hosting.invoke(name)["Payload"])
    assert seen["model_dir"] == "/opt/ml/model"
    assert seen["files"] == ["code", "weights"]
    assert seen["environment"]["WHERE"] == "/opt/ml/model"
    assert seen["environment"]["SAGEMAKER_BASE_DIR"] == "/opt/ml"
    hosting.delete(name)


@pytest.fixture
def namespaces(leave_out):
    """Only where somebody may have a mount namespace."""
    if not works("unshare", "-Um", "true"):
        leave_out("this kernel lets nobody have a mount namespace")


def test_a_program_that_looks_only_in_opt_ml_model_finds_its_model_there(namespaces, hosting):
    before = os.path.exists("/opt/ml"), " /opt/ml" in Path("/proc/self/mounts").read_text()
    check_opt_ml(hosting)
    assert (os.path.exists("/opt/ml"), " /opt/ml" in Path("/proc/self/mounts").read_text()) == before


def test_a_server_that_is_not_root_gives_it_too(namespaces):
    """With programs that this user can reach, wherever the repository is."""
    directory = Path(tempfile.mkdtemp(prefix="hostler-nobody-"))
    user = NOBODY if os.geteuid() == 0 else None
    try:
        binary, program = (Path(shutil.copy2(path, directory)) for path in (BINARY, TESTMODEL))
        server = Server(directory, config=needing_opt_ml(program), user=user, binary=binary)
        try:
            if user is not None:
                shutil.chown(directory, user, user)
            server.start()
            check_opt_ml(Hosting(server))
            assert server.stop() == 0
            server.assert_nothing_left()
        finally:
            server.clean_up()
    finally:
        shutil.rmtree(directory)


def test_where_the_kernel_refuses_the_reason_says_what_and_what_to_do(tmp_path, leave_out):
    if not works(*WITHOUT_NAMESPACES, "true"):
        leave_out("this kernel cannot be made to refuse for a test")
    server = Server(tmp_path, config=CONFIG, prefix=WITHOUT_NAMESPACES)
    try:
        hosting = Hosting(server.start())
        name = hosting.endpoint(hosting.config(model_with(hosting, "fixed", {"weights": b"w"})), wait=False)
        reason = hosting.failed(name)
        assert reason.startswith(
            "The primary container for production variant AllTraffic did not pass the ping health check."
        )
        for part in (
            "`/opt/ml/model`",
            "unshare(CLONE_NEWNS) failed: No space left on device",
            "sysctl user.max_mnt_namespaces",
            "{model_dir}",
            f"See `hostler diagnose {name}`.",
        ):
            assert part in reason, f"{part} is missing: {reason}"
        hosting.delete(name)
        assert server.stop() == 0
        server.assert_nothing_left()
    finally:
        server.clean_up()
