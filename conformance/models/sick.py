"""Healthy until it is invoked with `sicken`; from then on its /ping says 500, and its process lives on."""

import os

from contract import Model, serve

state = {"sick": False}


class Sick(Model):
    def ping(self):
        self.reply(500 if state["sick"] else 200, b"")

    def invoke(self, body):
        state["sick"] = state["sick"] or body == b"sicken"
        self.reply_json({"pid": os.getpid()})


serve(Sick)
