"""The two consoles: what was asked for goes to stdout, everything else to stderr.

Where nobody looks (a pipe, a file), lines are as long as they are, and nothing is drawn twice.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Iterator
from typing import IO

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.segment import Segment
from rich.text import Text

_ENDLESS = 10_000
_INDENT = 2
_OBEYED = {*range(0x20), *range(0x7F, 0xA0)} - {ord("\n"), ord("\t")}
_SHOWN = dict.fromkeys(_OBEYED, "\N{REPLACEMENT CHARACTER}")


class SafeConsole(Console):
    """A console on which an id or a model's words drive no terminal: control characters in text are only shown."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterator[Segment]:
        """Every segment of text comes by here; the console's own codes are no text."""
        for segment in super().render(renderable, options):
            safe = segment.text if segment.control else segment.text.translate(_SHOWN)
            yield segment if safe == segment.text else Segment(safe, segment.style)


class Indented:
    """Something two characters to the right; its lines end where their words end."""

    def __init__(self, inner: RenderableType) -> None:
        self._inner = inner

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        inside = options.update(width=options.max_width - _INDENT, height=None)
        for line in console.render_lines(self._inner, inside, pad=False):
            yield from (Segment(" " * _INDENT), *unpadded(line), Segment.line())


def unpadded(line: list[Segment]) -> list[Segment]:
    """A line without the blanks at its end."""
    kept = list(line)
    while kept and not kept[-1].control and not kept[-1].text.strip():
        kept.pop()
    if kept and not kept[-1].control:
        kept[-1] = Segment(kept[-1].text.rstrip(), kept[-1].style)
    return kept


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
    return SafeConsole(force_terminal=False, no_color=True, width=_ENDLESS, highlight=False, emoji=False)


def _console(stream: IO[str], *, stderr: bool) -> Console:
    width = None if stream.isatty() or "COLUMNS" in os.environ else _ENDLESS
    return SafeConsole(stderr=stderr, width=width, highlight=False, emoji=False, soft_wrap=False)


def one_line(text: str) -> Text:
    """Somebody's words as one line, with nothing in them read as markup."""
    return Text(" ".join(text.split()))


def short(text: str, limit: int) -> str:
    """Somebody's words as one line of at most so many characters."""
    line = " ".join(text.split())
    return line if len(line) <= limit else f"{line[: limit - 1]}…"
