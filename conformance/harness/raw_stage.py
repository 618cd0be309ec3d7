"""The fixtures of the chaos rows: a server, a container that the test plays, and a look at both after every row.

A module imports `container` and `stage`, and may set CONFIG; see conftest.py.
"""

import os

import pytest

from harness.raw_client import RawClient
from harness.raw_container import RawContainer
from harness.scraping import Scrape
from harness.waiting import eventually


@pytest.fixture(scope="module")
def container(hosting):
    """The container of all rows; when they are done the server has no more open than before."""
    with RawContainer(hosting) as container:
        with RawClient(hosting.server) as client:
            assert client.ask(container.endpoint, b"warm").body == b"warm"
        container.start_afresh()
        before = descriptors(hosting.server)
        yield container
        container.start_afresh()
        eventually(lambda: descriptors(hosting.server), lambda open: open <= before, f"no more than {before} open")


@pytest.fixture
def stage(hosting, container):
    """The container afresh; afterwards a good request is answered and nothing is in flight."""
    container.start_afresh()
    yield container
    with RawClient(hosting.server) as client:
        assert client.ask(container.endpoint, b"afterwards").body == b"afterwards"
    eventually(
        lambda: Scrape(hosting.server).value("requests_in_flight", endpoint=container.endpoint),
        lambda count: count == 0,
        "nothing is in flight",
    )


def descriptors(server):
    return len(os.listdir(f"/proc/{server.process.pid}/fd"))
