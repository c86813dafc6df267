"""Sleeping, and the instant."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from perdure.core import keys
from perdure.core.values import decode, encode
from perdure.runs.recorded import Recorded
from perdure.runs.waits import park

if TYPE_CHECKING:
    from perdure.runs.attempt import Attempt
    from perdure.runs.branch import Branch


class SleepCall(Recorded[None]):
    """`sleep`: until a time that is fixed at the first call."""

    __slots__ = ("_seconds",)

    def __init__(self, attempt: Attempt, position: str, seconds: float) -> None:
        super().__init__(attempt, position, "sleep", "sleep")
        self._seconds = seconds

    async def run(self, branch: Branch) -> None:  # noqa: ARG002 - a wait runs no user code
        record = self.run_attempt.visit(self)
        if record is not None and record.status == "completed":
            return
        due_at = record.due_at if record else None
        if due_at is None:
            due_at = self.run_attempt.now() + timedelta(seconds=self._seconds)
            if self._seconds > 0:
                await self.put("running", due_at=due_at)
        if due_at > self.run_attempt.now():
            await park(self.run_attempt, self.position, keys.timer(self.position), due_at)
        await self.put("completed", due_at=due_at, before=record)


class NowCall(Recorded[datetime]):
    """`now`: the instant of the first call."""

    __slots__ = ()

    def __init__(self, attempt: Attempt, position: str) -> None:
        super().__init__(attempt, position, "now", "deterministic")

    async def run(self, branch: Branch) -> datetime:  # noqa: ARG002 - runs no user code
        record = self.run_attempt.visit(self)
        if record is not None:
            return decode(record.result or b"null", datetime)
        data = encode(self.run_attempt.now())
        await self.put("completed", result=data)
        return decode(data, datetime)
