"""The image's program: becomes the command by which `mlflow models serve` starts its scoring server."""

import os
import sys

from mlflow.pyfunc import scoring_server

if sys.argv[1:] != ["serve"]:
    sys.exit(f"a container of a model is started with `serve`, not with {sys.argv[1:]}")
command, environment = scoring_server.get_cmd("/opt/ml/model", host="0.0.0.0", port=8080, nworkers=1)
os.execve("/bin/bash", ["bash", "-c", f"exec {command}"], environment)
