"""Which tests of a run passed, for tests that speak of other tests."""


class Outcomes:
    """A plugin of pytest: takes down how each test ended."""

    def __init__(self):
        self.failed, self.passed = set(), set()

    def pytest_runtest_logreport(self, report):
        if report.failed:
            self.failed.add(report.nodeid)
        elif report.when == "call" and report.passed:
            self.passed.add(report.nodeid)

    def of(self, test):
        """True when each run of a test passed, False when one failed, None when it did not run to its end."""
        runs = lambda nodes: [node for node in nodes if node.split("[")[0] == test]  # noqa: E731
        if runs(self.failed):
            return False
        return True if runs(self.passed) else None
