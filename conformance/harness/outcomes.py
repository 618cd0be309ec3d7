"""Which tests of a run passed, for tests that speak of other tests.

A run may be in two parts, of several processes: the first writes what it saw (`--outcomes-to`), the second knows of
that too (`--outcomes-from`).
"""

import json
from pathlib import Path


class Outcomes:
    """A plugin of pytest: takes down how each test ended."""

    def __init__(self, config):
        self.failed, self.passed = set(), set()
        known = config.getoption("outcomes_from")
        # What the part before this one ran; nothing when this is a run by itself.
        self.before = json.loads(Path(known).read_text()) if known else {}
        # Of several processes, the one that hears of all tests.
        self.written = None if hasattr(config, "workerinput") else config.getoption("outcomes_to")

    def pytest_runtest_logreport(self, report):
        if report.failed:
            self.failed.add(report.nodeid)
        elif report.when == "call" and report.passed:
            self.passed.add(report.nodeid)

    def pytest_sessionfinish(self):
        if self.written:
            Path(self.written).write_text(json.dumps({"failed": sorted(self.failed), "passed": sorted(self.passed)}))

    def of(self, test):
        """True when each run of a test passed, False when one failed, None when it did not run to its end."""
        runs = lambda which: [  # noqa: E731
            node for node in [*getattr(self, which), *self.before.get(which, [])] if node.split("[")[0] == test
        ]
        if runs("failed"):
            return False
        return True if runs("passed") else None

    def ran_before(self, test):
        """Whether the part before this one ran it."""
        return any(node.split("[")[0] == test for nodes in self.before.values() for node in nodes)
