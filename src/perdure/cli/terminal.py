"""The two consoles: what was asked for goes to stdout, everything else to stderr.

Where nobody looks (a pipe, a file), lines are as long as they are, and nothing is drawn twice.
"""

from __future__ import annotations

import functools
import os
import sys
from typing import IO

from rich.console import Console
from rich.text import Text

_ENDLESS = 10_000


@functools.cache
def answers() -> Console:
    """For what was asked for: stdout."""
    return _console(sys.stdout, stderr=False)


@functools.cache
def notes() -> Console:
    """For everything else: stderr."""
    return _console(sys.stderr, stderr=True)


def plain() -> Console:
    """Stdout as if nobody looked."""
    return Console(force_terminal=False, no_color=True, width=_ENDLESS, highlight=False, emoji=False)


def _console(stream: IO[str], *, stderr: bool) -> Console:
    width = None if stream.isatty() or "COLUMNS" in os.environ else _ENDLESS
    return Console(stderr=stderr, width=width, highlight=False, emoji=False, soft_wrap=False)


def one_line(text: str) -> Text:
    """Somebody's words as one line, with nothing in them read as markup."""
    return Text(" ".join(text.split()))


def short(text: str, limit: int) -> str:
    """Somebody's words as one line of at most so many characters."""
    line = " ".join(text.split())
    return line if len(line) <= limit else f"{line[: limit - 1]}…"
