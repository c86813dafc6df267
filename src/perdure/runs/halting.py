"""Why an attempt unwinds, and the exception that does it, which user code can't swallow by accident."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, NamedTuple

import msgspec

from perdure.core.failures import Failure

HaltKind = Literal["suspend", "cancel", "lost", "release", "diverged", "failed"]

HELD: frozenset[HaltKind] = frozenset({"release", "diverged"})
"""After these another worker may go on with the run: it stays held while a step's function goes on here."""


class Halt(msgspec.Struct, frozen=True):
    """Why an attempt ends before its workflow does."""

    kind: HaltKind
    reason: str = ""
    failure: Failure | None = None


class Suspension(NamedTuple):
    """When a suspended run is due, and the keys that wake it."""

    due_at: datetime | None
    keys: tuple[str, ...]


NO_SUSPENSION = Suspension(None, ())


class Carried(Exception):
    """Carries what user code raised through the end of its task: there asyncio lets it end the loop."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(type(error).__name__)
        self.error = error


class Unwind(BaseException):
    """Raised by every call of the context while an attempt unwinds.

    Source: a BaseException, as in Restate and DBOS: an Exception would die in a user's `except Exception`.
    """

    def __init__(self, halt: Halt) -> None:
        super().__init__(halt.kind)
        self.halt = halt
