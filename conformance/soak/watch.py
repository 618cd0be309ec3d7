"""What the server has of the machine, looked at twice a second."""

import os
import statistics
import threading
import time
from pathlib import Path

PERIOD_S = 0.5


class Watch:
    """Memory, descriptors and CPU of one process, until it is left."""

    def __init__(self, pid):
        self.pid = pid
        # Since when, MiB, descriptors.
        self.samples = []
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._began = time.monotonic()

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._done.set()
        self._thread.join()

    def _run(self):
        while not self._done.wait(PERIOD_S):
            self.samples.append((time.monotonic() - self._began, memory_mib(self.pid), descriptors(self.pid)))

    def between(self, first, last):
        """Samples of a part of the time: between(0.5, 0.75) is the third quarter."""
        whole = self.samples[-1][0]
        return [sample for sample in self.samples if first * whole <= sample[0] <= last * whole]

    def floor(self, column, first, last):
        """What was there at the quiet moments of that part: the tenth percentile, free of bodies in flight."""
        return statistics.quantiles([sample[column] for sample in self.between(first, last)], n=10)[0]


def memory_mib(pid):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise AssertionError("no VmRSS")


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def cpu_s(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
