"""A turn on a terminal, chunk by chunk.

What a step has said may be taken back until the step commits. So on a terminal the open step is redrawn in place, and
written for good when it has committed; where nobody looks (a pipe, a file), only what has committed is written: words
to stdout, tool calls to stderr.
"""

from __future__ import annotations

from types import TracebackType
from typing import Self

import msgspec
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.live import Live
from rich.markdown import Markdown
from rich.segment import Segment
from rich.spinner import Spinner
from rich.text import Text

from perdure.cli.messages import call_line
from perdure.cli.terminal import short
from perdure.core.chunks import DELTA_KINDS, Chunk

_ROOM_BELOW = 6
_PER_SECOND = 15


class TurnView:
    """Shows a turn; a context manager around the time in which it is fed."""

    def __init__(self, out: Console, notes: Console) -> None:
        """Shape: words go to `out`; the rest too where that is a terminal, else to `notes`."""
        self._out = out
        self._notes = out if out.is_terminal else notes
        self._open: list[Chunk] = []
        self._last: dict[str, int] = {}
        self._calls: dict[int, _Running] = {}
        self._thinking = Spinner("dots", Text("…", style="dim"), style="dim")
        self._live: Live | None = None

    @property
    def words(self) -> str:
        """The text of the step that has not committed yet."""
        return "".join(chunk.text for chunk in self._open if chunk.kind == "text")

    def feed(self, chunk: Chunk) -> None:
        """Show a chunk; it takes back what it supersedes: a reset does, and the first chunk that is read after one."""
        self._take_back(chunk)
        if chunk.kind in DELTA_KINDS:
            self._open.append(chunk)
        elif chunk.kind == "tool_call":
            self._settle_words()
            self._begin_call(chunk)
        elif chunk.kind == "tool_result":
            self._end_call(chunk)
        elif chunk.kind in {"step_end", "finish"}:
            self._settle_words()
        if chunk.kind == "finish":
            self._finish(chunk)
        self._redraw()

    def note(self, line: RenderableType) -> None:
        """Write a line that stays, above the open step."""
        self._notes.print(line)

    def _take_back(self, chunk: Chunk) -> None:
        last, self._last[chunk.lane] = self._last.get(chunk.lane, 0), chunk.seq
        if chunk.from_seq > last:
            return  # it follows what there is, as nearly all do
        words, before = self.words, self._open
        span = range(chunk.from_seq, chunk.seq + 1)
        self._open = [held for held in before if held.lane != chunk.lane or held.seq not in span]
        if words != self.words and self._out.is_terminal:
            self._redraw()
            self.note(Text.assemble(("↶ ", "yellow"), (short(words, self._out.width - 2), "dim strike")))

    def _settle_words(self) -> None:
        words = self.words
        self._open = []
        if not words:
            return
        self._redraw()
        if self._out.is_terminal:
            self._out.print(_markdown(words))
        else:
            self._out.out(words, highlight=False)

    def _begin_call(self, chunk: Chunk) -> None:
        line = call_line(chunk.tool or "?", chunk.arguments, "pending")
        self._calls[chunk.part or 0] = _Running(chunk, Spinner("dots", line[2:], style="yellow"))
        if not self._out.is_terminal:
            self.note(line)

    def _end_call(self, chunk: Chunk) -> None:
        begun = self._calls.pop(chunk.part or 0, None)
        arguments = begun.chunk.arguments if begun is not None else None
        state = "completed" if chunk.error is None else "failed"
        self._redraw()
        self.note(call_line(chunk.tool or "?", arguments, state, chunk.output, chunk.error))

    def _finish(self, chunk: Chunk) -> None:
        self._calls.clear()
        if chunk.finish_reason == "cancelled":
            self.note(Text("(stopped)", style="magenta"))
        elif chunk.finish_reason == "failed":
            self.note(Text(f"(failed: {chunk.error or 'no reason is recorded'})", style="red"))
        elif chunk.finish_reason in {"length", "content_filter"}:
            self.note(Text(f"(cut off: {chunk.finish_reason})", style="magenta"))

    def _redraw(self) -> None:
        if self._live is not None:
            self._live.update(self._drawn())

    def _drawn(self) -> RenderableType:
        drawn: list[RenderableType] = []
        reasoning = "".join(chunk.text for chunk in self._open if chunk.kind == "reasoning")
        if reasoning:
            drawn.append(_Tail(Text(reasoning, style="dim italic")))
        if self.words:
            drawn.append(_Tail(_markdown(self.words)))
        drawn += [running.spinner for running in self._calls.values()]
        return Group(*drawn) if drawn else self._thinking

    def __enter__(self) -> Self:
        if self._out.is_terminal:
            self._live = Live(self._thinking, console=self._out, transient=True, refresh_per_second=_PER_SECOND)
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None


class _Running(msgspec.Struct):
    chunk: Chunk
    spinner: Spinner


class _Tail:
    """The last lines of something, as many as fit: what is redrawn may not be higher than the terminal."""

    def __init__(self, whole: RenderableType) -> None:
        self._whole = whole

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        lines = console.render_lines(self._whole, options.update(height=None), pad=False)
        for line in lines[-max(3, console.height - _ROOM_BELOW) :]:
            yield from line
            yield Segment.line()


def _markdown(words: str) -> Markdown:
    return Markdown(words, code_theme="ansi_dark")
