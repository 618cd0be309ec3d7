"""Eats memory when invoked, 64 MiB at a time, until it has eaten as many MiB as the body says."""

import os

from contract import Model, serve

eaten = []


class Eater(Model):
    def invoke(self, body):
        for _ in range(int(body) // 64):
            eaten.append(bytearray(os.urandom(4096)) * (64 * 256))
        self.reply_json({"pid": os.getpid()})


serve(Eater)
