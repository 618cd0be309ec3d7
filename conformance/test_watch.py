"""`hostler ls --watch`: a list that follows what happens, on a terminal and on a pipe."""

import json
import signal
import subprocess

import pytest

from harness.hosting import Hosting, fresh
from harness.server import BINARY, clean_environment
from harness.terminal import LiveTerminal
from harness.waiting import eventually

INTERRUPTED = 130


def command(server, *more):
    return [BINARY, "ls", "--watch", "--interval", "0.1", "--data-dir", server.data_dir, *more]


@pytest.fixture
def watch():
    """Begins to watch a server; ends what a failed test has left."""
    begun = []

    def begin(server):
        begun.append(LiveTerminal(command(server), columns=100))
        return begun[-1]

    yield begin
    for seen in begun:
        seen.kill()


def shows(seen, *words, without=()):
    """Waits until one line has all the words; the picture then."""

    def is_shown(picture):
        lines = [line for line in picture.lines if all(word in line for word in words)]
        return lines and not any(word in line for line in picture.lines for word in without)

    return eventually(seen.screen, is_shown, f"a line with {words}", 20)


def test_a_list_follows_creation_update_and_deletion_in_place(server, hosting, watch):
    former = hosting.config(hosting.test_model("plain"))
    coming = hosting.config(hosting.test_model("plain"), count=2)
    seen = watch(server)
    name = hosting.endpoint(former, fresh("watched"))
    picture = shows(seen, name, "InService", "1/1", former)
    assert picture.own and not picture.cursor
    wait = {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0}
    policy = {"TrafficRoutingConfiguration": wait, "TerminationWaitInSeconds": 2}
    hosting.sagemaker.update_endpoint(
        EndpointName=name, EndpointConfigName=coming, DeploymentConfig={"BlueGreenUpdatePolicy": policy}
    )
    shows(seen, name, "Updating", "3/3", f"{former} -> {coming}")
    shows(seen, name, "InService", "2/2", coming)
    hosting.delete(name)
    shows(seen, "NAME", without=[name])
    # Nothing was ever cleared as a whole, which is what flickers.
    assert "\x1b[2J" not in seen.raw
    seen.type("\x03")
    assert seen.end() == INTERRUPTED
    assert seen.raw.endswith("\x1b[?25h\x1b[?1049l"), seen.raw[-80:]


def test_a_resize_is_followed_and_no_line_is_wider_than_the_terminal(server, hosting, watch):
    config = hosting.config(hosting.test_model("plain"), fresh("a-config-with-quite-a-long-name-for-a-terminal"))
    names = sorted(hosting.endpoint(config, fresh("resized")) for _ in range(3))
    seen = watch(server)
    shows(seen, names[-1], config)
    seen.resize(40, 4)
    picture = shows(seen, names[0], "…", without=[config])
    assert all(len(line) <= 40 for line in picture.lines), picture.lines
    picture = shows(seen, "and", "more")
    assert len(picture.lines) == 4, picture.lines
    seen.resize(100, 24)
    shows(seen, names[-1], config)
    seen.process.send_signal(signal.SIGTERM)
    assert seen.end() == INTERRUPTED
    assert seen.raw.endswith("\x1b[?25h\x1b[?1049l")
    for name in names:
        hosting.delete(name)


def test_a_server_that_is_gone_is_said_and_found_again(make_server, watch):
    server = make_server()
    hosting = Hosting(server)
    name = hosting.endpoint(hosting.config(hosting.test_model("plain")))
    seen = watch(server)
    shows(seen, name, "InService")
    server.stop()
    picture = shows(seen, "no answer for", "asking again")
    assert any(name in line for line in picture.lines), "what was known stays"
    server.start()
    shows(seen, name, "InService", without=["no answer"])
    seen.type("\x03")
    assert seen.end() == INTERRUPTED


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_pipe_gets_a_block_for_each_change_and_no_escape(server, hosting, form):
    config = hosting.config(hosting.test_model("plain"))
    process = subprocess.Popen(
        [str(part) for part in command(server, "--output", form)],
        stdout=subprocess.PIPE,
        env=clean_environment(),
    )
    name = fresh("piped")
    first = process.stdout.readline()
    hosting.endpoint(config, name)
    came = first

    def read():
        nonlocal came
        came += process.stdout.readline()
        return came.decode()

    eventually(read, lambda text: name in text and "InService" in text.split(name)[-1], "it is told", 20)
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=10)
    assert process.returncode == INTERRUPTED
    text = (came + rest).decode()
    assert "\x1b" not in text
    if form == "json":
        tellings = [json.loads(line) for line in text.splitlines()]
        assert all(before != after for before, after in zip(tellings, tellings[1:]))
        (row,) = [row for row in tellings[-1] if row["EndpointName"] == name]
        assert (row["Healthy"], row["Desired"], row["EndpointConfigName"]) == (1, 1, config)
    else:
        blocks = text.split("\n\n")
        assert all(block.startswith("NAME") for block in blocks), blocks
        assert len(blocks) >= 2
    hosting.delete(name)
