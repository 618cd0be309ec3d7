"""What a person sees: colours and rewritten lines on a terminal that can, and nothing of it anywhere else."""

import subprocess

import pytest

from harness import artifacts
from harness.hosting import fresh
from harness.server import BINARY, clean_environment
from harness.terminal import Terminal

ARCHIVE = artifacts.EXAMPLE / "model.tar.gz"


def deploy(server, name, **terminal):
    command = [BINARY, "deploy", ARCHIVE, "--name", name, "--data-dir", server.data_dir]
    return Terminal(command, **terminal)


def test_a_deployment_writes_one_line_over_and_leaves_a_line_per_step(server, hosting):
    name = fresh("seen")
    seen = deploy(server, name, columns=60)
    assert seen.code == 0, seen.raw
    assert "\r" in seen.raw and "\x1b[K" in seen.raw
    steps = [line for line in seen.screen() if " s  " in line]
    assert [line.split(" s  ")[1].split()[0] for line in steps] == ["served", "uploaded", "created", "endpoint"]
    hosting.delete(name)


@pytest.mark.parametrize("columns", [40, 50, 120])
def test_a_live_line_is_never_wider_than_the_terminal(server, hosting, columns):
    name = fresh("seen")
    seen = deploy(server, name, columns=columns)
    assert seen.code == 0, seen.raw
    # Every rewritten line: from its carriage return to the erasure of the rest.
    live = [piece.split("\x1b[K")[0] for piece in seen.raw.split("\r") if "\x1b[K" in piece]
    plain = [line.replace("\x1b[2m", "").replace("\x1b[0m", "") for line in live]
    assert any("…" in line for line in plain)
    assert all(len(line) < columns for line in plain), plain
    hosting.delete(name)


@pytest.mark.parametrize("environment", [{"TERM": "dumb"}, {"TERM": ""}])
def test_a_dumb_terminal_gets_plain_lines(server, hosting, environment):
    name = fresh("seen")
    seen = deploy(server, name, **environment)
    assert seen.code == 0, seen.raw
    assert "\x1b" not in seen.raw
    assert "\r" not in seen.raw.replace("\r\n", "\n")
    hosting.delete(name)


def test_no_color_keeps_the_rewritten_line_and_drops_the_colours(server, hosting):
    name = fresh("seen")
    seen = deploy(server, name, NO_COLOR="1")
    assert seen.code == 0, seen.raw
    assert "\x1b[K" in seen.raw
    assert "m" not in {piece.lstrip("0123456789;")[:1] for piece in seen.raw.split("\x1b[")[1:]}
    hosting.delete(name)


def test_errors_are_coloured_on_a_terminal_only(tmp_path):
    command = [BINARY, "ls", "--data-dir", tmp_path / "nothing"]
    seen = Terminal(command)
    assert seen.code == 1
    assert "\x1b[1;31merror:\x1b[0m" in seen.raw and "\x1b[36mhint:\x1b[0m" in seen.raw
    for variables in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        seen = Terminal(command, **variables)
        assert "\x1b" not in seen.raw
        assert "error:" in seen.raw and "hint:" in seen.raw
    piped = subprocess.run([str(part) for part in command], capture_output=True, env=clean_environment())
    assert b"\x1b" not in piped.stderr


def test_an_error_is_folded_between_words_and_its_example_stays_whole(server, tmp_path):
    (tmp_path / "model").mkdir()
    command = [BINARY, "deploy", tmp_path / "model", "--name", "x", "--data-dir", server.data_dir]
    seen = Terminal(command, columns=50)
    assert seen.code == 1
    lines = seen.screen()
    assert '  command = ["python3", "/srv/serve.py", "{port}", "{model_dir}"]' in lines
    prose = [line for line in lines if not line.startswith("  command") and len(line.split()) > 3]
    assert all(len(line) <= 50 for line in prose), prose
    assert any(line.startswith("hint: give --image NAME") for line in lines)


@pytest.mark.parametrize("columns", [40, 50, 76, 120])
def test_doctor_and_inspect_fit_the_terminal(columns, tmp_path):
    for command in ([BINARY, "doctor", "--data-dir", "x"], [BINARY, "inspect", ARCHIVE]):
        seen = Terminal(command, columns=columns)
        assert seen.code == 0, seen.raw
        # A single word (a path, an image's name) may be wider than the terminal; sentences may not.
        wide = [line for line in seen.screen() if len(line) > columns and len(line.split()) > 3]
        assert not wide, wide


def test_doctor_uses_colours_only_where_they_are_wanted():
    assert "\x1b[32mok" in Terminal([BINARY, "doctor"]).raw
    assert "\x1b" not in Terminal([BINARY, "doctor"], NO_COLOR="1").raw


@pytest.mark.parametrize("columns", [40, 76])
def test_answers_about_a_server_and_help_fit_the_terminal(server, hosting, columns):
    name = hosting.endpoint(hosting.config(hosting.test_model("pid")))
    find = ["--data-dir", server.data_dir]
    for command in (["describe", name, *find], ["quotas", *find], ["deploy", "--help"], ["deploy", "-h"]):
        seen = Terminal([BINARY, *command], columns=columns)
        assert seen.code == 0, seen.raw
        # The line to copy and a single word may be wider, a sentence may not.
        lines = [line for line in seen.screen() if not line.startswith("Usage: ")]
        wide = [line for line in lines if len(line) > columns and len(line.split()) > 3]
        assert not wide, wide
    hosting.delete(name)


def test_words_of_a_model_cannot_steer_the_terminal(server, hosting):
    model = hosting.test_model("plain", {"TEST_START_EXIT": "3", "TEST_START_WORDS": "\x1b[2Jgone"})
    name = hosting.endpoint(hosting.config(model), wait=False)
    hosting.failed(name)
    seen = Terminal([BINARY, "describe", name, "--data-dir", server.data_dir])
    assert "Its last words" in seen.raw and "[2Jgone" in seen.raw
    assert "\x1b[2J" not in seen.raw
    hosting.delete(name)


def test_an_update_is_described_within_the_terminal_and_without_colours_where_none_are_wanted(
    server, hosting, tmp_path
):
    release = tmp_path / "release"
    name = hosting.endpoint(hosting.config(hosting.test_model("plain"), count=2))
    new = hosting.config(hosting.test_model("plain", {"TEST_PING_FILE": str(release)}), count=2)
    hosting.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=new)
    for columns in (40, 76):
        seen = Terminal([BINARY, "describe", name, "--data-dir", server.data_dir], columns=columns, NO_COLOR="1")
        assert seen.code == 0 and "\x1b" not in seen.raw
        labels = [line[:12].strip() for line in seen.screen()]
        assert [label for label in labels if label in ("update", "stage", "former", "new")] == [
            "update", "stage", "former", "new"
        ]  # fmt: skip
        wide = [line for line in seen.screen() if len(line) > columns and len(line.split()) > 3]
        assert not wide, wide
    release.touch()
    hosting.in_service(name)
    hosting.delete(name)


def test_an_update_writes_one_line_over_and_leaves_a_line_per_step(server, hosting):
    name = fresh("seen")
    assert deploy(server, name).code == 0
    seen = deploy(server, name, columns=60)
    assert seen.code == 0, seen.raw
    steps = [line for line in seen.screen() if " s  " in line]
    assert [line.split(" s  ")[1].split()[0] for line in steps] == ["served", "uploaded", "created", "endpoint"]
    assert "is InService with the new model, before it was" in " ".join(" ".join(seen.screen()).split())
    hosting.delete(name)
