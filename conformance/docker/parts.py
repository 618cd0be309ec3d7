"""Fetches what the images of this folder are made of: a Debian with Python and Java, and pinned Python packages.

    parts.py DIRECTORY

Why: an image is built where no registry of packages is reached, so all that comes from one is fetched before. Debian's
packages are unpacked and not configured: their programs run, nothing is set up that a container would never use.
A part is named after what it is made of, and made once; a run that was interrupted makes it again.
"""

import hashlib
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
RELEASE = "bookworm"
# What this release's Python and C library take; every requirement is pinned with its hashes.
PYTHON = "3.11"
PLATFORMS = ["manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64"]
PACKAGES = [
    *("base-files", "base-passwd", "bash", "coreutils", "dash", "grep", "libc-bin", "mawk", "procps", "sed"),
    *("python3-minimal", "libpython3-stdlib", "python3-distutils", "openjdk-17-jre-headless"),
]
MERGED = "--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr"
REQUIREMENTS = {
    "mlflow": HERE.parent / "servers/requirements.txt",
    "mms": HERE / "images/mms/requirements.txt",
}


def main(directory):
    directory.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor() as pool:
        works = [pool.submit(debian, directory)]
        works += [pool.submit(packages, directory, name) for name in REQUIREMENTS]
        wanted = {work.result() for work in works}
    for path in set(directory.iterdir()) - wanted:
        path.unlink()


def part(directory, name):
    """The one archive of that name."""
    (found,) = directory.glob(f"{name}-*.tar")
    return found


def debian(directory):
    command = ["mmdebstrap", "--silent", "--variant=extract", MERGED, f"--include={','.join(PACKAGES)}"]
    command.append(RELEASE)

    def make(target):
        run(*command, target)

    return made(directory, "debian", " ".join(command), make)


def packages(directory, name):
    requirements = REQUIREMENTS[name]
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
    command += ["--root-user-action", "ignore"]
    command += ["--no-deps", "--require-hashes", "--python-version", PYTHON]
    command += [word for platform in PLATFORMS for word in ("--platform", platform)]

    def make(target):
        with tempfile.TemporaryDirectory(dir=directory, prefix=f"{name}-") as folder:
            inside = Path(folder) / "usr/local/lib/python3.11/dist-packages"
            run(*command, "--target", inside, "--requirement", requirements)
            scripts(inside / "bin", Path(folder) / "usr/local/bin")
            run("tar", "--create", "--file", target, "--directory", folder, "--owner=0", "--group=0", "usr")

    return made(directory, name, " ".join(command[1:]) + requirements.read_text(), make)


def scripts(source, target):
    """Programs of packages begin with the name of the Python that installed them; in the image it is another one."""
    target.mkdir()
    for path in source.iterdir():
        first, _, rest = path.read_bytes().partition(b"\n")
        if first.startswith(b"#!"):
            copy = target / path.name
            copy.write_bytes(b"#!/usr/bin/python3\n" + rest)
            copy.chmod(0o755)
    shutil.rmtree(source)


def made(directory, name, recipe, make):
    target = directory / f"{name}-{hashlib.sha256(recipe.encode()).hexdigest()[:16]}.tar"
    if not target.exists():
        half = directory / f".{target.name}"
        make(half)
        half.rename(target)
    return target


def run(*command):
    subprocess.run([str(word) for word in command], check=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
