"""A command in a terminal of a given size, as a person would see it."""

import fcntl
import os
import pty
import re
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


class LiveTerminal:
    """A command that goes on in a terminal, what its screen shows now, and what a person does to it."""

    def __init__(self, command, columns=80, rows=24, **environment):
        self._main, side = pty.openpty()
        self._side = side
        self.resize(columns, rows)
        variables = clean_environment() | {"TERM": "xterm"}
        variables.pop("NO_COLOR", None)
        self.process = subprocess.Popen(
            [str(part) for part in command],
            stdin=side,
            stdout=side,
            stderr=side,
            env=variables | environment,
            preexec_fn=self._take_terminal,
        )
        self.raw = ""

    @staticmethod
    def _take_terminal():
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    def resize(self, columns, rows):
        self.columns, self.rows = columns, rows
        fcntl.ioctl(self._side, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, text):
        os.write(self._main, text.encode())

    def screen(self):
        """The lines of the screen now, colours left out, and whether the cursor is seen and the screen is its own."""
        while select.select([self._main], [], [], 0)[0]:
            try:
                piece = os.read(self._main, 65536)
            except OSError:
                break
            if not piece:
                break
            self.raw += piece.decode()
        return Picture(self.raw)

    def kill(self):
        """Ends what a failed test has left."""
        if self.process.poll() is None:
            self.process.kill()
            self.end()

    def end(self, timeout_s=10):
        """Waits for the command; its exit code."""
        code = self.process.wait(timeout_s)
        self.screen()
        os.close(self._main)
        os.close(self._side)
        return code


class Picture:
    """What the escape sequences of a picture that is drawn over come to; others are a failure."""

    def __init__(self, raw):
        self.lines, self.cursor, self.own = [""], True, False
        row = column = 0
        for text, sequence in re.findall(r"([^\x1b]+)|(\x1b\[[?0-9;]*[A-Za-z])", raw):
            for char in text:
                if char == "\r":
                    column = 0
                elif char == "\n":
                    row += 1
                    self.lines += [""] * (row + 1 - len(self.lines))
                else:
                    line = self.lines[row].ljust(column)
                    self.lines[row] = line[:column] + char + line[column + 1 :]
                    column += 1
            match sequence[2:]:
                case "":
                    pass
                case "H":
                    row = column = 0
                case "K":
                    self.lines[row] = self.lines[row][:column]
                case "J":
                    self.lines[row] = self.lines[row][:column]
                    del self.lines[row + 1 :]
                case "?25l" | "?25h":
                    self.cursor = sequence.endswith("h")
                case "?1049h" | "?1049l":
                    self.own, self.lines, row, column = sequence.endswith("h"), [""], 0, 0
                case other:
                    assert other.endswith("m"), f"not known: {other!r}"
