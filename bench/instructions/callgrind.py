"""Reads what callgrind wrote: instructions by function, its own and with whatever it called.

Why: `callgrind_annotate` tells of one file; what one request costs is the difference of two, function by function.
Invariants: a function that calls itself, directly or not, has no meaningful inclusive count: only counts of functions
that do not are asked for.
"""

import collections
import re


class Profile:
    """Instructions of one thread."""

    def __init__(self):
        self.own = collections.Counter()  # by function
        self.calls = collections.Counter()  # by caller and callee, with what the callee called

    @classmethod
    def read(cls, path):
        profile, names = cls(), {}

        def name(text):
            number, known = re.match(r"\((\d+)\)(?: (.*))?$", text).groups()
            if known is not None:
                names[number] = plain(known)
            return names[number]

        function = callee = None
        is_call = False
        for line in path.read_text().splitlines():
            if line.startswith("fn="):
                function = name(line[3:])
            elif line.startswith("cfn="):
                callee = name(line[4:])
            elif line.startswith("calls="):
                is_call = True
            elif function and line[:1] in set("0123456789+-*"):
                spent = int((line.split() + ["0"])[1])
                if is_call:
                    profile.calls[function, callee] += spent
                    is_call = False
                else:
                    profile.own[function] += spent
        return profile

    def minus(self, other):
        """What this run did more than the other."""
        rest = Profile()
        for mine, others, into in ((self.own, other.own, rest.own), (self.calls, other.calls, rest.calls)):
            for key in mine.keys() | others.keys():
                into[key] = mine[key] - others[key]
        return rest

    def total(self):
        return sum(self.own.values())

    def within(self, pattern):
        """Instructions under the functions that match, counted once where one is called by another."""
        match = re.compile(pattern).search
        inside = {function for function in self.own if match(function)}
        spent = sum(self.own[function] for function in inside)
        for (caller, callee), count in self.calls.items():
            if caller in inside and callee not in inside:
                spent += count
        return spent


def plain(function):
    """Without the hash of the compiler and the number of callgrind's recursion."""
    return re.sub(r"(::h[0-9a-f]{16})?('\d+)?( ?\[clone .*\])?$", "", function)
