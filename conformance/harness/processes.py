"""Processes that belong to a server, found through /proc and never by a name alone."""

import os
from pathlib import Path

from harness.config import TESTMODEL


class Process:
    """One process as /proc shows it; pid and start time together are unique."""

    def __init__(self, pid):
        self.pid = pid
        base = Path("/proc") / str(pid)
        self.command = [os.fsdecode(part) for part in (base / "cmdline").read_bytes().split(b"\0") if part]
        tail = (base / "stat").read_text().rpartition(")")[2].split()
        self.state, self.parent, self.started = tail[0], int(tail[1]), int(tail[19])
        try:
            self.directory = os.readlink(base / "cwd")
        except OSError:
            self.directory = ""

    @property
    def identity(self):
        return (self.pid, self.started)

    def __repr__(self):
        return f"<{self.pid} {' '.join(self.command)[:160]}>"


def everything():
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                found.append(Process(int(entry)))
            except (OSError, IndexError, ValueError):
                continue  # It ended while it was read.
    return [process for process in found if process.state not in ("Z", "X")]


def below(directory):
    """Every live process whose arguments or working directory lie in `directory`."""
    inside = str(directory)

    def belongs(process):
        if process.directory == inside or process.directory.startswith(inside + "/"):
            return True
        return any(inside in argument for argument in process.command)

    return [process for process in everything() if process.pid != os.getpid() and belongs(process)]


def is_test_model(process):
    """Whether it is the test model itself, not a supervisor that carries its command or a child that it keeps."""
    return bool(process.command) and process.command[0] == str(TESTMODEL) and len(process.command) == 3


def is_alive(identity):
    try:
        process = Process(identity[0])
    except (OSError, IndexError, ValueError):
        return False
    return process.identity == identity and process.state not in ("Z", "X")
