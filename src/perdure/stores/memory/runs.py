"""Runs in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

import msgspec

from perdure.core.children import next_key
from perdure.core.records import Loaded, RunRecord, RunStatus
from perdure.core.states import ENDED, OWNED, RunCause
from perdure.errors import InboxMoved, RunInputMismatch, RunStateWrong
from perdure.stores import topics
from perdure.stores.memory.copies import detached
from perdure.stores.memory.edges import find, follow, move
from perdure.stores.memory.state import State
from perdure.stores.memory.steps import steps_of
from perdure.stores.memory.streams import head_of
from perdure.stores.memory.tables import Table
from perdure.stores.port import (
    CancelRun,
    Created,
    CreateRun,
    DeleteRun,
    FinishRun,
    ReleaseRun,
    RestartRun,
    SealRun,
    SuspendRun,
)

_ENDINGS: dict[RunStatus, RunCause] = {"completed": "complete", "failed": "fail", "cancelled": "seal"}


def create_run(state: State, operation: CreateRun) -> Created:
    """Apply CreateRun."""
    run_id, at = operation.run_id, operation.at
    known = state.runs.get(run_id)
    if known is not None:
        if known.manifest_hash != operation.manifest_hash:
            raise RunInputMismatch(run_id, known.manifest_hash, operation.manifest_hash)
        return Created(known, existed=True)
    given = {name: getattr(operation, name) for name in CreateRun.__struct_fields__ if name not in {"manifest", "at"}}
    run = RunRecord(**given, status="queued", due_at=at, created_at=at, updated_at=at)
    state.runs[run_id] = run
    state.manifests[run_id] = operation.manifest
    state.steps[run_id] = Table(state.undo)
    state.events[run_id] = Table(state.undo)
    state.logs[run_id] = Table(state.undo)
    follow(state, None, run, at)
    return Created(run, existed=False)


def suspend_run(state: State, operation: SuspendRun) -> None:
    """Apply SuspendRun."""
    run = find(state, operation.run_id)
    if run.inbox != operation.inbox:
        raise InboxMoved(run.run_id)
    waits = {"due_at": operation.due_at, "waiting_for": operation.waiting_for}
    move(state, run, "suspend", operation.at, worker_id=None, **waits)


def release_run(state: State, operation: ReleaseRun) -> None:
    """Apply ReleaseRun."""
    run = find(state, operation.run_id)
    move(state, run, "release", operation.at, worker_id=None, due_at=operation.at)


def finish_run(state: State, operation: FinishRun) -> None:
    """Apply FinishRun."""
    run, cause = find(state, operation.run_id), _ENDINGS.get(operation.status)
    if cause is None:
        raise RunStateWrong(run.run_id, run.status, f"{operation.status} is no end")
    ending = {"result": operation.result, "failure": operation.failure, "outcome": operation.outcome}
    move(state, run, cause, operation.at, **ending)


def cancel_run(state: State, operation: CancelRun) -> RunRecord:
    """Apply CancelRun. Parents come before their children, whose ends they must not wake up for."""
    cancelled = _cancel(state, find(state, operation.run_id), operation)
    parents = [operation.run_id]
    for parent_id in parents:
        children = [run for run in state.runs.values() if run.parent_id == parent_id]
        for child in children:
            _cancel(state, state.runs[child.run_id], operation)
            parents.append(child.run_id)
    return cancelled


def _cancel(state: State, run: RunRecord, operation: CancelRun) -> RunRecord:
    changes = {"inbox": run.inbox + 1, "cancel_reason": operation.reason or None}
    if run.status in ENDED or run.status == "cancelling":
        return run
    if run.status in OWNED:
        return move(state, run, "cancel_owned", operation.at, cancel_by=operation.cancel_by, **changes)
    return move(state, run, "cancel", operation.at, **changes)


def seal_run(state: State, operation: SealRun) -> RunRecord:
    """Apply SealRun."""
    run = find(state, operation.run_id)
    if run.status != "cancelling" or run.cancel_by is None or operation.at < run.cancel_by:
        return run
    return move(state, run, "seal", operation.at, token=run.token + 1)


def restart_run(state: State, operation: RestartRun) -> RunRecord:
    """Apply RestartRun."""
    run = find(state, operation.run_id)
    steps = state.steps[run.run_id]
    for position in operation.reopen:
        step = steps.get(position)
        if step is not None and step.status == "failed":
            at = operation.at.timestamp()
            steps[position] = msgspec.structs.replace(step, status="running", retry=at, completed=None)
    anew = {"due_at": operation.at, "takeovers": 0, "inbox": run.inbox + 1, "parent_key": next_key(run.parent_key)}
    return move(state, run, "restart", operation.at, failure=None, outcome=None, completed_at=None, **anew)


def delete_run(state: State, operation: DeleteRun) -> None:
    """Apply DeleteRun."""
    run = find(state, operation.run_id)
    if run.status not in ENDED:
        raise RunStateWrong(run.run_id, run.status, "cancel it first")
    erase(state, run)


def erase(state: State, run: RunRecord) -> None:
    """Remove a run with everything that is its own, whatever its status."""
    for table in (state.runs, state.manifests, state.steps, state.events, state.logs):
        del table[run.run_id]
    for question_id in [one.question_id for one in state.questions.values() if one.run_id == run.run_id]:
        del state.questions[question_id]
    state.news.update(topics.of_deletion(run))


def loaded(state: State, run: RunRecord) -> Loaded:
    """A run with what its replay needs."""
    steps, events = steps_of(state, run.run_id), state.events[run.run_id]
    return Loaded(run, state.manifests[run.run_id], tuple(steps), tuple(events.values()), head_of(state, run.run_id))


class Runs:
    """Reading runs."""

    def __init__(self, look: Callable[[], State]) -> None:
        self._look = look

    async def get(self, run_id: str) -> RunRecord | None:
        return detached(self._look().runs.get(run_id))

    async def load(self, run_id: str) -> Loaded | None:
        state = self._look()
        run = state.runs.get(run_id)
        return detached(loaded(state, run)) if run else None

    async def status(self, run_id: str) -> RunStatus | None:
        run = self._look().runs.get(run_id)
        return run.status if run else None

    async def inboxes(self, run_ids: Sequence[str]) -> dict[str, int]:
        runs = self._look().runs
        return {run_id: runs[run_id].inbox for run_id in run_ids if run_id in runs}

    async def overdue(self, at: datetime) -> list[str]:
        runs = self._look().runs.values()
        cancelling = [run for run in runs if run.status == "cancelling"]
        return [run.run_id for run in cancelling if run.cancel_by is not None and run.cancel_by <= at]

    async def list(
        self,
        *,
        status: tuple[RunStatus, ...] = (),
        workflow: str | None = None,
        queue: str | None = None,
        thread_id: str | None = None,
        parent_id: str | None = None,
        before: tuple[datetime, str] | None = None,
        limit: int = 100,
    ) -> list[RunRecord]:
        wanted = {"workflow": workflow, "queue": queue, "thread_id": thread_id, "parent_id": parent_id}
        found = [
            run
            for run in self._look().runs.values()
            if all(value is None or getattr(run, name) == value for name, value in wanted.items())
            and (not status or run.status in status)
            and (before is None or (run.created_at, run.run_id) < before)
        ]
        found.sort(key=lambda run: (run.created_at, run.run_id), reverse=True)
        return [detached(msgspec.structs.replace(run, result=None)) for run in found[:limit]]
