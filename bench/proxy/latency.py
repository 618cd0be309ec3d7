"""What each proxy adds to the slowest percent of calls, at a fixed rate."""

import statistics
import sys

from load import middle, trickle, verdict
from small import body
from stand import KMEANS


def measure(gateway, nginx, direct, arguments):
    request, sides = body(), (direct[KMEANS], gateway, nginx)
    rounds = {side: [] for side in sides}
    for number in range(arguments.rounds):
        for side in sides:
            trickle(side, KMEANS, request, arguments.connections, arguments.rate, 1)
            rounds[side].append(trickle(side, KMEANS, request, arguments.connections, arguments.rate, arguments.seconds))
        print(f"round {number + 1} done", file=sys.stderr)
    print(f"\n{len(request)} bytes of CSV at {arguments.rate}/s (h2load), {arguments.connections} connections, medians of "
          f"{arguments.rounds} rounds of {arguments.seconds} s in turn; what is added is taken within each round.\n")
    print("| side | p50 | p99 | added to p50 | added to p99 |\n|---|---|---|---|---|")
    added = {}
    for side in sides:
        more = {key: statistics.median(one[key] - plain[key] for one, plain in zip(rounds[side], rounds[sides[0]]))
                for key in ("p50_us", "p99_us")}
        added[side] = more["p99_us"]
        print(f"| {side.name} | {middle(rounds[side], 'p50_us'):.0f} us | {middle(rounds[side], 'p99_us'):.0f} us "
              f"| {more['p50_us']:.0f} us | {more['p99_us']:.0f} us |")
    print()
    if added[nginx] <= 0:
        print("added to p99: nginx added nothing that could be told from noise; a quieter machine or more rounds are needed")
        return
    verdict("added to p99, gateway / nginx", added[gateway] / added[nginx], 1.3, at_most=True)
