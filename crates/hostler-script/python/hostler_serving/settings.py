"""What the server is told: by its command line what Hostler knows, by the environment what the model's owner sets."""

import argparse
import dataclasses
import os
import sys

PROGRAM_DEFAULT = "inference.py"
# Seconds that one request may take, as in AWS's toolkits.
TIMEOUT_DEFAULT_S = 60.0
# InvokeEndpoint's own limit.
PAYLOAD_BYTES_DEFAULT = 25 * 1024 * 1024
WORKERS_MAX = 256


@dataclasses.dataclass(frozen=True)
class Settings:
    host: str
    port: int
    framework: str
    model_dir: str
    # Where the module and its helpers are; it need not exist.
    code_dir: str
    # The module's file name, and whether somebody asked for just this one.
    program: str
    program_is_asked_for: bool
    workers: int
    timeout_s: float
    payload_bytes_max: int
    # What is answered with when the client says nothing; none leaves it to the framework.
    default_accept: str
    # In a worker: its end of the connection to the front process.
    worker_fd: int


def read(arguments, environment=os.environ):
    """All settings; a mistake ends the process with a sentence."""
    parser = argparse.ArgumentParser(prog="hostler_serving", allow_abbrev=False)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--framework", default="plain")
    parser.add_argument("--model-dir", required=True)
    parser.add_argument("--code-dir")
    parser.add_argument("--workers", type=int, default=1, help="when the model's owner sets no number")
    parser.add_argument("--payload-bytes-max", type=int, default=PAYLOAD_BYTES_DEFAULT)
    parser.add_argument("--worker-fd", type=int, help=argparse.SUPPRESS)
    told = parser.parse_args(arguments)
    payload_mb = number(environment, "SAGEMAKER_MAX_PAYLOAD_IN_MB", 1, 1024)
    return Settings(
        host=told.host,
        port=told.port,
        framework=told.framework,
        model_dir=told.model_dir,
        code_dir=told.code_dir or os.path.join(told.model_dir, "code"),
        program=environment.get("SAGEMAKER_PROGRAM") or PROGRAM_DEFAULT,
        program_is_asked_for=bool(environment.get("SAGEMAKER_PROGRAM")),
        workers=int(number(environment, "SAGEMAKER_MODEL_SERVER_WORKERS", 1, WORKERS_MAX) or max(told.workers, 1)),
        timeout_s=number(environment, "SAGEMAKER_MODEL_SERVER_TIMEOUT_SECONDS", 1, 86_400)
        or number(environment, "SAGEMAKER_MODEL_SERVER_TIMEOUT", 1, 86_400)
        or TIMEOUT_DEFAULT_S,
        payload_bytes_max=int(payload_mb * 1024 * 1024) if payload_mb else told.payload_bytes_max,
        default_accept=environment.get("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT") or None,
        worker_fd=told.worker_fd,
    )


def number(environment, name, least, most):
    """A number of the environment; none where it is not set."""
    text = environment.get(name)
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = None
    if value is None or not least <= value <= most:
        sys.exit(f"{name} is {text!r}, which is not a number from {least} to {most}")
    return value
