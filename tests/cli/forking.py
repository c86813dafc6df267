"""Commands without the time that imports take: one process imports what commands need, and is forked for each.

What a forked command does and says is what one does that was started, as tests/cli/test_forking.py sees. The process
is told of a command by a socket of its own: what to run goes in, its exit code comes out.
"""

from __future__ import annotations

import gc
import importlib
import os
import pkgutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO

import msgspec

import perdure.cli

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT = 60.0
"""Units: real seconds, for a command to end."""


class Command(msgspec.Struct):
    """What to run, and where."""

    arguments: tuple[str, ...]
    folder: str
    environment: dict[str, str]


class Forker:
    """A process that is forked for each command."""

    def __init__(self) -> None:
        self._asked, theirs = socket.socketpair()
        arguments = [sys.executable, "-m", "tests.cli.forking", str(theirs.fileno())]
        self._process = subprocess.Popen(
            arguments, cwd=ROOT, pass_fds=(theirs.fileno(),), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )
        theirs.close()

    def run(
        self, *arguments: str, folder: Path, environment: Mapping[str, str], stdin: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        command = Command(arguments, str(folder), dict(environment))
        with ExitStack() as stack:
            files = [stack.enter_context(tempfile.TemporaryFile()) for _ in range(3)]
            files[0].write(stdin.encode())
            files[0].seek(0)
            code = self._run(command, [file.fileno() for file in files])
            said = [_whole(file) for file in files[1:]]
        return subprocess.CompletedProcess(arguments, code, *said)

    def close(self) -> None:
        """Let the process end."""
        self._asked.close()
        self._process.wait(TIMEOUT)

    def _run(self, command: Command, files: list[int]) -> int:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            socket.send_fds(self._asked, [b"."], [*files, theirs.fileno()])
            theirs.close()
            ours.sendall(msgspec.json.encode(command) + b"\n")
            ours.settimeout(TIMEOUT)
            with ours.makefile("r") as answers:
                pid = int(answers.readline())
                try:
                    return int(answers.readline())
                except TimeoutError:
                    os.kill(pid, signal.SIGKILL)
                    raise


def _whole(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode()


def main(asked: socket.socket) -> None:
    """Import what commands need, then fork for each; returns in the process of a command only."""
    for module in pkgutil.walk_packages(perdure.cli.__path__, "perdure.cli."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    importlib.import_module("perdure.stores.sqlite")
    gc.freeze()
    while True:
        files = socket.recv_fds(asked, 1, 4)[1]
        _reap()
        if not files:
            os._exit(0)
        if os.fork() == 0:
            asked.close()
            return _wait_for_a_command(*files)
        for file in files:
            os.close(file)


def _reap() -> None:
    """Wait for those that have waited for a command."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            continue


def _wait_for_a_command(stdin: int, stdout: int, stderr: int, about: int) -> None:
    """Fork a command, and tell its process id and its exit code; returns in the process of the command only."""
    with socket.socket(fileno=about) as told, told.makefile("rb") as lines:
        command = msgspec.json.decode(lines.readline(), type=Command)
        pid = os.fork()
        if pid != 0:
            for file in (stdin, stdout, stderr):
                os.close(file)
            told.sendall(f"{pid}\n".encode())
            told.sendall(f"{os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])}\n".encode())
            os._exit(0)
    for number, file in enumerate((stdin, stdout, stderr)):
        os.dup2(file, number)
        os.close(file)
    os.chdir(command.folder)
    os.environ.clear()
    os.environ.update(command.environment)
    sys.argv = [str(Path(perdure.cli.__file__).with_name("__main__.py")), *command.arguments]
    sys.path[0] = command.folder


if __name__ == "__main__":
    main(socket.socket(fileno=int(sys.argv[1])))
    sys.exit(perdure.cli.main())
