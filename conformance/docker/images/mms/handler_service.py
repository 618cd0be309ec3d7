"""A handler service as the toolkit's documentation has it: scoring and decoding are the toolkit's, hooks the user's."""

import os
import sys

from sagemaker_inference.default_handler_service import DefaultHandlerService
from sagemaker_inference.default_inference_handler import DefaultInferenceHandler
from sagemaker_inference.transformer import Transformer


class HandlerService(DefaultHandlerService):
    def __init__(self):
        super().__init__(transformer=Transformer(default_inference_handler=DefaultInferenceHandler()))

    def initialize(self, context):
        # With several models each worker process serves one; its hooks are in the model's own directory.
        code = os.path.join(context.system_properties["model_dir"], "code")
        if code not in sys.path:
            sys.path.insert(0, code)
        super().initialize(context)
