"""Signed 1 KB requests: throughput, and the proxy's processor time at a fixed rate."""

import json
import sys
import urllib.request

from load import flood, middle, middle_ratio, trickle, verdict
from stand import EXAMPLE, KMEANS

BODY_BYTES_MAX = 1024


def body():
    """As many rows of the digits as make a kilobyte."""
    rows, text = (EXAMPLE / "rows.csv").read_text().splitlines(), ""
    for row in rows:
        if len(text) + len(row) + 1 > BODY_BYTES_MAX:
            break
        text += row + "\n"
    return text.encode()


def measure(gateway, nginx, _, arguments):
    request = body()
    for side in (gateway, nginx):
        check_answer(side, request)
    rounds = {side: ([], []) for side in (gateway, nginx)}
    for number in range(arguments.rounds):
        for side, (floods, _) in rounds.items():
            flood(side, KMEANS, request, arguments.connections, 1)
            floods.append(flood(side, KMEANS, request, arguments.connections, arguments.seconds))
        for side, (_, trickles) in rounds.items():
            trickle(side, KMEANS, request, arguments.connections, arguments.rate, 1)
            trickles.append(trickle(side, KMEANS, request, arguments.connections, arguments.rate, arguments.seconds))
        print(f"round {number + 1} done", file=sys.stderr)
    print(f"\n{len(request)} bytes of CSV to one runtime process; {arguments.connections} connections, medians of "
          f"{arguments.rounds} rounds of {arguments.seconds} s in turn.\n")
    print(f"| side | requests/s (wrk) | least - most | p50 | p99 | CPU per request at {arguments.rate}/s |")
    print("|---|---|---|---|---|---|")
    for side, (floods, trickles) in rounds.items():
        rates = [one["per_second"] for one in floods]
        p50, p99 = (middle(floods, key) / 1000 for key in ("p50_us", "p99_us"))
        print(f"| {side.name} | {middle(floods, 'per_second'):,.0f} | {min(rates):,.0f} - {max(rates):,.0f} "
              f"| {p50:.2f} ms | {p99:.2f} ms | {middle(trickles, 'cpu_us'):.1f} us |")
    print()
    (our_floods, our_trickles), (their_floods, their_trickles) = rounds[gateway], rounds[nginx]
    verdict("CPU per request, gateway / nginx", middle_ratio(our_trickles, their_trickles, "cpu_us"), 1.1, at_most=True)
    verdict("throughput, gateway / nginx", middle_ratio(our_floods, their_floods, "per_second"), 0.9, at_most=False)


def check_answer(side, request):
    """No figure is worth anything if the answers differ."""
    path = side.path(KMEANS)
    asked = urllib.request.Request(side.url + path, data=request, headers=side.headers(path, request))
    with urllib.request.urlopen(asked, timeout=30) as response:
        got = [one["closest_cluster"] for one in json.load(response)["predictions"]]
    expected = json.loads((EXAMPLE / "expected.json").read_text())["predictions"][: len(got)]
    if got != [one["closest_cluster"] for one in expected] or not got:
        raise SystemExit(f"{side.name} answered {got}; expected {expected}")
