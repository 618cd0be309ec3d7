#!/usr/bin/env python3
"""Hostler's gateway, signed, beside nginx that proxies unsigned to the very same model. See README.md.

Usage: python3 bench/proxy/run.py --hostler target/release/hostler [small|latency|bodies|idle|streams …]
Needs boto3 (the conformance suite's virtual environment has it), nginx, wrk and h2load on the path.
"""

import argparse
import os
import pathlib
import shutil

import bodies
import idle
import latency
import small
import streams
from stand import ROOT, standing

BENCHES = {"small": small, "latency": latency, "bodies": bodies, "idle": idle, "streams": streams}


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("benches", nargs="*", choices=[*BENCHES, []], help="which; all of them if none is named")
    parser.add_argument("--hostler", default=ROOT / "target/release/hostler", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=5, help="of one measured round")
    parser.add_argument("--connections", type=int, default=8, help="of small and latency")
    parser.add_argument("--rate", type=int, default=2000, help="requests a second of the rounds at a fixed rate")
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    missing = [tool for tool in ("wrk", "h2load") if not shutil.which(tool)]
    if missing:
        raise SystemExit(f"{' and '.join(missing)} not found (apt-get install wrk nghttp2-client nginx-light)")
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"{os.cpu_count()} cores shared by client, proxy and model; load average before: {load}")
    with standing(arguments.hostler.resolve()) as (gateway, nginx, direct):
        for name in arguments.benches or BENCHES:
            print(f"\n## {name}", flush=True)
            BENCHES[name].measure(gateway, nginx, direct, arguments)


if __name__ == "__main__":
    main()
