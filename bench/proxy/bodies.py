"""Bodies of 25 MB: whole requests a second, and the floor that hashing them is."""

import hashlib
import sys
import time

from load import flood, middle, middle_ratio, verdict
from stand import MODEL

BODY_BYTES = 25 * 1024 * 1024  # AWS's limit, to the byte
CONNECTIONS = 2


def measure(gateway, nginx, _, arguments):
    request = bytes(range(256)) * (BODY_BYTES // 256)
    rounds = {side: [] for side in (gateway, nginx)}
    for number in range(arguments.rounds):
        for side, done in rounds.items():
            done.append(flood(side, MODEL, request, CONNECTIONS, arguments.seconds))
        print(f"round {number + 1} done", file=sys.stderr)
    print(f"\nBodies of {BODY_BYTES:,} bytes, {CONNECTIONS} connections (wrk), medians of {arguments.rounds} rounds of "
          f"{arguments.seconds} s in turn; SHA-256 of one takes {floor_ms(request):.1f} ms of processor time (OpenSSL).\n")
    print("| side | bodies/s | MB/s | CPU per body |\n|---|---|---|---|")
    for side, done in rounds.items():
        rate = middle(done, "per_second")
        print(f"| {side.name} | {rate:.1f} | {rate * BODY_BYTES / 1e6:,.0f} | {middle(done, 'cpu_us') / 1000:.1f} ms |")
    print()
    verdict("throughput, gateway / nginx", middle_ratio(rounds[gateway], rounds[nginx], "per_second"), 0.8, at_most=False)


def floor_ms(request):
    def once():
        begun = time.process_time()
        hashlib.sha256(request)
        return time.process_time() - begun

    return min(once() for _ in range(10)) * 1000
