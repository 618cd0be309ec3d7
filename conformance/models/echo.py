"""Tells what it was asked: method, path, headers, body, and its own environment, directory and pid."""

import os
import sys

from contract import Model, serve


class Echo(Model):
    def invoke(self, body):
        answer = {
            "path": self.path,
            "headers": {name.lower(): value for name, value in self.headers.items()},
            "body": body.decode("latin-1"),
            "environment": dict(os.environ),
            "model_dir": sys.argv[2],
            "files": sorted(os.listdir(sys.argv[2])),
            "pid": os.getpid(),
        }
        more = {}
        if self.headers.get("X-Amzn-SageMaker-Custom-Attributes"):
            more["X-Amzn-SageMaker-Custom-Attributes"] = (
                "answered=" + self.headers["X-Amzn-SageMaker-Custom-Attributes"]
            )
        self.reply_json(answer, headers=more)


serve(Echo)
