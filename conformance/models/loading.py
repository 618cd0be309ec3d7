"""Unhealthy until the file named in RELEASE exists: a model that takes its time, under the test's control."""

import os

from contract import Model, serve


class Loading(Model):
    def ping(self):
        ready = os.path.exists(os.environ["RELEASE"])
        self.reply(200 if ready else 503, b"")


serve(Loading)
