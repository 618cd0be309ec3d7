#!/usr/bin/env python3
"""Instructions of one signed InvokeEndpoint on the server's side, by part and by library. See README.md.

Usage: python3 bench/instructions/run.py [--program target/sim/examples/instructions] [--functions 40]
"""

import argparse
import pathlib
import re
import subprocess
import tempfile

from callgrind import Profile

ROOT = pathlib.Path(__file__).resolve().parents[2]
FEW, MANY = 100, 600  # requests of two runs: what both do once is in neither's difference
SERVER = r"hostler_gateway::"  # only the server's thread calls it

# Each with what is called from there, apart from what stands above it in the table and is called from there.
PARTS = [
    ("SHA-256 and HMAC", r"^ring(::|_core)"),
    ("the signature's other work", r"hostler_aws::(sigv4|keys)::|^ring(::|_core)"),
    ("parsing the request's head (hyper)", r"role::Server as .*::parse$"),
    ("whose the request is", r"hostler_aws::front::"),
    ("checks of the service's model", r"invocation::Invocation::check|hostler_shapes::"),
    ("routing and counting", r"hostler_gateway::(table|pick|tally|trouble)|stack::place"),
    ("upstream", r"hostler_gateway::upstream::"),
    ("the request's id", r"hostler_aws::request_id::"),
    ("writing the answer's head (hyper)", r"role::Server as .*::encode$"),
]
REST = "the connection (hyper, tokio), the layers between"

LIBRARIES = [
    ("ring", r"^ring"),
    ("allocator", r"^_?_?(malloc|free|realloc|calloc|memalign|posix_memalign|aligned_alloc|_int_\w+|unlink_chunk|"
                  r"systrim|sysmalloc|tcache\w*|__rust\w*|__rdl\w*|__rustc\w*)\b"),
    ("memcpy and memcmp", r"^__mem\w+"),
    ("hostler", r"^<?(&?mut )?hostler_\w+|as hostler_|impl hostler_"),
    ("hyper", r"^<?hyper"),
    ("http", r"^<?http::"),
    ("httparse", r"^<?httparse"),
    ("tokio", r"^<?tokio"),
    ("bytes", r"^<?bytes"),
    ("std", r"^<*&?(mut )?(core|alloc|std|str|\[|\w+ as core|T as|F as)"),
]
OTHER = "others (libc above all)"


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=ROOT / "target/sim/examples/instructions", type=pathlib.Path)
    parser.add_argument("--body-bytes", type=int, default=1024)
    parser.add_argument("--hyper", action="store_true", help="let hyper read the requests, as it reads all others")
    parser.add_argument("--functions", type=int, default=0, help="list so many of the dearest functions besides")
    return parser.parse_args()


def counted(program, requests, body_bytes, by_hyper):
    """The server's thread in a run of so many requests."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["valgrind", "--tool=callgrind", "--separate-threads=yes",
                   f"--callgrind-out-file={folder}/out", program, str(requests), str(body_bytes),
                   *["hyper"] * by_hyper]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"`{program}` under valgrind ended with {done.returncode}:\n{done.stderr}")
        profiles = [Profile.read(path) for path in sorted(pathlib.Path(folder).glob("out-*"))]
    [server] = [profile for profile in profiles if any(re.search(SERVER, function) for function in profile.own)]
    return server


def by_part(profile):
    found, nested = {}, {"the signature's other work": "SHA-256 and HMAC"}
    for name, pattern in PARTS:
        found[name] = profile.within(pattern) - found.get(nested.get(name), 0)
    found[REST] = profile.total() - sum(found.values())
    return found


def by_library(profile):
    found = {name: 0 for name, _ in LIBRARIES} | {OTHER: 0}
    for function, count in profile.own.items():
        name = next((name for name, pattern in LIBRARIES if re.search(pattern, function)), OTHER)
        found[name] += count
    return dict(sorted(found.items(), key=lambda entry: -entry[1]))


def table(heading, counts, requests):
    print(f"\n| {heading} | instructions |\n|---|---|")
    for name, count in counts.items():
        print(f"| {name} | {count / requests:,.0f} |")


def main():
    arguments = parse_arguments()
    few, many = (counted(arguments.program, count, arguments.body_bytes, arguments.hyper) for count in (FEW, MANY))
    profile, requests = many.minus(few), MANY - FEW
    parts = by_part(profile)
    table("part", parts, requests)
    table("library", by_library(profile), requests)
    if arguments.functions:
        table("function", dict(profile.own.most_common(arguments.functions)), requests)
    total, hashing = (count / requests for count in (profile.total(), parts["SHA-256 and HMAC"]))
    print(f"\n{total:,.0f} instructions for a signed request of {arguments.body_bytes:,} bytes, "
          f"{total - hashing:,.0f} without SHA-256")


if __name__ == "__main__":
    main()
