"""Errors that have a status of their own.

Why: AWS's containers differ in what they make of a content type that nobody reads: the one of scikit-learn answers 415 and
406, those on the inference toolkit 500, as for any other error. Each framework's defaults say which they mean.
"""


class UnsupportedFormat(Exception):
    """Nobody reads such a body, or writes such an answer."""

    def __init__(self, content_type, what):
        super().__init__(
            f"Content type {content_type} is not supported by this framework: implement {what} in the model's script"
        )


class Refused(Exception):
    """A request that is answered with this status and text."""

    def __init__(self, status, text):
        super().__init__(text)
        self.status = status


def status_and_text(error):
    """How an exception is answered. Exceptions of the inference toolkit bring a status and a message of their own."""
    if isinstance(error, Refused):
        return error.status, str(error)
    status, message = getattr(error, "status_code", None), getattr(error, "message", None)
    if isinstance(status, int) and 400 <= status <= 599 and isinstance(message, str):
        return int(status), message
    # An exception without words is answered so by the toolkit, too.
    return 500, str(error) or "Invalid Request"


def line_of(error):
    """The last line of its traceback."""
    text = str(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
