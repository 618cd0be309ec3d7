"""A real Prometheus server (Debian's package `prometheus`) that scrapes a server under test."""

import json
import shutil
import socket
import subprocess
import urllib.error
import urllib.parse
import urllib.request

from harness.waiting import eventually

PROGRAM = "prometheus"


def is_installed():
    return shutil.which(PROGRAM) and shutil.which("promtool")


def _free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


class Prometheus:
    """Scrapes every second into a directory of its own; a context manager."""

    def __init__(self, directory, target, rules=None):
        self.directory = directory
        self.url = f"http://127.0.0.1:{_free_port()}"
        config = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "scrape_configs": [{"job_name": "hostler", "static_configs": [{"targets": [target]}]}],
            "rule_files": [str(rules)] if rules else [],
        }
        # JSON is YAML.
        self.config_path = directory / "prometheus.yml"
        self.config_path.write_text(json.dumps(config))

    def __enter__(self):
        self.log = open(self.directory / "prometheus.log", "wb")
        self.process = subprocess.Popen(
            [
                PROGRAM,
                f"--config.file={self.config_path}",
                f"--storage.tsdb.path={self.directory / 'tsdb'}",
                f"--web.listen-address={self.url.removeprefix('http://')}",
            ],
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=self.log,
        )
        eventually(self._is_ready, bool, "Prometheus is ready", 60)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(30)
        self.log.close()

    def _is_ready(self):
        assert self.process.poll() is None, (self.directory / "prometheus.log").read_text()
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=5) as answer:
                return answer.status == 200
        except OSError:
            return False

    def get(self, path, **parameters):
        """The data of an answer of the HTTP API; an error is shown as it came."""
        query = urllib.parse.urlencode(parameters, doseq=True)
        try:
            with urllib.request.urlopen(f"{self.url}/api/v1/{path}?{query}", timeout=30) as answer:
                seen = json.load(answer)
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{path} {parameters}: {error.read().decode()}") from None
        assert seen["status"] == "success" and not seen.get("warnings"), seen
        return seen["data"]

    def query(self, expression):
        return self.get("query", query=expression)["result"]
