"""Endpoints of a container image beside the engine's own command line.

Usage, as root, after `cargo build --release -p hostler -p hostler-testkit`:

    HOSTLER_BIN=$PWD/target/release/hostler HOSTLER_TESTMODEL=$PWD/target/release/hostler-testmodel \\
        cargo xtask engine target/conformance-venv/bin/python bench/docker/run.py [start] [gigabyte] [cycles]

`cargo xtask engine` starts an engine for this command alone. The image is the test model, a program that starts in
milliseconds, so that what is seen is the engine's time and Hostler's; it can be told to take longer.
"""

import argparse
import pathlib
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(ROOT / "conformance"), str(ROOT / "conformance/docker")]

import cycles  # noqa: E402
import gigabyte  # noqa: E402
import start  # noqa: E402
from stand import Stand  # noqa: E402

PARTS = {"start": start.measure, "gigabyte": gigabyte.measure, "cycles": cycles.measure}


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)}; all when none is named")
    arguments.add_argument("--rounds", type=int, default=7)
    arguments.add_argument("--cycles", type=int, default=50)
    arguments = arguments.parse_args()
    for name in arguments.parts or PARTS:
        with tempfile.TemporaryDirectory(prefix="bench-docker-") as directory:
            print(f"== {name}", flush=True)
            PARTS[name](Stand(pathlib.Path(directory)), arguments)


main()
