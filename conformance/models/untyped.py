"""Answers without saying of what type the answer is."""

from contract import Model, serve


class Untyped(Model):
    def invoke(self, body):
        self.reply(200, body)


serve(Untyped)
