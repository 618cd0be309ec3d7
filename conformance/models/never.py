"""Starts, listens, and never says that it is healthy."""

from contract import Model, serve


class Never(Model):
    def ping(self):
        self.reply(503, b"still loading")


serve(Never)
