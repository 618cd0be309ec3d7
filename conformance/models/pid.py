"""Answers with its process id, so that a test sees which instance served."""

import os

from contract import Model, serve


class Pid(Model):
    def invoke(self, body):
        self.reply_json({"pid": os.getpid()})


serve(Pid)
