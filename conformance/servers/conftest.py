"""The servers' environment, and models trained in it."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from harness.artifacts import archive
from harness.server import clean_environment

PYTHON = Path(os.environ["HOSTLER_SERVERS_PYTHON"])
# MLflow tells its makers of its use unless it is told not to.
QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}


class Trained:
    """Model archives for both servers, and scikit-learn's own predictions."""

    def __init__(self, directory):
        self.directory = directory
        self.expected = json.loads((directory / "expected.json").read_text())
        self.rows = self.expected["rows"]

    def csv(self):
        return "\n".join(",".join(str(cell) for cell in row) for row in self.rows).encode()

    def archive(self, folder):
        files = (self.directory / folder).rglob("*")
        base = self.directory / folder
        return archive({str(path.relative_to(base)): path.read_bytes() for path in files if path.is_file()})


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    directory = tmp_path_factory.mktemp("trained")
    script = Path(__file__).parent / "train.py"
    environment = clean_environment() | QUIET
    subprocess.run([PYTHON, "-B", script, directory], check=True, env=environment, cwd=directory, timeout=300)
    return Trained(directory)
