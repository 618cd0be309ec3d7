"""Models with a script of their own, and tiny packages for them to ask for."""

import base64
import hashlib
import io
import json
import sys
import zipfile

from harness.artifacts import archive

SCRIPT_IMAGE = "hostler/script"
SKLEARN_IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
# Of the tests' own interpreter, whatever environment it runs in.
PYTHON = getattr(sys, "_base_executable", sys.executable)
# Answers with what its model file says, and with what it was asked.
ECHO = """
import os

def model_fn(model_dir):
    path = os.path.join(model_dir, "word")
    return open(path).read() if os.path.exists(path) else "none"

def input_fn(body, content_type):
    return body if isinstance(body, str) else bytes(body).decode()

def predict_fn(data, model):
    return {"model": model, "asked": data}
"""


def settings(more=""):
    return f"[script]\npython = {json.dumps(PYTHON)}\n{more}\n"


def script_archive(script=ECHO, requirements=None, **files):
    """A model archive; other files by name, with `/` spelled as `__`."""
    content = {"code/inference.py": script.encode()}
    if requirements is not None:
        content["code/requirements.txt"] = requirements.encode()
    for name, text in files.items():
        content[name.replace("__", "/")] = text if isinstance(text, bytes) else text.encode()
    return archive(content)


def wheel(name, version="1.0", module=None):
    """A wheel of one module: its file name and its bytes."""
    module = module if module is not None else f"VERSION = {version!r}\n"
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": module,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},sha256={_digest(text)},{len(text.encode())}\n" for path, text in files.items())
    files[f"{info}/RECORD"] = record + f"{info}/RECORD,,\n"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as zipped:
        for path, text in files.items():
            # Of no moment, so that the same package is the same bytes.
            zipped.writestr(zipfile.ZipInfo(path), text)
    return f"{name}-{version}-py3-none-any.whl", buffer.getvalue()


def _digest(text):
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
