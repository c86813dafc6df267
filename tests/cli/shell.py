"""The command, as a user starts it: a process of its own, in a folder of its own."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.forking import ROOT, Forker

COMMAND = [sys.executable, "-m", "perdure.cli"]

CODES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")

ASSISTANT = (ROOT / "examples" / "assistant.py").read_text()

SLOW = """
import perdure

def get_weather(city: str) -> str:
    "Current weather for a city."
    return f"14 °C and rain in {city}, " + " ".join(f"word{number}" for number in range(40))

assistant = perdure.Agent("assistant", tools=[get_weather], settings={"pace": 0.04})
app = perdure.App(agents=[assistant], grace=0.2)
"""


class Shell:
    """A folder to work in."""

    def __init__(self, folder: Path, forker: Forker) -> None:
        self.folder = folder
        self._forker = forker
        self.store = f"sqlite:///{folder / 'perdure.db'}"
        self._children: list[subprocess.Popen[str]] = []
        self._terminals: list[Terminal] = []

    def write(self, name: str, text: str) -> None:
        """Put a module into the folder."""
        (self.folder / f"{name}.py").write_text(text)

    def run(self, *arguments: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return self._forker.run(
            *arguments, folder=self.folder, environment=self.environment(**environment), stdin=stdin
        )

    def begin(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """Begin a command; killed at the end of the test where it still runs."""
        child = subprocess.Popen(
            [*COMMAND, *arguments],
            cwd=self.folder,
            env=self.environment(**environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._children.append(child)
        return child

    def begin_at_terminal(self, *arguments: str) -> Terminal:
        """Begin a command as somebody at a terminal sees it; killed at the end of the test where it still runs."""
        ours, theirs = pty.openpty()
        child = subprocess.Popen(
            [*COMMAND, *arguments],
            cwd=self.folder,
            env=self.environment(TERM="xterm", COLUMNS="100", LINES="40"),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        terminal = Terminal(child, ours)
        self._terminals.append(terminal)
        return terminal

    def close(self) -> None:
        for terminal in self._terminals:
            terminal.close()
        for child in self._children:
            child.kill()
            child.communicate()

    def environment(self, **more: str) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PERDURE_", "COLUMNS"))}
        # A module that a test writes anew within a second, in the same size, would be taken for the one before.
        return inherited | {"PYTHONDONTWRITEBYTECODE": "1"} | more


class Terminal:
    """A command at a terminal: what it has drawn, and what is typed to it."""

    def __init__(self, child: subprocess.Popen[bytes], file: int) -> None:
        self.child = child
        self._file = file
        self._drawn = b""

    @property
    def drawn(self) -> str:
        """What it has drawn, without the codes that move and colour."""
        while select.select([self._file], [], [], 0)[0]:
            try:
                self._drawn += os.read(self._file, 65536)
            except OSError:  # the command has ended, and with it the terminal
                break
        return CODES.sub("", self._drawn.decode(errors="replace"))

    def type(self, line: str) -> None:
        """Type a line."""
        os.write(self._file, f"{line}\n".encode())

    def shows(self, text: str) -> bool:
        """Whether it has drawn a text, wherever its lines were broken."""
        return text in words(self.drawn)

    def kill(self) -> None:
        """Kill it, as `kill -9` does."""
        self.child.kill()
        self.child.wait()

    def close(self) -> None:
        """Kill it, and give the terminal back."""
        self.kill()
        os.close(self._file)


def words(drawn: str) -> str:
    """What was said, without the lines and the frames that it was said in."""
    return " ".join(drawn.translate(dict.fromkeys(map(ord, "─│╭╮╰╯"), " ")).split())


def wait_for(what: Callable[[], bool], within: float = 20.0) -> None:
    """Wait until something is so."""
    until = time.monotonic() + within
    while not what():
        if time.monotonic() > until:
            pytest.fail("it did not come to that in time")
        time.sleep(0.01)
