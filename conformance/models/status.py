"""Answers what the request asks for: `{"status": 503, "body": "…", "sleep": 1, "close": true, "exit": 3}`.

With `began` and `until` it makes the one file and holds the answer until the other exists.
"""

import json
import os
import time

from contract import Model, serve


class Status(Model):
    def invoke(self, body):
        wish = json.loads(body)
        time.sleep(wish.get("sleep", 0))
        if "until" in wish:
            open(wish["began"], "x").close()
            while not os.path.exists(wish["until"]):
                time.sleep(0.01)
        if "exit" in wish:
            os._exit(wish["exit"])
        if wish.get("close"):
            self.close_connection = True
            self.connection.close()
            return
        answer = wish.get("body", "").encode() * wish.get("times", 1)
        self.reply(wish.get("status", 200), answer, {"Content-Type": "text/plain"})


serve(Status)
