"""Child runs: started by a run, cancelled with it, and waited for like an event."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import msgspec

from perdure.core import keys
from perdure.core.children import child_outcome
from perdure.core.failures import Failure
from perdure.core.ids import MAX_ID_BYTES, idempotency_key
from perdure.core.operations import CreateRun
from perdure.core.records import RunRecord
from perdure.core.values import Value, decode, encode
from perdure.errors import ChildFailed, SettingInvalid
from perdure.runs.fitting import recorded
from perdure.runs.recorded import Recorded
from perdure.runs.start_options import NO_OPTIONS, StartOptions
from perdure.runs.starting import creation
from perdure.runs.waits import park_for

if TYPE_CHECKING:
    from perdure.runs.attempt import Attempt
    from perdure.runs.branch import Branch
    from perdure.runs.workflow import Workflow, WorkflowByName

T = TypeVar("T")


def child_id(parent: RunRecord, position: str) -> str:
    """A child's id: the parent's and the position, hashed where that is too long for an id."""
    readable = f"{parent.run_id}/{position}"
    fits = len(readable.encode()) <= MAX_ID_BYTES
    return readable if fits else f"child_{idempotency_key(parent.tenant, parent.run_id, position)}"


class ChildCall(Recorded[T]):
    """Starting a child run: its id, the same on every replay, and the handle that is made of it."""

    __slots__ = ("_args", "_kwargs", "_made", "_workflow")

    def __init__(
        self,
        attempt: Attempt,
        position: str,
        workflow: Workflow[..., Value] | WorkflowByName,
        args: tuple[Value, ...],
        kwargs: dict[str, Value],
        made: Callable[[str, str], T],
    ) -> None:
        """Shape: `made` gives the handle from the child's id and the position."""
        super().__init__(attempt, position, workflow.name, "child")
        self._workflow = workflow
        self._args = args
        self._kwargs = kwargs
        self._made = made

    async def run(self, branch: Branch) -> T:  # noqa: ARG002 - runs no user code
        record = self.run_attempt.visit(self)
        if record is not None:
            return self._made(decode(record.result or b"null", str), self.position)
        create = self._create()
        await self.put("completed", create, result=encode(create.run_id))
        return self._made(create.run_id, self.position)

    def _create(self) -> CreateRun:
        parent = self.run_attempt.run
        options = self._workflow.options or NO_OPTIONS
        manifest = self._workflow.manifest(
            self._args,
            self._kwargs,
            project_id=parent.project_id,
            tenant=parent.tenant,
            scenario_id=options.scenario_id,
            tags=options.tags,
        )
        return creation(
            self._workflow,
            manifest,
            run_id=child_id(parent, self.position),
            at=self.run_attempt.now(),
            queue=options.queue,
            parent=(parent.run_id, keys.child(self.position)),
        )


def check_options_of_child(options: StartOptions | None) -> None:
    """Refuse what a child has from its parent. Raises: SettingInvalid."""
    for name in ("run_id", "project_id", "tenant"):
        if options is not None and getattr(options, name) != getattr(NO_OPTIONS, name):
            raise SettingInvalid(name, "a child has this from its parent; its options are queue, scenario_id and tags")


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
            return self._result(record.result or b"null")
        if record is not None and record.status == "failed":
            raise _failed(record.failure, self.position)
        self.begin()
        key = await self._key(reopened=record is not None)
        event = await park_for(self.run_attempt, self.position, key)
        outcome = child_outcome(event.payload)
        if outcome.status == "completed":
            await self.put("completed", result=bytes(outcome.result), before=record)
            return self._result(bytes(outcome.result))
        failure = outcome.failure or Failure(cause_type="Cancelled", message="it was cancelled")
        of_child = {"run_id": outcome.run_id, "status": outcome.status, "data": failure.data}
        failure = msgspec.structs.replace(failure, data=of_child)
        await self.put("failed", failure=failure, before=record)
        raise _failed(failure, self.position)

    def _result(self, data: bytes) -> Value:
        return recorded(self.run_attempt, self.position, f"result of child {self.name!r}", data, self._as)

    async def _key(self, *, reopened: bool) -> str:
        """The event of the child's end; a child that was restarted ends under another one.

        Whether it is under way again is asked of the child, where it is still there; which end was its last one, of
        the events that this run has itself: the child may have been deleted since.
        """
        last = 0
        while keys.child(self._started_at, last + 1) in self.run_attempt.events:
            last += 1
        if not reopened:
            return keys.child(self._started_at, last)
        parent = self.run_attempt.run
        run_id = child_id(parent, self._started_at)
        child = await self.run_attempt.read(lambda store: store.runs.get(run_id, tenant=parent.tenant))
        return keys.child(self._started_at, last if child is None else child.life)


def _failed(failure: Failure | None, position: str) -> ChildFailed:
    known = failure or Failure(cause_type="Unknown", message="the record holds no failure")
    of_child: dict[str, Value] = known.data or {}
    return ChildFailed(
        of_child.get("run_id", ""),
        of_child.get("status", "failed"),
        known.cause_type,
        known.message,
        position,
        known.code,
        of_child.get("data"),
        causes=known.causes,
    )
