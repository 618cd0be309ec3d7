"""Model archives: the K-Means example of this repository and small ones made by tests."""

import io
import json
import tarfile
from pathlib import Path

EXAMPLE = Path(__file__).resolve().parent.parent.parent / "examples/kmeans-digits"
KMEANS_IMAGE = "382416733822.dkr.ecr.us-east-1.amazonaws.com/kmeans:1"


def kmeans_archive():
    return (EXAMPLE / "model.tar.gz").read_bytes()


def rows():
    """The example's rows, one CSV line each."""
    return (EXAMPLE / "rows.csv").read_text().splitlines()


def expected():
    """The example's answers, computed by scikit-learn's numbers and not by Hostler."""
    return json.loads((EXAMPLE / "expected.json").read_text())["predictions"]


def archive(files):
    """A gzip tar of {name: bytes}."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()
