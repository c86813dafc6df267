"""Sleeping, and the instant."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from perdure.core.values import decode, encode
from perdure.runs.recorded import Recorded
from perdure.runs.waits import park

if TYPE_CHECKING:
    from perdure.runs.branch import Branch
    from perdure.runs.execution import Execution


class SleepCall(Recorded[None]):
    """`sleep`: until a time that is fixed at the first call."""

    __slots__ = ("_seconds",)

    def __init__(self, execution: Execution, position: str, seconds: float) -> None:
        super().__init__(execution, position, "sleep", "sleep")
        self._seconds = seconds

    async def run(self, branch: Branch) -> None:  # noqa: ARG002 - a wait runs no user code
        record = self.execution.visit(self)
        if record is not None and record.status == "completed":
            return
        due_at = record.due_at if record else None
        if due_at is None:
            due_at = self.execution.now() + timedelta(seconds=self._seconds)
            if self._seconds > 0:
                await self.put("running", due_at=due_at)
        if due_at > self.execution.now():
            await park(self.execution, self.position, f"timer:{self.position}", due_at=due_at)
        await self.put("completed", due_at=due_at, before=record)


class NowCall(Recorded[datetime]):
    """`now`: the instant of the first call."""

    __slots__ = ()

    def __init__(self, execution: Execution, position: str) -> None:
        super().__init__(execution, position, "now", "deterministic")

    async def run(self, branch: Branch) -> datetime:  # noqa: ARG002 - runs no user code
        record = self.execution.visit(self)
        if record is not None:
            return decode(record.result or b"null", datetime)
        data = encode(self.execution.now())
        await self.put("completed", result=data)
        return decode(data, datetime)
