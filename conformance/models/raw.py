"""A container whose listener a test plays itself: it hands the socket over and only waits for its end.

Why: resets before a byte is read, half-read requests and bytes that no server would write need the socket, and the
test is the one that knows what is to happen. See harness/raw_container.py.
"""

import os
import signal
import socket
import sys

with socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=128) as listener:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as test:
        # A name in the abstract space: no path, so nothing is left behind.
        test.connect("\0" + os.environ["RAW_CONTAINER"])
        socket.send_fds(test, [b"listener"], [listener.fileno()])
    # The default action ends it.
    signal.pause()
