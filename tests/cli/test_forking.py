"""A command that is forked, as most tests run it, does and says what one does that is started."""

from __future__ import annotations

import subprocess

import pytest

from tests.cli.shell import ASSISTANT, COMMAND, Shell

pytestmark = pytest.mark.slow

MODULE = """
import os, sys, threading
from pathlib import Path

print(sys.argv, sys.path[0], __name__, sys.stdin.read(), sorted(os.environ), os.isatty(1), os.isatty(2))
print(sys.stdout.encoding, sys.stderr.encoding, sys.stdout.line_buffering, sys.stderr.line_buffering)
print("é", file=sys.stderr)
print([name for name in os.listdir("/dev/fd") if name > "2"], threading.active_count())
"""


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["talk"],
        ["doctor"],
        ["chat", "assistant:app", "-m", "Weather in Oslo?", "--thread", "one"],
        ["worker", "says:app"],
    ],
    ids=" ".join,
)
def test_a_command_that_is_forked_says_what_one_says_that_is_started(shell: Shell, arguments: list[str]) -> None:
    shell.write("assistant", ASSISTANT)
    shell.write("says", MODULE)
    forked = shell.run(*arguments, stdin="said\n", TOLD="told")
    for path in shell.folder.glob("perdure.db*"):
        path.unlink()
    started = subprocess.run(
        [*COMMAND, *arguments],
        cwd=shell.folder,
        env=shell.environment(TOLD="told"),
        input="said\n",
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (forked.returncode, forked.stdout, forked.stderr) == (started.returncode, started.stdout, started.stderr)
