"""What the conductor sees: the ledger, and the stream, of the worker that lives now."""

from __future__ import annotations

from perdure.core.chunks import Chunk
from perdure.core.clock import Clock
from perdure.demo.journal import Journal
from perdure.demo.killing import Sight
from perdure.demo.ledger import Execution

MODEL = "model"
_ENDS = frozenset({"step_end", "tool_result"})


class Watcher:
    """Puts together what is read from the ledger with what comes over the stream."""

    def __init__(self, ledger: Journal[Execution], clock: Clock) -> None:
        self._ledger = ledger
        self._clock = clock
        self.last_seq = 0
        self._after = 0
        self._pid = 0
        self._head = 0
        self._words = 0
        self._tools = 0
        self._ended = 0
        self._signed: float | None = None
        self._open: dict[str, tuple[Execution, float]] = {}
        self._news: list[Execution] = []

    def begin(self, pid: int, head: int) -> None:
        """Another worker lives; what it says comes after `head`."""
        self._pid, self._head, self._words, self._signed = pid, head, 0, None
        self._open.clear()

    def feed(self, chunk: Chunk) -> None:
        """Take in a chunk of the stream."""
        self.last_seq = max(self.last_seq, chunk.seq)
        if chunk.seq <= self._head:
            return
        self._sign()
        self._ended += chunk.kind in _ENDS
        if chunk.kind == "start":
            self._words = 0
        elif chunk.kind == "text":
            self._words += 1

    def look(self) -> Sight:
        """Read what is new in the ledger; what can be seen now."""
        lines, self._after = self._ledger.tail(self._after)
        self._news += lines
        for line in lines:
            self._tools += line.what == "start" and line.name != MODEL
            if line.pid != self._pid:
                continue
            self._sign()
            if line.what == "start":
                self._open[line.position] = line, self._clock.elapsed()
            else:
                self._open.pop(line.position, None)
        inside = [(line, since) for line, since in self._open.values() if line.name != MODEL]
        now = self._clock.elapsed()
        return Sight(
            inside=tuple(line for line, _ in inside),
            is_asking=any(line.name == MODEL for line, _ in self._open.values()),
            inside_for=now - max((since for _, since in inside), default=now),
            tools=self._tools,
            words=self._words,
            ended=self._ended,
            working_for=None if self._signed is None else now - self._signed,
        )

    def take_news(self) -> list[Execution]:
        """The lines of the ledger that were read since this was asked last."""
        news, self._news = self._news, []
        return news

    def _sign(self) -> None:
        if self._signed is None:
            self._signed = self._clock.elapsed()
