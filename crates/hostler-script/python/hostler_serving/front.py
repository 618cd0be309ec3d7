"""The front process: SageMaker's container contract over HTTP/1.1, and the order in which the server ends.

Why: it holds none of the model's code, so a ping is answered whatever that does, and a request that takes too long can be
answered by somebody.
Invariants: a body is bounded before it is read. After SIGTERM no connection is taken, and what was taken is finished.
Failure: a server whose model cannot be loaded ends with code 1, and the last line of its log is the exception's.
"""

import http.server
import os
import signal
import socket
import sys
import threading
import time

from hostler_serving.exchange import Exchange
from hostler_serving.pool import Pool

CONNECTIONS_MAX = 1024
# Waiting in the kernel until they are accepted.
BACKLOG = 256
STEP_S = 0.02


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = BACKLOG

    def __init__(self, settings, pool):
        self.settings = settings
        self.pool = pool
        self.is_stopping = False
        self._places = threading.BoundedSemaphore(CONNECTIONS_MAX)
        self._under_way = 0
        self._lock = threading.Lock()
        super().__init__((settings.host, settings.port), Exchange)

    def server_bind(self):
        # The base class asks for the host's name, which may take seconds.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = self.server_address[:2]

    def process_request(self, request, client_address):
        # Blocks the accepting thread: who comes later waits in the kernel.
        self._places.acquire()
        super().process_request(request, client_address)

    def shutdown_request(self, request):
        super().shutdown_request(request)
        self._places.release()

    def handle_error(self, request, client_address):  # noqa: ARG002 - of the base class
        """A client that went away is nobody's business; everything else stands in the log."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)

    def begin(self):
        with self._lock:
            self._under_way += 1

    def end(self):
        with self._lock:
            self._under_way -= 1

    def finish(self):
        """Returns when no request is under way."""
        while self._under_way:
            time.sleep(STEP_S)


def run(settings):
    """Serves until SIGTERM or SIGINT; the exit code."""
    broken = []
    stop = threading.Event()

    def give_up(line):
        broken.append(line)
        stop.set()

    pool = Pool(sys.argv[0], sys.argv[1:], settings.workers, give_up)
    server = Server(settings, pool)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stop.set())
    pool.start()
    threading.Thread(target=server.serve_forever, args=(STEP_S,), daemon=True).start()
    workers = f"{settings.workers} worker{'' if settings.workers == 1 else 's'}"
    print(f"hostler: serving on {settings.host}:{server.server_port} with {workers}", flush=True)
    # In steps: a signal is heard between them.
    while not stop.wait(1.0):
        pass
    if broken:
        pool.kill_all()
        print(broken[0], file=sys.stderr, flush=True)
        # Threads may stand in the middle of an answer that nobody can give any more.
        os._exit(1)
    server.is_stopping = True
    server.shutdown()
    server.socket.close()
    server.finish()
    pool.stop()
    return 0
