"""Builds this folder's images in the engine, from the parts that parts.py fetched and programs of this machine.

Every image ends up in a registry of the tests: what an endpoint runs was pulled from there.
"""

import io
import subprocess
import tarfile
from pathlib import Path

import parts

HERE = Path(__file__).resolve().parent


def docker(*arguments, **more):
    """What the command line of the engine says."""
    command = ["docker", *(str(argument) for argument in arguments)]
    done = subprocess.run(command, capture_output=True, **more)
    assert done.returncode == 0, f"{command} ended with {done.returncode}: {done.stderr.decode(errors='replace')}"
    return done.stdout.decode().strip()


def debian(directory, name):
    """The Debian below the images that need Python or Java."""
    docker("import", parts.part(directory, "debian"), name)
    return name


def with_packages(directory, kind, base, name, more=()):
    """An image of `images/KIND/Dockerfile` and further files, whose Python packages are the part of that name."""
    process = subprocess.Popen(
        ["docker", "build", "--quiet", "--build-arg", f"BASE={base}", "--tag", name, "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    # The client looks at the first block to tell an archive from a Dockerfile, so no extended headers.
    with tarfile.open(fileobj=process.stdin, mode="w|", format=tarfile.GNU_FORMAT) as context:
        for path in (*sorted((HERE / "images" / kind).iterdir()), *more):
            context.add(path, path.name)
        context.add(parts.part(directory, kind), "packages.tar")
    said, _ = process.communicate()
    assert process.returncode == 0, said.decode(errors="replace")
    return name


def program(path, name, *changes):
    """A small image of one program of this machine, with the libraries that it asks for."""
    listed = subprocess.run(["ldd", str(path)], capture_output=True, text=True, check=True).stdout
    libraries = {word for line in listed.splitlines() for word in line.split() if word.startswith("/")}
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        tar.add(path, "model-server")
        for library in sorted(libraries):
            tar.add(Path(library).resolve(), library.lstrip("/"))
        for folder in ("tmp", "opt/ml"):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777
            tar.addfile(entry)
    flags = [word for change in ("ENTRYPOINT [\"/model-server\"]", *changes) for word in ("--change", change)]
    docker("import", *flags, "-", name, input=buffer.getvalue())
    return name


def pushed(image, name):
    """The image under a registry's name, pushed; the digest that the registry gave it."""
    docker("tag", image, name)
    docker("push", "--quiet", name)
    (digest,) = {
        digest.partition("@")[2]
        for digest in docker("inspect", "--format", "{{join .RepoDigests \"\\n\"}}", name).splitlines()
        if digest.startswith(name.rpartition(":")[0] + "@")
    }
    return digest
