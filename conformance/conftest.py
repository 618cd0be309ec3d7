"""Fixtures: one server per module, more on request, and the log of each when a test fails."""

import os
import signal

import pytest

from harness import config as configuration
from harness.hosting import Hosting
from harness.outcomes import Outcomes
from harness.server import BINARY, Server, finish

for _name in [name for name in os.environ if name.startswith("AWS_")]:
    del os.environ[_name]
os.environ["AWS_EC2_METADATA_DISABLED"] = "true"

# A shell's background job is started with SIGINT ignored, one of nohup with SIGHUP, and hands that on; what the tests
# start must not inherit it.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

# Those need environments of their own: `cargo xtask test servers` and `cargo xtask test js`.
_needed = {"servers": "HOSTLER_SERVERS_PYTHON", "js": "HOSTLER_JS_ENV"}
collect_ignore = [folder for folder, variable in _needed.items() if not os.environ.get(variable)]

# Set where nothing may be left out for want of something on the machine.
ALL = os.environ.get("HOSTLER_TEST_ALL")


def pytest_addoption(parser):
    parser.addoption(
        "--rewrite",
        action="store_true",
        help="write what this run found into golden/ and docs/compatibility.md, instead of comparing",
    )
    parser.addoption("--outcomes-to", metavar="FILE", help="write which tests passed, for a second part of the run")
    parser.addoption("--outcomes-from", metavar="FILE", help="this run goes on where one with --outcomes-to ended")


def pytest_configure(config):
    config.pluginmanager.register(Outcomes(config), "outcomes")


def pytest_collection_modifyitems(items):
    """What speaks of other tests comes after them."""
    items.sort(key=lambda item: item.path.name == "test_compatibility.py")


def pytest_sessionstart(session):
    if not BINARY.exists():
        pytest.exit(f"no binary at {BINARY}: run `cargo build -p hostler`, or set HOSTLER_BIN", returncode=2)
    model = configuration.TESTMODEL
    if not model.exists():
        pytest.exit(f"no test model at {model}: run `cargo build -p hostler-testkit`, or set HOSTLER_TESTMODEL", 2)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failed test shows the end of the log of every server that it used."""
    report = (yield).get_result()
    if report.failed:
        for server in getattr(item.module, "_servers", []):
            if server.log_path.exists():
                report.sections.append((f"log of {server.data_dir}", server.shown_log()))


def _make(request, tmp_path_factory, config, arguments):
    directory = tmp_path_factory.mktemp("server")
    server = Server(directory, config=config, arguments=arguments)
    known = getattr(request.module, "_servers", None)
    if known is None:
        known = request.module._servers = []
    known.append(server)
    return server


@pytest.fixture(scope="module")
def server(request, tmp_path_factory):
    """The module's server. A module may set CONFIG (more settings) or ARGUMENTS (more flags)."""
    more = getattr(request.module, "CONFIG", "")
    arguments = getattr(request.module, "ARGUMENTS", ())
    server = _make(request, tmp_path_factory, configuration.settings(more), arguments)
    server.start()
    yield server
    finish(server, check=True)


@pytest.fixture(scope="module")
def hosting(server):
    """Clients of the module's server, with the K-Means example uploaded."""
    hosting = Hosting(server)
    hosting.upload()
    return hosting


@pytest.fixture
def make_server(request, tmp_path_factory):
    """A factory of servers for one test; each is stopped and looked at when the test ends."""
    made = []

    def make(more="", arguments=(), start=True):
        server = _make(request, tmp_path_factory, configuration.settings(more), arguments)
        made.append(server)
        return server.start() if start else server

    yield make
    failed = None
    for server in made:
        try:
            finish(server, check=True)
        except AssertionError as error:
            failed = failed or error
    if failed:
        raise failed


@pytest.fixture
def leave_out():
    """Leaves a test out with a reason; where nothing may be left out, that is a failure."""
    return pytest.fail if ALL else pytest.skip
