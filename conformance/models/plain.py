"""Answers with the body it was sent, and with the content type that `Accept` asked for."""

from contract import Model, serve


class Plain(Model):
    def invoke(self, body):
        self.reply(200, body, {"Content-Type": self.headers.get("Accept") or "text/plain"})


serve(Plain)
