"""A worker: one process with the model's code and the model, which answers one request after the other.

Why: models are seldom safe to be asked by two threads, and user code may hang or crash; a process of its own can be waited
for, and killed, without the front process missing a ping.
Invariants: speaks to the front process alone. Ends when that does, and on nobody's signal, so that it finishes what it has.
"""

import json
import multiprocessing.connection
import signal
import sys
import traceback

from hostler_serving import frameworks, handlers
from hostler_serving.errors import line_of, status_and_text

# How a piece of a stream begins.
PIECE, END, BROKEN = b"p", b"e", b"b"
# Sent by the front process when nobody wants the rest of a stream.
CANCEL = b"cancel"


def run(settings):
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    connection = multiprocessing.connection.Connection(settings.worker_fd)
    try:
        served = handlers.load(settings, frameworks.defaults(settings.framework))
        served.load_model()
    except Exception as error:
        traceback.print_exc()
        sys.stderr.flush()
        send_head(connection, broken=line_of(error))
        return 1
    send_head(connection, ready=True)
    try:
        while True:
            head = connection.recv_bytes()
            if head != CANCEL:
                answer(connection, served, json.loads(head), connection.recv_bytes())
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return 0


def answer(connection, served, head, body):
    try:
        found = served.answer(body, head["content_type"], head["accept"], head["headers"])
    except Exception as error:
        status, text = failed(error)
        send_head(connection, status=status, content_type="text/plain; charset=utf-8", stream=False)
        connection.send_bytes(text.encode("utf-8", "replace"))
        return
    send_head(connection, status=found.status, content_type=found.content_type, stream=found.is_stream)
    if found.is_stream:
        stream(connection, found.body)
    else:
        connection.send_bytes(found.body)


def stream(connection, pieces):
    try:
        for piece in pieces:
            if connection.poll(0):
                pieces.close()
                break
            connection.send_bytes(PIECE + piece)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        raise
    except Exception as error:
        failed(error)
        connection.send_bytes(BROKEN)
        return
    connection.send_bytes(END)


def failed(error):
    """Writes the traceback into the log; status and text are the client's."""
    traceback.print_exception(type(error), error, error.__traceback__)
    sys.stderr.flush()
    return status_and_text(error)


def send_head(connection, **head):
    connection.send_bytes(json.dumps(head).encode("utf-8"))
