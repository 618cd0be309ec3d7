"""The two AWS CLIs that people have, as commands against one server.

Version 1 comes from PyPI with the tests' environment and finds the server by its profile. Version 2 is on no registry
but Debian's, whose 2.9.19 is older than `endpoint_url` in a profile and is told the URL.
"""

import os
import subprocess
import sys
from pathlib import Path

# Debian's package puts it here; another `aws` may come first on the path.
VERSION_2_COMMAND = Path(os.environ.get("HOSTLER_AWS_CLI_2", "/usr/bin/aws"))


class AwsCli:
    """How one of them is called."""

    def __init__(self, name, command, told_url):
        self.name = name
        self.command = command
        self.told_url = told_url

    def run(self, server, *arguments, check=True, timeout=120, stdin=None, environment=None):
        url = ["--endpoint-url", server.url] if self.told_url else []
        done = subprocess.run(
            [*self.command, *url, *(str(part) for part in arguments)],
            **({"stdin": subprocess.DEVNULL} if stdin is None else {"input": stdin}),
            capture_output=True,
            timeout=timeout,
            env=server.environment() | (environment or {}),
            cwd=server.directory,
            text=True,
        )
        if check:
            assert done.returncode == 0, f"aws {arguments} ended with {done.returncode}: {done.stderr}"
        return done

    def version(self):
        """What it says of itself, such as `aws-cli/2.9.19`; nothing where it is not installed."""
        try:
            done = subprocess.run([*self.command, "--version"], capture_output=True, timeout=60, text=True)
        except FileNotFoundError:
            return ""
        return done.stdout.partition(" ")[0]


VERSION_1 = AwsCli("v1", [sys.executable, "-m", "awscli"], told_url=False)
VERSION_2 = AwsCli("v2", [str(VERSION_2_COMMAND)], told_url=True)
