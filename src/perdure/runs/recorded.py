"""A call with a record and no attempts: waits, emits, instants, children."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

from perdure.core.clock import epoch
from perdure.core.failures import Failure
from perdure.core.operations import HolderOperation, PutStep
from perdure.core.records import StepKind, StepRecord, StepStatus
from perdure.runs.calls import Call

if TYPE_CHECKING:
    from perdure.runs.attempt import Attempt

R = TypeVar("R")


class Recorded(Call[R]):
    """A call with a record and no attempts."""

    __slots__ = ("_began", "_written")

    def __init__(self, attempt: Attempt, position: str, name: str, kind: StepKind) -> None:
        super().__init__(attempt, position, name, kind)
        self._written: StepRecord | None = None
        self._began: float | None = None

    def begin(self) -> None:
        """It waits from now on, as far as nothing is recorded of it."""
        self._began = self.run_attempt.host.clock.timestamp()

    async def put(
        self,
        status: StepStatus,
        *also: HolderOperation,
        result: bytes | None = None,
        failure: Failure | None = None,
        due_at: datetime | None = None,
        before: StepRecord | None = None,
        inbox: int | None = None,
    ) -> None:
        """Commit the call's record, with other operations."""
        record = self.note(status, result=result, failure=failure, due_at=due_at, before=before)
        await self.run_attempt.commit(PutStep(record, inbox), *also)

    def note(
        self,
        status: StepStatus,
        *,
        result: bytes | None = None,
        failure: Failure | None = None,
        due_at: datetime | None = None,
        before: StepRecord | None = None,
    ) -> StepRecord:
        """The call's record, noted as written: to be committed at once."""
        now, before = self.run_attempt.host.clock.timestamp(), before or self._written
        self._written = record = StepRecord(
            position=self.position,
            number=self.run_attempt.replay.number_of(self.position),
            name=self.name,
            kind=self.kind,
            status=status,
            result=result,
            failure=failure,
            started=before.started if before else self._began or now,
            completed=None if status == "running" else now,
            due=epoch(due_at) if due_at else before and before.due,
        )
        self.run_attempt.replay.written[self.position] = record
        return record
