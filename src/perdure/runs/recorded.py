"""A call with a record and no attempts: waits, emits, instants, children."""

from __future__ import annotations

from datetime import datetime
from typing import TypeVar

from perdure.core.failures import Failure
from perdure.core.records import StepRecord, StepStatus
from perdure.core.values import Value
from perdure.runs.calls import Call
from perdure.stores.port import Operation, PutStep

R = TypeVar("R")


class Recorded(Call[R]):
    """A call with a record and no attempts."""

    __slots__ = ()

    async def put(
        self,
        status: StepStatus,
        *also: Operation,
        result: bytes | None = None,
        failure: Failure | None = None,
        due_at: datetime | None = None,
        before: StepRecord | None = None,
    ) -> tuple[Value, ...]:
        now = self.execution.now()
        record = StepRecord(
            position=self.position,
            name=self.name,
            kind=self.kind,
            status=status,
            result=result,
            failure=failure,
            started_at=before.started_at if before else now,
            completed_at=None if status == "running" else now,
            due_at=due_at or (before.due_at if before else None),
        )
        landed = await self.execution.commit(PutStep(self.execution.run.run_id, record), *also)
        return landed[1:]
