"""Ends at start, after saying why: a model that cannot load."""

import os
import sys

print("loading the model", flush=True)
print("ValueError: the weights are of the wrong shape", file=sys.stderr, flush=True)
sys.exit(int(os.environ.get("EXIT_CODE", "3")))
