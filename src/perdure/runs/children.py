"""Child runs: started by a run, cancelled with it, and waited for like an event."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.core.children import child_outcome
from perdure.core.failures import Failure
from perdure.core.ids import MAX_ID_BYTES, idempotency_key
from perdure.core.records import RunRecord
from perdure.core.values import Value, decode, encode
from perdure.errors import ChildFailed
from perdure.runs.recorded import Recorded
from perdure.runs.starting import creation
from perdure.runs.waits import park_for

if TYPE_CHECKING:
    from perdure.runs.branch import Branch
    from perdure.runs.execution import Execution
    from perdure.runs.workflow import Workflow
    from perdure.stores.port import CreateRun


def child_id(parent: RunRecord, position: str) -> str:
    """A child's id: the parent's and the position, hashed where that is too long for an id."""
    readable = f"{parent.run_id}/{position}"
    fits = len(readable.encode()) <= MAX_ID_BYTES
    return readable if fits else f"child_{idempotency_key(parent.tenant, parent.run_id, position)}"


class ChildCall(Recorded[str]):
    """Starting a child run: its id, the same on every replay."""

    __slots__ = ("_args", "_kwargs", "_run_id", "_workflow")

    def __init__(
        self,
        execution: Execution,
        position: str,
        workflow: Workflow[..., Value],
        args: tuple[Value, ...],
        kwargs: dict[str, Value],
    ) -> None:
        super().__init__(execution, position, workflow.name, "child")
        self._workflow = workflow
        self._args = args
        self._kwargs = kwargs

    async def run(self, branch: Branch) -> str:  # noqa: ARG002 - runs no user code
        record = self.execution.visit(self)
        if record is not None:
            return decode(record.result or b"null", str)
        create = self._create()
        await self.put("completed", create, result=encode(create.run_id))
        return create.run_id

    def _create(self) -> CreateRun:
        parent = self.execution.run
        manifest = self._workflow.manifest(self._args, self._kwargs, project_id=parent.project_id, tenant=parent.tenant)
        return creation(
            self._workflow,
            manifest,
            run_id=child_id(parent, self.position),
            at=self.execution.now(),
            parent=(parent.run_id, f"child:{self.position}"),
        )


class ChildResult(Recorded[Value]):
    """Waiting for a child's end."""

    __slots__ = ("_as", "_started_at")

    def __init__(self, execution: Execution, position: str, name: str, started_at: str, as_: Value) -> None:
        super().__init__(execution, position, name, "child_result")
        self._started_at = started_at
        self._as = as_

    async def run(self, branch: Branch) -> Value:  # noqa: ARG002 - a wait runs no user code
        record = self.execution.visit(self)
        key = f"child:{self._started_at}"
        if record is not None and record.result is not None:
            payload = record.result
        else:
            event = self.execution.events.get(key) or await park_for(self.execution, self.position, key, key)
            payload = event.payload
            await self.put("completed", result=payload, before=record)
        outcome = child_outcome(payload)
        if outcome.status != "completed":
            failure = outcome.failure or Failure(cause_type="Cancelled", message="it was cancelled")
            raise ChildFailed(outcome.run_id, outcome.status, failure.cause_type, failure.message)
        return decode(bytes(outcome.result), self._as)
