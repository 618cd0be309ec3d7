"""The image's program: the toolkit's own start of multi-model-server, with our handler service."""

import sys

from sagemaker_inference import model_server

if sys.argv[1:] != ["serve"]:
    sys.exit(f"a container of a model is started with `serve`, not with {sys.argv[1:]}")
model_server.start_model_server(handler_service="handler_service")
