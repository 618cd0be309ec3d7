"""What a server, its engine and the machine hold: taken before and after, to see what stays behind.

Everything counts that an endpoint could leave: what the engine knows by name, and files. Those below the data directory
that are meant to stay are the cache of models, the embedded S3, kept logs of instances, the book of pulled images (images
stay for days), and the database.
"""

import os
import subprocess
from pathlib import Path

from images import docker

MEANT_TO_STAY = ("cache/", "s3/", "instances/.kept/", "docker/.kept/", "docker/.pulled.json", "hostler.db")


def world():
    """What the engine and the machine hold, by name."""
    return {
        "containers": sorted(docker("ps", "--all", "--quiet", "--no-trunc").splitlines()),
        "networks": sorted(docker("network", "ls", "--quiet", "--no-trunc").splitlines()),
        "volumes": sorted(docker("volume", "ls", "--quiet").splitlines()),
        "mounts": sorted(line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()),
        "interfaces": sorted(os.listdir("/sys/class/net")),
        "processes of containers": [name for name in process_names() if "shim" in name or "runc" in name],
    }


def process_names():
    for path in Path("/proc").glob("[0-9]*/comm"):
        try:
            yield path.read_text().strip()
        except OSError:
            continue  # It ended meanwhile.


def files(server):
    """Those of the server that an endpoint has no leave to leave."""
    below = (str(path.relative_to(server.data_dir)) for path in server.data_dir.rglob("*") if not path.is_dir())
    return sorted(path for path in below if not path.startswith(MEANT_TO_STAY))


def held(server):
    """Counts and sizes, the server's own and the engine's."""
    process = Path("/proc") / str(server.process.pid)
    status = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
    engine = docker("info", "--format", "{{.DockerRootDir}}")
    return {
        "descriptors": len(os.listdir(process / "fd")),
        "threads": int(status["Threads"]),
        "KiB of memory": int(status["VmRSS"].split()[0]),
        **{name: len(found) for name, found in world().items()},
        "KiB in the data directory": disk(server.data_dir),
        "KiB at the engine": disk(engine),
    }


def disk(directory):
    counted = subprocess.run(["du", "--summarize", "--block-size=1K", directory], capture_output=True, text=True)
    return int(counted.stdout.split()[0])
