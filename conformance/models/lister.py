"""Tells what it finds in its model directory and beside it: every path with the text that stands there."""

import os
import sys

from contract import Model, serve

SHOWN_BYTES = 64


def files_below(root):
    """{relative path: beginning of the file}, through links to directories too; None where there is no directory."""
    if root is None or not os.path.isdir(root):
        return None
    found = {}
    for directory, _, names in os.walk(root, followlinks=True):
        for name in names:
            path = os.path.join(directory, name)
            with open(path, "rb") as file:
                found[os.path.relpath(path, root)] = file.read(SHOWN_BYTES).decode("latin-1")
    return found


class Lister(Model):
    def invoke(self, body):
        additional = os.environ.get("HOSTLER_ADDITIONAL_DIR")
        beside = os.path.join(os.environ["SAGEMAKER_BASE_DIR"], "additional-model-data-sources")
        answer = {
            "model": files_below(sys.argv[2]),
            "additional": files_below(additional),
            "is_beside_the_model": additional == beside,
            "real": os.path.realpath(sys.argv[2]),
            "sizes": {name: os.path.getsize(os.path.join(sys.argv[2], name)) for name in files_below(sys.argv[2])},
        }
        self.reply_json(answer)


serve(Lister)
