"""How the provider waits and retries: its plugin library's state changes, with the pauses as settings.

The library looks at once, then pauses 100 ms, doubling up to 10 s. While a wait has targets, a resource that is not
found is looked for 20 times more; a state that is neither pending nor a target ends the wait as unexpected.
"""

import time
from dataclasses import dataclass

from botocore.exceptions import ClientError

NOT_FOUND_CHECKS = 20


@dataclass(frozen=True)
class Pace:
    """The pauses; the library's own are those of scale 1."""

    scale: float = 1.0
    first_s: float = 0.1
    longest_s: float = 10.0

    def pauses(self):
        pause = self.first_s
        while True:
            yield pause * self.scale
            pause = min(pause * 2, self.longest_s)


class NotFound(Exception):
    """The resource is not there."""


class Unexpected(Exception):
    """A state that is neither waited for nor waited out. Carries what was described last."""

    def __init__(self, state, wanted, seen):
        super().__init__(f"unexpected state '{state}', wanted target '{', '.join(wanted)}'")
        self.state, self.seen = state, seen


class TimedOut(Exception):
    """The time was over."""


def is_error(error, code, text=""):
    """The provider's match: the error's code, and a part of its message."""
    said = error.response["Error"]
    return isinstance(error, ClientError) and said["Code"] == code and text in said["Message"]


def wait_for_state(look, pending, target, timeout_s, pace):
    """`look()` gives a state and what was described, or None when it is not there."""
    deadline = time.monotonic() + timeout_s * pace.scale
    missing = 0
    for pause in pace.pauses():
        seen = look()
        if seen is None:
            if not target:
                return None
            missing += 1
            if missing > NOT_FOUND_CHECKS:
                raise NotFound
        else:
            missing = 0
            state, described = seen
            if state in target:
                return described
            if pending and state not in pending:
                raise Unexpected(state, target, described)
        if time.monotonic() > deadline:
            raise TimedOut(f"last state {seen!r}")
        time.sleep(pause)


def retry_while(call, is_passing, timeout_s, pace):
    """Calls until it succeeds, fails otherwise than in passing, or the time is over: the last error then."""
    deadline = time.monotonic() + timeout_s * pace.scale
    for pause in pace.pauses():
        try:
            return call()
        except ClientError as error:
            if not is_passing(error) or time.monotonic() > deadline:
                raise
        time.sleep(pause)
