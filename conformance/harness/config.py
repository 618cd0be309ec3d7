"""Settings files of test servers: the test models are mapped as images."""

import json
import sys
from pathlib import Path

MODELS = Path(__file__).resolve().parent.parent / "models"


def image(program):
    command = [sys.executable, "-B", str(MODELS / f"{program}.py"), "{port}", "{model_dir}"]
    return (
        f'[[image]]\nmatch = "*/conformance-{program}*"\ncommand = {json.dumps(command)}\n'
        f'env = {{ MAPPED = "by the operator", SHADOWED = "by the operator" }}\n'
    )


def settings(more=""):
    """`more` comes first, because top-level keys must stand before any table."""
    programs = sorted(path.stem for path in MODELS.glob("*.py") if path.stem != "contract")
    return more + "\n" + "\n".join(image(program) for program in programs)
