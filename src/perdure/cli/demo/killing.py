"""When to kill, decided from what can be seen from outside; and where a kill landed, told from what it left behind.

A kill is due at a moment that was drawn beforehand: inside a tool, in the middle of the answer, or anywhere. What
counts is where it landed: a moment of a kind that was asked for is waited for until one has landed so, and a landing
that came by chance counts as well. Between two steps that end, a run may be taken over only so often before it is
given up as poisoned; so a kill that would be one too many waits for progress.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from perdure.cli.demo.ledger import Execution
from perdure.cli.demo.tools import REPORT
from perdure.core.ids import Random
from perdure.runs.reaper import MAX_TAKEOVERS

Where = Literal["tool", "answer", "elsewhere"]

_MAX_MISSES = 3
_TOOLS = 18
_WORDS = (2, 20)
_ANYWHERE = (0.0, 2.5)


class Sight(msgspec.Struct, frozen=True, kw_only=True):
    """What can be seen of the worker that lives now.

    Shape: `inside` are tools, and `is_asking` says of the model, that they began and have not ended; `tools` counts
    all tools that ever began; `words` are those of its answer that are durable; `ended` counts the steps of the turn
    that have ended.
    Units: seconds; `working_for` since its first sign of work (None before), `inside_for` since the latest tool began.
    """

    inside: tuple[Execution, ...] = ()
    is_asking: bool = False
    inside_for: float = 0.0
    tools: int = 0
    words: int = 0
    ended: int = 0
    working_for: float | None = None


class Landing(msgspec.Struct, frozen=True, kw_only=True):
    """Where a kill landed; `seq` is the last of the stream that was durable then."""

    number: int
    pid: int
    where: Where
    what: str
    seq: int


class Killer:
    """The kills of one demo."""

    def __init__(self, kills: int, random: Random, tool_for: float) -> None:
        self._random = random
        self._tool_for = tool_for
        self._asked = kills
        self.landings: list[Landing] = []
        self.wanted: set[Where] = set[Where](("answer", "tool")[:kills])
        self._streak = 0
        self._ended = 0
        self._draw()

    @property
    def left(self) -> int:
        """How many kills are left: those that were asked for, and others where one of a kind is still wanted."""
        misses = min(len(self.wanted), _MAX_MISSES + self._asked - len(self.landings))
        return max(self._asked - len(self.landings), misses)

    def is_due(self, sight: Sight) -> bool:
        """Whether to kill now."""
        if self.left <= 0 or sight.working_for is None:
            return False
        if sight.ended == self._ended and self._streak >= MAX_TAKEOVERS:
            return False
        if "tool" in self.wanted and self._is_in_tool(sight):
            return True
        if "answer" in self.wanted and sight.words >= self._words:
            return True
        is_free = self.left > len(self.wanted)
        return is_free and (sight.working_for >= self._after or sight.words >= self._words)

    def landed(self, landing: Landing, sight: Sight) -> None:
        """Take in where a kill landed."""
        self.landings.append(landing)
        self.wanted.discard(landing.where)
        self._streak = self._streak + 1 if sight.ended == self._ended else 1
        self._ended = sight.ended
        self._draw()

    def _is_in_tool(self, sight: Sight) -> bool:
        is_chosen = sight.tools >= self._tool or any(execution.name == REPORT for execution in sight.inside)
        return bool(sight.inside) and is_chosen and sight.inside_for >= self._inside_for

    def _draw(self) -> None:
        self._tool = self._random.randint(1, _TOOLS)
        self._inside_for = self._random.uniform(0.0, 0.8) * self._tool_for
        self._words = self._random.randint(*_WORDS)
        self._after = self._random.uniform(*_ANYWHERE)
