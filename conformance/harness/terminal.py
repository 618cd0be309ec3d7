"""A command in a terminal of a given size, as a person would see it."""

import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time

from harness.server import clean_environment


class Terminal:
    """What a command wrote to its terminal, and the code it ended with."""

    def __init__(self, command, columns=80, timeout_s=60, **environment):
        main, side = pty.openpty()
        fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        variables = clean_environment() | {"TERM": "xterm"}
        variables.pop("NO_COLOR", None)
        process = subprocess.Popen(
            [str(part) for part in command],
            stdin=side,
            stdout=side,
            stderr=side,
            env=variables | environment,
            close_fds=True,
            start_new_session=True,
        )
        os.close(side)
        self.raw = self._read(main, process, time.monotonic() + timeout_s)
        os.close(main)
        self.code = process.wait(10)

    @staticmethod
    def _read(main, process, deadline):
        came = b""
        while time.monotonic() < deadline:
            ready, _, _ = select.select([main], [], [], 0.1)
            if not ready:
                continue
            try:
                piece = os.read(main, 65536)
            except OSError:  # Linux says EIO when the last program has closed the terminal.
                return came.decode()
            if not piece:
                return came.decode()
            came += piece
        process.kill()
        raise AssertionError(f"it did not end; it wrote {came!r}")

    def screen(self):
        """The lines that stay: carriage returns write over, erase sequences erase, colours are left out."""
        lines, line, at, text = [], [], 0, self.raw
        while text:
            if text.startswith("\x1b["):
                end = next(index for index, char in enumerate(text[2:], 2) if char.isalpha())
                if text[end] == "K":
                    del line[at:]
                else:
                    assert text[end] == "m", f"an escape sequence that a narrow terminal may not know: {text[:8]!r}"
                text = text[end + 1 :]
                continue
            char, text = text[0], text[1:]
            if char == "\r":
                at = 0
            elif char == "\n":
                lines.append("".join(line))
                line, at = [], 0
            else:
                line[at : at + 1] = char
                at += 1
        return lines + (["".join(line)] if line else [])
