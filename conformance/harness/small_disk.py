"""A small file system in memory, in a mount namespace of its own, that a test fills up or makes read-only.

Nothing of it is seen outside: a process holds the namespace, servers are started inside, and the test looks in through
/proc. When the holder ends with its standard input, so does the file system, also after a test that was killed.
"""

import os
import subprocess
from pathlib import Path

# Root needs no user namespace, and may not have one.
NEW = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user", "--mount"]
ENTER = ["--mount"] if os.geteuid() == 0 else ["--user", "--preserve-credentials", "--mount"]
HOLD = 'mount -t tmpfs -o "size=$1,mode=0700" hostler-test "$2" && echo mounted && exec cat'
BALLAST = "ballast"
PIECE = b"\1" * 65536


class CannotMount(Exception):
    """This machine lets us mount nothing, with the reason."""


class SmallDisk:
    """A directory that is a file system of so many bytes for those inside."""

    def __init__(self, directory, size):
        self.directory = Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.holder = subprocess.Popen(
            [*NEW, "sh", "-c", HOLD, "sh", str(size), str(self.directory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        if self.holder.stdout.readline() != b"mounted\n":
            _, said = self.holder.communicate()
            raise CannotMount(said.decode().strip())

    @property
    def prefix(self):
        """A command that runs another one inside."""
        return ["nsenter", "--target", str(self.holder.pid), *ENTER]

    @property
    def root(self):
        """Where the file system of those inside is seen from outside."""
        return Path(f"/proc/{self.holder.pid}/root")

    @property
    def inside(self):
        return Path(f"{self.root}{self.directory}")

    def run(self, *command):
        subprocess.run([*self.prefix, *(str(part) for part in command)], check=True, capture_output=True)

    def fill(self):
        """Not one byte more fits."""
        with open(self.inside / BALLAST, "ab", buffering=0) as file:
            size = len(PIECE)
            while size:
                try:
                    file.write(PIECE[:size])
                except OSError:
                    size //= 2

    def free(self):
        (self.inside / BALLAST).unlink()

    def close(self):
        self.holder.stdin.close()
        self.holder.wait()
        self.holder.stdout.close()
        self.holder.stderr.close()
