"""Create, invoke and delete an endpoint again and again: what the server, the engine and the disk hold is counted."""

import os
import statistics
import subprocess
import time
from pathlib import Path

from stand import ANYWHERE, IMAGE, docker, milliseconds

# What is made once, at the first use, is no leak.
WARM = 5


def measure(stand, arguments):
    with stand.hosting() as hosting:
        hosting.upload()
        config = hosting.config(hosting.model(image=IMAGE, environment=ANYWHERE))
        took = [cycle(hosting, config) for _ in range(WARM)]
        before = held(hosting.server)
        took += [cycle(hosting, config) for _ in range(arguments.cycles - WARM)]
        after = held(hosting.server)
    print(f"InService after{milliseconds(statistics.median(took))}, median of {arguments.cycles} cycles")
    for name, value in before.items():
        print(f"{name:>24}: {value} after {WARM}, {after[name]} after {arguments.cycles}")


def cycle(hosting, config):
    begun = time.monotonic()
    endpoint = hosting.endpoint(config)
    took = time.monotonic() - begun
    assert hosting.invoke(endpoint, b"x")["Payload"] == b"x"
    hosting.delete(endpoint)
    return took


def held(server):
    """What there is now, the server's own and the engine's."""
    process = Path("/proc") / str(server.process.pid)
    status = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
    engine = docker("info", "--format", "{{.DockerRootDir}}")
    return {
        "descriptors": len(os.listdir(process / "fd")),
        "threads": status["Threads"].strip(),
        "memory": status["VmRSS"].strip(),
        "containers": len(docker("ps", "--all", "--quiet").split()),
        "networks": len(docker("network", "ls", "--quiet").split()),
        "volumes": len(docker("volume", "ls", "--quiet").split()),
        "mounts": len(Path("/proc/self/mounts").read_text().splitlines()),
        "interfaces": len(os.listdir("/sys/class/net")),
        "KiB in the data directory": disk(server.data_dir),
        "KiB at the engine": disk(engine),
    }


def disk(directory):
    counted = subprocess.run(["du", "--summarize", "--block-size=1K", directory], capture_output=True, text=True)
    return int(counted.stdout.split()[0])
