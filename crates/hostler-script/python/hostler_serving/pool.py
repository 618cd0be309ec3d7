"""The workers: started, lent to one request at a time, replaced when they end.

Invariants: a worker that may hold half an exchange is never lent again: it is killed, and another one takes its place.
Failure: a worker that ended is followed by another after a pause that grows; when none of them gets as far as its model, the
server ends and says why, for whoever started it to judge.
"""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time

# Loads that may fail in a row once the server has been ready.
FAILED_LOADS_MAX = 3
PAUSE_MIN_S = 0.1
PAUSE_MAX_S = 5.0
# Between the end of the work and the end of the workers.
STOP_S = 5.0
# What a connection takes at once, whether anybody reads it or not.
BUFFERED_BYTES = 64 * 1024


class Lost(Exception):
    """The worker ended in the middle of an exchange."""


class Late(Exception):
    """It took longer than it may."""


class Worker:
    """One process and the front's end of the connection to it."""

    def __init__(self, program, arguments):
        self.connection, theirs = multiprocessing.Pipe()
        with theirs:
            os.set_inheritable(theirs.fileno(), True)
            command = [sys.executable, program, *arguments, "--worker-fd", str(theirs.fileno())]
            self.process = subprocess.Popen(command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)

    def send(self, *frames, timeout_s=None):
        """Gives it these; a worker that does not take what is too much for the connection's buffer is killed in time."""
        is_large = sum(map(len, frames)) > BUFFERED_BYTES
        late = threading.Event()
        timer = threading.Timer(timeout_s, lambda: (late.set(), self.process.kill())) if is_large and timeout_s else None
        if timer:
            timer.start()
        try:
            for frame in frames:
                self.connection.send_bytes(frame)
        except OSError as error:
            raise (Late if late.is_set() else Lost) from error
        finally:
            if timer:
                timer.cancel()

    def receive(self, timeout_s=None):
        try:
            if timeout_s is not None and not self.connection.poll(timeout_s):
                raise Late
            return self.connection.recv_bytes()
        except (EOFError, OSError) as error:
            raise Lost from error

    def head(self, timeout_s=None):
        return json.loads(self.receive(timeout_s))

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.connection.close()

    def how_it_ended(self):
        """In words; waits a moment, since the connection may end a little before the process."""
        try:
            code = self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            return "closed its connection"
        if code < 0:
            return f"was ended by signal {-code} ({signal.Signals(-code).name})"
        return f"exited with code {code}"


class Pool:
    def __init__(self, program, arguments, size, on_broken):
        self._program = program
        self._arguments = arguments
        self._size = size
        self._on_broken = on_broken
        self._changed = threading.Condition()
        self._idle = []
        self._all = set()
        self._ready_count = 0
        self._failed_loads = 0
        self._has_been_ready = False
        self._is_stopping = False

    def start(self):
        for _ in range(self._size):
            threading.Thread(target=self._raise_worker, args=(0,), daemon=True).start()

    @property
    def is_ready(self):
        """All of them at first, so that the first requests find every one; later on any of them."""
        with self._changed:
            return self._ready_count > 0 and self._has_been_ready and not self._is_stopping

    def lend(self, timeout_s):
        """A worker for one request; none when all are busy for so long. One that ended meanwhile is nobody's answer."""
        deadline = time.monotonic() + timeout_s
        while True:
            with self._changed:
                while not self._idle:
                    left = deadline - time.monotonic()
                    if left <= 0 or not self._changed.wait(left):
                        return None
                worker = self._idle.pop()
            if worker.process.poll() is None:
                return worker
            print(f"hostler: a worker {worker.how_it_ended()} while it had nothing to do", file=sys.stderr, flush=True)
            self.discard(worker)

    def give_back(self, worker):
        with self._changed:
            self._idle.append(worker)
            self._changed.notify()

    def discard(self, worker):
        """It is lost, late, or in the middle of something: another one takes its place."""
        worker.kill()
        with self._changed:
            self._all.discard(worker)
            self._ready_count -= 1
        threading.Thread(target=self._raise_worker, args=(0,), daemon=True).start()

    def stop(self):
        """Ends every worker; what they had is finished by now."""
        with self._changed:
            self._is_stopping = True
            workers, idle = list(self._all), set(self._idle)
        for worker in workers:
            if worker in idle:
                worker.connection.close()
            else:
                worker.process.kill()
        deadline = time.monotonic() + STOP_S
        for worker in workers:
            try:
                worker.process.wait(max(deadline - time.monotonic(), 0))
            except subprocess.TimeoutExpired:
                worker.process.kill()

    def kill_all(self):
        with self._changed:
            self._is_stopping = True
            workers = list(self._all)
        for worker in workers:
            worker.process.kill()
            worker.process.wait()

    def _raise_worker(self, pause_s):
        """Starts a worker and waits until it has its model."""
        time.sleep(pause_s)
        with self._changed:
            if self._is_stopping:
                return
            worker = Worker(self._program, self._arguments)
            self._all.add(worker)
        try:
            head = worker.head()
        except Lost:
            head = {"broken": f"a worker {worker.how_it_ended()} before it had loaded the model"}
        with self._changed:
            if self._is_stopping:
                return
            if "broken" not in head:
                self._ready_count += 1
                self._failed_loads = 0
                self._has_been_ready = self._has_been_ready or self._ready_count == self._size
                self._idle.append(worker)
                self._changed.notify()
                return
            self._all.discard(worker)
            self._failed_loads += 1
            failed_loads, is_hopeless = self._failed_loads, not self._has_been_ready
        worker.kill()
        if is_hopeless or failed_loads >= FAILED_LOADS_MAX:
            self._on_broken(head["broken"])
        else:
            self._raise_worker(min(PAUSE_MIN_S * 2**failed_loads, PAUSE_MAX_S))
