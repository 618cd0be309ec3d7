"""Settings files of test servers: the test models are mapped as images."""

import json
import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
MODELS = HERE / "models"
# Rust's test model, beside the binary under test; its commands stand at the top of hostler_testkit::testmodel.
TESTMODEL = Path(os.environ.get("HOSTLER_TESTMODEL", HERE.parent / "target/debug/hostler-testmodel"))
TELL_PID = {"TEST_ANSWER": "tell=pid"}
# Images that the test model runs, each with what its variables make of it.
TESTMODELS = {
    "plain": {},
    "status": {},
    "loading": {},
    "pid": TELL_PID,
    "eater": TELL_PID,
    "sick": TELL_PID,
    "never": {"TEST_PING": "503"},
    "crash": {"TEST_START_EXIT": "3", "TEST_START_WORDS": "ValueError: the weights are of the wrong shape"},
    "stubborn": {"TEST_STOP": "ignore", "TEST_CHILD": "true"},
}
BY_OPERATOR = {"MAPPED": "by the operator", "SHADOWED": "by the operator"}


def image(name, command, environment):
    """One mapping; a string in JSON is a string in TOML."""
    pairs = ", ".join(f"{key} = {json.dumps(value)}" for key, value in environment.items())
    return f'[[image]]\nmatch = "*/conformance-{name}*"\ncommand = {json.dumps(command)}\nenv = {{ {pairs} }}\n'


def images():
    for path in sorted(MODELS.glob("*.py")):
        if path.stem != "contract":
            command = [sys.executable, "-B", str(path), "{port}", "{model_dir}"]
            yield image(path.stem, command, BY_OPERATOR)
    for name, environment in TESTMODELS.items():
        yield image(name, [str(TESTMODEL), "{port}", "{model_dir}"], environment | BY_OPERATOR)


def settings(more=""):
    """`more` comes first, because top-level keys must stand before any table."""
    # A rollback is shown no longer than it takes, unless a test wants to see it.
    shown = "" if "rollback_shown_s" in more else "rollback_shown_s = 0\n"
    return shown + more + "\n" + "\n".join(images())
