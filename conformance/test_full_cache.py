"""A disk that is smaller than the cache may grow."""

import os
import subprocess

from harness import artifacts, config
from harness.hosting import Hosting
from harness.server import Server
from harness.small_disk import NEW
from harness.waiting import eventually

IMAGE = "models.example/conformance-plain:1"


def test_a_full_disk_is_cleared_of_models_that_nobody_uses(tmp_path, leave_out):
    """The cache lies on a small file system, which the server alone sees."""
    mount = f"mount -t tmpfs -o size=6m none {tmp_path}/data/cache && exec \"$@\""
    if subprocess.run([*NEW, "true"], capture_output=True).returncode:
        leave_out("the kernel gives no mount namespace")
    (tmp_path / "data/cache").mkdir(parents=True)
    server = Server(tmp_path, config=config.settings(), prefix=[*NEW, "sh", "-c", mount, "sh"])
    try:
        hosting = Hosting(server.start())
        for number in range(3):
            noise = artifacts.archive({"noise": os.urandom(4 << 20)})
            url = hosting.upload(noise, key=f"noise/{number}.tar.gz")
            model = hosting.model(image=IMAGE, url=url)
            name = hosting.endpoint(hosting.config(model))
            # The next one has room only without this one's files.
            hosting.delete(name)
        assert server.log().count("the disk is full: unused models go") == 2
        # What is in use is not touched.
        name = hosting.endpoint(hosting.config(model))
        other = hosting.model(image=IMAGE, url=hosting.upload(noise, key="noise/x"))
        waiting = hosting.endpoint(hosting.config(other), wait=False)
        eventually(
            lambda: server.cli("describe", waiting).stdout.decode(),
            lambda shown: "No space left on device" in shown,
            "the reason is told",
        )
        assert hosting.invoke(name, b"still here")["Payload"] == b"still here"
        hosting.delete(name)
        hosting.in_service(waiting)
        hosting.delete(waiting)
    finally:
        server.stop()
