"""Ignores SIGTERM and keeps a child that does the same: only SIGKILL to the whole group ends it."""

import os
import signal
import subprocess
import sys

from contract import Model, serve

CHILD = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(3600)"


class Stubborn(Model):
    def invoke(self, body):
        self.reply_json({"pid": os.getpid(), "child": child.pid})


child = subprocess.Popen([sys.executable, "-c", CHILD, sys.argv[2]])
# `serve` sets a handler of its own, so the signal is ignored by replacing how it is set.
signal.signal = lambda *_: None
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
serve(Stubborn)
