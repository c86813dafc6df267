"""When to kill, decided from what can be seen from outside; and where a kill landed, told from what it left behind.

One kill is meant for the inside of a tool and one for the middle of the answer, at a moment that is drawn beforehand;
the others come at any time. What counts is where a kill landed: one that was meant for a place, and missed it, is meant
for it again. Between two steps that end, a run may be taken over only so often before it is given up as poisoned; so a
kill that would be one too many waits for progress.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from perdure.core.ids import Random
from perdure.core.suspicion import POISONED_AT, SUSPECT_AT
from perdure.demo.ledger import Execution
from perdure.demo.tools import REPORT

Where = Literal["tool", "answer", "elsewhere"]

_MAX_MISSES = 3
_MAX_STREAK = SUSPECT_AT + POISONED_AT - 1  # one more, and the run may be failed as poisoned
_TOOLS = 9
_SHARE_OF_REPORTS = 0.5
_INSIDE = (0.2, 0.85)
_WORDS = (1, 8)  # a short answer has some twelve: a kill that comes after the last word is none
_LONGEST, _ALTOGETHER = 2.5, 12.5


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
    """The kills of one demo.

    Shape: `reports_only` says that the kill in a tool is meant for the one that sends the report.
    Units: it comes `inside_for` seconds after the tool began.
    """

    def __init__(self, kills: int, random: Random, tool_for: float) -> None:
        self._random = random
        self._tool_for = tool_for
        self._asked = kills
        self._meant: set[Where] = set[Where](("answer", "tool")[:kills])
        self.reports_only = random.random() < _SHARE_OF_REPORTS
        self._tool = random.randint(1, _TOOLS)
        self._streak = 0
        self._ended = 0
        self.landings: list[Landing] = []
        self._draw()

    def due(self, sight: Sight) -> Where | None:
        """Whether to kill now, and the place that the kill is meant for."""
        if sight.working_for is None or (sight.ended == self._ended and self._streak >= _MAX_STREAK):
            return None
        place, left = self._place(sight), self._asked - len(self.landings)
        is_missed = place not in self._landed and len(self.landings) < self._asked + _MAX_MISSES
        return place if left > 0 or is_missed else None

    def landed(self, landing: Landing, sight: Sight, meant_for: Where) -> None:
        """Take in where a kill landed."""
        self.landings.append(landing)
        if landing.where == meant_for:
            self._meant.discard(meant_for)
        self._streak = self._streak + 1 if sight.ended == self._ended else 1
        self._ended = sight.ended
        self._draw()

    def _place(self, sight: Sight) -> Where | None:
        if "tool" in self._meant and self._is_in_tool(sight):
            return "tool"
        if "answer" in self._meant and sight.words >= self._words:
            return "answer"
        is_free = self._asked - len(self.landings) > len(self._still_meant(sight))
        return "elsewhere" if is_free and self._is_any_time(sight) else None

    def _still_meant(self, sight: Sight) -> set[Where]:
        """The places to keep a kill for: a tool, once words are said, only where no kill has landed in one."""
        return self._meant - {"tool"} if sight.words and "tool" in self._landed else self._meant

    @property
    def _landed(self) -> set[Where]:
        return {landing.where for landing in self.landings}

    def _is_in_tool(self, sight: Sight) -> bool:
        is_report = any(execution.name == REPORT for execution in sight.inside)
        is_chosen = is_report or (bool(sight.inside) and sight.tools >= self._tool and not self.reports_only)
        return is_chosen and sight.inside_for >= self.inside_for

    def _is_any_time(self, sight: Sight) -> bool:
        return (sight.working_for or 0.0) >= self._after or sight.words >= self._words

    def _draw(self) -> None:
        self.inside_for = self._random.uniform(*_INSIDE) * self._tool_for
        self._words = self._random.randint(*_WORDS)
        self._after = self._random.uniform(0.0, min(_LONGEST, _ALTOGETHER / max(1, self._asked)))
