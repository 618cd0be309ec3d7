"""Waiting for a predicate: a deadline, the last state seen, and never a sleep for luck."""

import time

POLL_S = 0.02


def eventually(look, is_there, what, timeout_s=30.0, poll_s=POLL_S):
    """Calls look() until is_there(its answer); the answer. Past the deadline the last one is shown."""
    deadline = time.monotonic() + timeout_s
    while True:
        seen = look()
        if is_there(seen):
            return seen
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {timeout_s:g} s; last seen: {seen!r}")
        time.sleep(poll_s)


def stays(look, holds, what, for_s):
    """Checks that holds(look()) for a while; for what must not happen."""
    deadline = time.monotonic() + for_s
    while time.monotonic() < deadline:
        seen = look()
        assert holds(seen), f"{what}: {seen!r}"
        time.sleep(POLL_S)
