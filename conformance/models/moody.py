"""Tells its pid; while a file of that name is in MOODY_DIR it answers invocations with 500, and pings with 200 still."""

import os

from contract import Model, serve


class Moody(Model):
    def invoke(self, body):
        pid = str(os.getpid())
        is_sick = os.path.exists(os.path.join(os.environ["MOODY_DIR"], pid))
        self.reply(500 if is_sick else 200, pid.encode())


serve(Moody)
