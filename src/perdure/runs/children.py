"""Child runs: started by a run, cancelled with it, and waited for like an event."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

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
    from perdure.runs.attempt import Attempt
    from perdure.runs.branch import Branch
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
        attempt: Attempt,
        position: str,
        workflow: Workflow[..., Value],
        args: tuple[Value, ...],
        kwargs: dict[str, Value],
    ) -> None:
        super().__init__(attempt, position, workflow.name, "child")
        self._workflow = workflow
        self._args = args
        self._kwargs = kwargs

    async def run(self, branch: Branch) -> str:  # noqa: ARG002 - runs no user code
        record = self.run_attempt.visit(self)
        if record is not None:
            return decode(record.result or b"null", str)
        create = self._create()
        await self.put("completed", create, result=encode(create.run_id))
        return create.run_id

    def _create(self) -> CreateRun:
        parent = self.run_attempt.run
        manifest = self._workflow.manifest(self._args, self._kwargs, project_id=parent.project_id, tenant=parent.tenant)
        return creation(
            self._workflow,
            manifest,
            run_id=child_id(parent, self.position),
            at=self.run_attempt.now(),
            parent=(parent.run_id, f"child:{self.position}"),
        )


class ChildResult(Recorded[Value]):
    """Waiting for a child's end."""

    __slots__ = ("_as", "_started_at")

    def __init__(self, attempt: Attempt, position: str, name: str, started_at: str, as_: Value) -> None:
        super().__init__(attempt, position, name, "child_result")
        self._started_at = started_at
        self._as = as_

    async def run(self, branch: Branch) -> Value:  # noqa: ARG002 - a wait runs no user code
        record = self.run_attempt.visit(self)
        if record is not None and record.status == "completed":
            return decode(record.result or b"null", self._as)
        if record is not None and record.status == "failed":
            raise _failed(record.failure, self.position)
        key = await self._key(reopened=record is not None)
        event = self.run_attempt.events.get(key) or await park_for(self.run_attempt, self.position, key, key)
        outcome = child_outcome(event.payload)
        if outcome.status == "completed":
            await self.put("completed", result=bytes(outcome.result), before=record)
            return decode(bytes(outcome.result), self._as)
        failure = outcome.failure or Failure(cause_type="Cancelled", message="it was cancelled")
        failure = msgspec.structs.replace(failure, data={"run_id": outcome.run_id, "status": outcome.status})
        await self.put("failed", failure=failure, before=record)
        raise _failed(failure, self.position)

    async def _key(self, *, reopened: bool) -> str:
        """The event of the child's end; a child that was restarted ends under another one."""
        key = f"child:{self._started_at}"
        if not reopened:
            return key
        run_id = child_id(self.run_attempt.run, self._started_at)
        child = await self.run_attempt.read(lambda store: store.runs.get(run_id))
        return (child.parent_key if child else None) or key


def _failed(failure: Failure | None, position: str) -> ChildFailed:
    known = failure or Failure(cause_type="Unknown", message="the record holds no failure")
    of_child: dict[str, str] = known.data or {}
    return ChildFailed(
        of_child.get("run_id", ""),
        of_child.get("status", "failed"),
        known.cause_type,
        known.message,
        position,
        known.code,
    )
