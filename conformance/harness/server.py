"""The real `hostler serve`, on a port of its own, with a data directory of its own."""

import configparser
import os
import re
import selectors
import shutil
import signal
import subprocess
import time
from pathlib import Path

from harness import aws_cli, clients, processes
from harness.waiting import eventually

HERE = Path(__file__).resolve().parent.parent
ROOT = HERE.parent
BINARY = Path(os.environ.get("HOSTLER_BIN", ROOT / "target/debug/hostler"))
# Set to keep the directories of servers, for a look afterwards.
KEEP = os.environ.get("HOSTLER_TEST_KEEP")
# How long a start may take on a busy machine; a healthy one takes a fraction of a second.
READY_S = 30
# SIGTERM, then the containers' own 30 s, then a margin.
STOP_S = 45


def clean_environment():
    """This process's environment without anything that would lead a client or the server elsewhere."""
    dropped = ("AWS_", "HOSTLER_", "PYTHON", "PYTEST_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    return kept | {"AWS_EC2_METADATA_DISABLED": "true"}


class Server:
    """One data directory, and the process that serves it now."""

    def __init__(self, directory, config="", arguments=(), ready_s=READY_S, prefix=(), user=None, binary=BINARY):
        """`prefix` is a command that starts the server, such as one that takes rights away; `user` runs it."""
        self.directory = Path(directory)
        self.data_dir = self.directory / "data"
        self.log_path = self.directory / "server.log"
        self.config_path = self.directory / "hostler.toml"
        self.config_path.write_text(config)
        self.arguments = list(arguments)
        self.prefix = list(prefix)
        self.user = user
        self.binary = binary
        self.ready_s = ready_s
        # Where the server's file system is seen from here; another one than this for a server in a mount namespace.
        self.root = Path("/")
        # Variables for the server besides a clean environment.
        self.environment_more = {}
        self.process = None
        self.url = None

    # -- life ---------------------------------------------------------------------------------

    def command(self, *more):
        listen = [] if "--listen" in (*self.arguments, *more) else ["--listen", "127.0.0.1:0"]
        fixed = ["serve", "--data-dir", self.data_dir, "--config", self.config_path]
        return [str(part) for part in (*self.prefix, self.binary, *fixed, *listen, *self.arguments, *more)]

    def start(self, *more):
        assert self.process is None, "it runs already"
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                self.command(*more),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=self.directory,
                env=clean_environment() | self.environment_more,
                start_new_session=True,
                **self._identity(),
            )
        self.url = self._ready_line()
        self.ready_at = time.monotonic()
        return self

    def _identity(self):
        if self.user is None:
            return {}
        return {"user": self.user, "group": self.user, "extra_groups": []}

    def _ready_line(self):
        """The one line on stdout that says where it listens."""
        selector = selectors.DefaultSelector()
        selector.register(self.process.stdout, selectors.EVENT_READ)
        deadline = time.monotonic() + self.ready_s
        line = b""
        while not line.endswith(b"\n"):
            if not selector.select(max(0, deadline - time.monotonic())):
                raise AssertionError(f"no line on stdout within {self.ready_s} s{self.shown_log()}")
            piece = os.read(self.process.stdout.fileno(), 4096)
            if not piece:
                status = self.process.wait()
                self.process.stdout.close()
                self.process = None
                raise AssertionError(f"it ended with {status} before it was ready{self.shown_log()}")
            line += piece
        url = re.search(rb"https?://[^\s]+", line)
        assert url, f"the line on stdout names no URL: {line!r}"
        return url.group().decode().rstrip("/.,")

    def stop(self):
        """SIGTERM and a clean end; what it left behind is for the caller to look at."""
        process, self.process = self.process, None
        if process is None:
            return 0
        process.send_signal(signal.SIGTERM)
        try:
            status = process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(f"SIGTERM did not end it within {STOP_S} s{self.shown_log()}") from None
        finally:
            process.stdout.close()
        return status

    def kill(self):
        """kill -9, as a crash or the kernel would."""
        process, self.process = self.process, None
        process.kill()
        process.wait()
        process.stdout.close()

    def clean_up(self):
        """Ends whatever still belongs to this directory, after a test that failed half-way."""
        if self.process is not None:
            self.kill()
        for process in processes.below(self.directory):
            try:
                os.kill(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                continue

    # -- what it shows --------------------------------------------------------------------------

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def shown_log(self, lines=80):
        return "\n--- the server's log, last lines ---\n" + "\n".join(self.log().splitlines()[-lines:])

    @property
    def port(self):
        return int(self.url.rsplit(":", 1)[1])

    @property
    def seen_dir(self):
        """The data directory as it is seen from here."""
        return Path(f"{self.root}/{self.data_dir.relative_to('/')}")

    @property
    def aws_config(self):
        return self.seen_dir / "aws/config"

    @property
    def aws_credentials(self):
        return self.seen_dir / "aws/credentials"

    def keys(self):
        """The access key and secret of profile `hostler`, as written."""
        parser = configparser.ConfigParser()
        parser.read(self.aws_credentials)
        section = parser["hostler"]
        return section["aws_access_key_id"], section["aws_secret_access_key"]

    def session(self, region=None):
        return clients.session(self.aws_config, self.aws_credentials, region)

    def client(self, service, region=None, **config):
        return clients.client(self.session(region), service, **config)

    def environment(self):
        """What a person exports to point an SDK or the AWS CLI at this server."""
        written = {
            "AWS_CONFIG_FILE": str(self.aws_config),
            "AWS_SHARED_CREDENTIALS_FILE": str(self.aws_credentials),
            "AWS_PROFILE": "hostler",
        }
        return clean_environment() | written

    def cli(self, *arguments, stdin=None, timeout=60, check=True, **environment):
        """Runs another `hostler` command against this data directory."""
        command = [str(part) for part in (BINARY, *arguments, "--data-dir", self.seen_dir)]
        done = subprocess.run(
            command,
            input=stdin,
            capture_output=True,
            timeout=timeout,
            env=clean_environment() | environment,
            cwd=self.directory,
        )
        if check:
            assert done.returncode == 0, f"{command[1:]} ended with {done.returncode}: {done.stderr.decode()}"
        return done

    def aws(self, *arguments, check=True, timeout=120):
        """Runs the AWS CLI of the tests' environment (version 1) against this server."""
        return aws_cli.VERSION_1.run(self, *arguments, check=check, timeout=timeout)

    def instances(self):
        """Processes of instances: everything below this directory that is not a server or a command."""
        ours = {str(BINARY)}
        return [
            process
            for process in processes.below(self.data_dir)
            if not (process.command and process.command[0] in ours and "serve" in process.command[1:2])
        ]

    def assert_nothing_left(self):
        """After a stop: no process, and no directory of an instance."""
        eventually(lambda: processes.below(self.directory), lambda left: not left, "processes end", 10)
        left = [path for path in instance_directories(self.seen_dir) if path.parent.name != ".kept"]
        assert not left, f"directories of instances are left: {left}"


def instance_directories(data_dir):
    """Directories of instances, and the logs that outlive an instance until its endpoint is forgotten."""
    instances = Path(data_dir) / "instances"
    kept = instances / ".kept"
    found = [path for folder in (instances, kept) if folder.is_dir() for path in folder.iterdir()]
    return sorted(path for path in found if path != kept)


def finish(server, check):
    """Stops it, looks at what it left, and removes its directory."""
    try:
        if server.process is not None:
            status = server.stop()
            if check:
                assert status == 0, f"it ended with {status}{server.shown_log()}"
        if check:
            server.assert_nothing_left()
    finally:
        server.clean_up()
        if KEEP:
            print(f"kept {server.directory}")
        else:
            shutil.rmtree(server.directory, ignore_errors=True)
