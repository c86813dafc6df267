"""A holder's commit: the fence, its operations in order, and at most one end.

A commit of a holder whose lease is gone is looked at again: where each of its operations has landed already, or where
the commit's own end has, the answer is that of the first time. Otherwise it is refused, whatever was in it.

What is written to the rows of others may be gone when its commit lands again, though the lease still stands: they are
deleted by whoever likes. So such a commit is looked at first, and its own step says whether it has landed.
"""

from __future__ import annotations

from collections.abc import Callable

from perdure.core.decisions.draft import Decision, Draft
from perdure.core.decisions.events import emit_of
from perdure.core.decisions.keys import release
from perdure.core.decisions.landed import find_landed, outcomes_of
from perdure.core.decisions.messages import add_message, put_parts, set_message
from perdure.core.decisions.reads import WriteDraft
from perdure.core.decisions.runs import create_run
from perdure.core.decisions.steps import append_entries, ask, put_step, put_usage, replace_lane
from perdure.core.decisions.transitions import FREED, give_back, is_held_by, transition
from perdure.core.operations import (
    AddMessage,
    AppendEntries,
    Ask,
    CommitResult,
    CreateRun,
    Emit,
    FinishRun,
    HolderOperation,
    NoteCleanups,
    PutParts,
    PutStep,
    PutUsage,
    ReleaseRun,
    ReplaceLane,
    SetMessage,
    SuspendRun,
)
from perdure.core.records import Lease, RunRecord, RunStatus
from perdure.core.states import RunCause
from perdure.core.values import Value
from perdure.errors import InboxMoved, LeaseLost, RunStateWrong

_ENDINGS: dict[RunStatus, RunCause] = {"completed": "complete", "failed": "fail", "cancelled": "seal"}


def commit(draft: Draft, lease: Lease, operations: tuple[HolderOperation, ...]) -> Decision[CommitResult]:
    """Decide a holder's commit. Raises: LeaseLost, and what an operation refuses."""
    run = yield from draft.find_run(lease.tenant, lease.run_id)
    is_held = run is not None and is_held_by(run, lease.token)
    if run is not None and (not is_held or _is_told_by_its_step(operations)):
        landed = yield from find_landed(draft, run, lease, operations)
        if landed is not None:
            return landed
    if run is None or not is_held:
        raise LeaseLost(lease.run_id, lease.token)
    results = list[Value]()
    for number, operation in enumerate(operations):
        if number:
            yield WriteDraft()
            run = yield from draft.get_run(lease.tenant, lease.run_id)
        results.append((yield from decide_operation(draft, operation, run)))
    return tuple(results)


def _is_told_by_its_step(operations: tuple[HolderOperation, ...]) -> bool:
    """Whether a commit writes to rows that others may delete, and ends a step, which tells whether it has landed."""
    to_others = any(isinstance(operation, Emit | CreateRun) for operation in operations)
    return to_others and any(map(outcomes_of, operations))


def decide_operation(draft: Draft, operation: HolderOperation, run: RunRecord) -> Decision[Value]:
    """Decide one operation of a holder that may write. Raises: what the operation refuses."""
    match operation:
        case Emit():
            return (yield from emit_of(draft, operation, run))
        case CreateRun():
            return (yield from create_run(draft, operation))
        case _:
            yield from _OWN[type(operation)](draft, operation, run)
            return None


def _note_cleanups(draft: Draft, _: NoteCleanups, run: RunRecord) -> Decision[None]:
    if not run.cleans_up:
        draft.change_run(run, cleans_up=True)
    yield from ()


def _suspend(draft: Draft, operation: SuspendRun, run: RunRecord) -> Decision[None]:
    if run.inbox != operation.inbox:
        raise InboxMoved(run.run_id)
    if run.status == "cancelling":
        raise RunStateWrong(run.run_id, run.status, "end it")
    fields: dict[str, Value] = {
        "due_at": operation.due_at,
        "waiting_for": operation.waiting_for,
        "cleans_up": operation.cleans_up,
        "failure": operation.parked,
        "suspicion": None,
        "left_token": run.token,
    }
    if run.has_key and run.hold == "while_running":
        yield from release(draft, run, operation.at)
        fields["has_key"] = False
    yield from transition(draft, run, "suspend", operation.at, **FREED, **fields)


def _release(draft: Draft, operation: ReleaseRun, run: RunRecord) -> Decision[None]:
    yield from give_back(draft, run, operation.at, left_token=run.token)


def _finish(draft: Draft, operation: FinishRun, run: RunRecord) -> Decision[None]:
    cause = _ENDINGS.get(operation.status)
    if cause is None:
        raise RunStateWrong(run.run_id, run.status, f"{operation.status} is no end")
    if operation.inbox is not None and operation.inbox != run.inbox and run.status != "cancelling":
        raise InboxMoved(run.run_id)
    ending = {"result": operation.result, "failure": operation.failure, "outcome": operation.outcome}
    left = {"cleans_up": False, "left_token": run.token}
    yield from transition(draft, run, cause, operation.at, **left, **ending)


_OWN: dict[type, Callable[[Draft, Value, RunRecord], Decision[None]]] = {
    PutStep: put_step,
    AppendEntries: append_entries,
    ReplaceLane: replace_lane,
    PutParts: put_parts,
    SetMessage: set_message,
    PutUsage: put_usage,
    Ask: ask,
    AddMessage: add_message,
    NoteCleanups: _note_cleanups,
    SuspendRun: _suspend,
    ReleaseRun: _release,
    FinishRun: _finish,
}
