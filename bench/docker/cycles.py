"""Create, invoke and delete an endpoint again and again: what the server, the engine and the disk hold is counted."""

import statistics
import time

from holding import held
from stand import ANYWHERE, IMAGE, milliseconds

# What is made once, at the first use, is no leak.
WARM = 5


def measure(stand, arguments):
    with stand.hosting() as hosting:
        hosting.upload()
        config = hosting.config(hosting.model(image=IMAGE, environment=ANYWHERE))
        took = [cycle(hosting, config) for _ in range(WARM)]
        before = held(hosting.server)
        took += [cycle(hosting, config) for _ in range(arguments.cycles - WARM)]
        after = held(hosting.server)
    print(f"InService after{milliseconds(statistics.median(took))}, median of {arguments.cycles} cycles")
    for name, value in before.items():
        print(f"{name:>24}: {value} after {WARM}, {after[name]} after {arguments.cycles}")


def cycle(hosting, config):
    begun = time.monotonic()
    endpoint = hosting.endpoint(config)
    took = time.monotonic() - begun
    assert hosting.invoke(endpoint, b"x")["Payload"] == b"x"
    hosting.delete(endpoint)
    return took
