"""10,000 idle connections: bytes of memory each, never used and used once."""

import contextlib
import socket
import time

from load import open_files, resident_bytes
from stand import MODEL, READY_SECONDS

CONNECTIONS = 10_000
GOAL_BYTES = 30_000


def measure(gateway, nginx, _, arguments):
    print(f"\n{CONNECTIONS:,} idle connections, resident memory of the proxy's processes; the kernel's is not in it.\n")
    print("| side | before | never used, each | used once, each | given back after |\n|---|---|---|---|---|")
    found = {}
    for side in (gateway, nginx):
        with Connections(side) as idle:
            never, once = idle.never_used(), idle.used_once()
        found[side] = max(never, once)
        after = resident_bytes(side.processes())
        print(f"| {side.name} | {idle.before / 1e6:.1f} MB | {never:,.0f} bytes | {once:,.0f} bytes "
              f"| {after / 1e6:.1f} MB |")
    met = "met" if found[gateway] < GOAL_BYTES else "NOT met"
    print(f"\nmemory of one, gateway: {found[gateway]:,.0f} bytes, goal under {GOAL_BYTES:,}: {met}")


class Connections(contextlib.ExitStack):
    """Opened all at once, closed at the end of the `with`."""

    def __init__(self, side):
        super().__init__()
        self.side = side
        # What the first request brings up is no connection's.
        with socket.create_connection(("127.0.0.1", side.port)) as first:
            ask(first, side.raw(MODEL, b"?"))
        self.before, files = resident_bytes(side.processes()), open_files(side.processes())
        self.sockets = [self.enter_context(socket.create_connection(("127.0.0.1", side.port)))
                        for _ in range(CONNECTIONS)]
        deadline = time.monotonic() + READY_SECONDS
        while open_files(side.processes()) < files + CONNECTIONS - 1:
            if time.monotonic() > deadline:
                raise SystemExit(f"{side.name} did not take {CONNECTIONS} connections")
            time.sleep(0.02)

    def never_used(self):
        return self.each()

    def used_once(self):
        request = self.side.raw(MODEL, b"?" * 1024)
        for one in self.sockets:
            ask(one, request)
        return self.each()

    def each(self):
        return (resident_bytes(self.side.processes()) - self.before) / CONNECTIONS


def ask(connection, request):
    connection.sendall(request)
    answer = b""
    while not answer.endswith(b"ok"):
        more = connection.recv(4096)
        if not more:
            raise SystemExit(f"no answer but {answer}")
        answer += more
    if not answer.startswith(b"HTTP/1.1 200"):
        raise SystemExit(f"refused: {answer}")
