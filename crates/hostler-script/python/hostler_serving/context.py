"""The request's context, for handlers that take one argument more.

Why: the inference toolkit hands the context of multi-model-server on; scripts use a handful of its methods.
Invariants: nothing here changes what the server does but content type and status of the answer.
"""


class Context:
    """One request's headers and the directory of the model."""

    def __init__(self, model_dir, headers=None):
        self.system_properties = {"model_dir": model_dir, "gpu_id": None, "batch_size": 1}
        self.request_processor = [self]
        self.response_content_type = None
        self.response_status = None
        self._headers = dict(headers or {})

    def get_request_properties(self):
        return dict(self._headers)

    def get_all_request_header(self, _index=0):
        return dict(self._headers)

    def get_request_header(self, _index, name):
        wanted = name.lower()
        return next((value for key, value in self._headers.items() if key.lower() == wanted), None)

    def set_response_content_type(self, _index, content_type):
        self.response_content_type = content_type

    def set_response_status(self, code=200, phrase="", idx=0):  # noqa: ARG002 - the toolkit's names
        self.response_status = code
