"""What a handler gave back, as status, content type and bytes or a stream of bytes.

Why: scripts in the wild return text, bytes, a pair with the content type, a Flask response (the container of scikit-learn
hands them out), a dictionary, or a generator.
"""

import dataclasses
import json
import typing


@dataclasses.dataclass
class Answer:
    status: int
    content_type: str
    # Bytes, or an iterator of bytes.
    body: typing.Any

    @property
    def is_stream(self):
        return not isinstance(self.body, bytes)


def of(result, accept):
    """The answer that a result of transform_fn or output_fn stands for."""
    content_type, status = accept, 200
    if isinstance(result, tuple) and len(result) == 2:
        result, content_type = result
    if callable(getattr(result, "get_data", None)):
        # A response of Flask or Werkzeug.
        status = getattr(result, "status_code", 200)
        content_type = getattr(result, "mimetype", None) or content_type
        result = result.get_data()
    return Answer(status, content_type or "application/octet-stream", _body(result))


def _body(result):
    if isinstance(result, str):
        return result.encode("utf-8")
    if isinstance(result, (bytes, bytearray, memoryview)):
        return bytes(result)
    if result is None:
        return b""
    if callable(getattr(result, "__next__", None)):
        return (chunk for chunk in map(_chunk, result) if chunk)
    if callable(getattr(result, "tobytes", None)) and not hasattr(result, "tolist"):
        return bytes(result.tobytes())
    if isinstance(result, (dict, list, int, float, bool)):
        return json.dumps(result).encode("utf-8")
    raise TypeError(
        f"a handler gave back {type(result).__name__}: text, bytes, a pair with the content type, or a generator of them "
        "can be sent"
    )


def _chunk(piece):
    if isinstance(piece, str):
        return piece.encode("utf-8")
    if isinstance(piece, (bytes, bytearray, memoryview)):
        return bytes(piece)
    raise TypeError(f"a generator gave {type(piece).__name__}: only text and bytes can be sent")
