"""Runs: made, cancelled, sealed, restarted, failed, deleted, by anybody."""

from __future__ import annotations

from datetime import datetime

import msgspec

from perdure.core import topics
from perdure.core.decisions.changes import UpdateMessage, WriteQuestion, WriteStep, WriteTombstone
from perdure.core.decisions.draft import Decision, Draft
from perdure.core.decisions.keys import acquire
from perdure.core.decisions.reads import GetChildren, GetLeaseTime, GetMessage, GetSteps, GetUnanswered, HasTombstone
from perdure.core.decisions.transitions import tell_parent, transition
from perdure.core.messages import Message
from perdure.core.operations.runs import (
    CancelChildren,
    CancelRun,
    CreateRun,
    DeleteRun,
    FailRun,
    RestartRun,
    SealRun,
)
from perdure.core.records import TOMBSTONE_FOR, RunRecord, StepRecord
from perdure.core.states import ENDED, OWNED, RunCause
from perdure.core.values import Value
from perdure.errors import Deleted, RunInputMismatch, RunNotFound, RunStateWrong, TurnSuperseded

PARENT_CANCELLED = "its parent was cancelled"
THREAD_DELETED = "its thread was deleted"
ALL = 2**31
WITHIN = 5.0
"""Units: seconds of lease time, for a child of a run that is deleted."""


def is_same(known: RunRecord, operation: CreateRun) -> bool:
    """Whether a run that is there is the one that is asked for: of the same input, and a child only of its parent."""
    is_child = operation.parent_id is None or _child_of(known) == _child_of(operation)
    return known.manifest_hash == operation.manifest_hash and is_child


def _child_of(run: RunRecord | CreateRun) -> tuple[str | None, str | None]:
    return run.parent_id, run.parent_key


def mismatch(known: RunRecord, operation: CreateRun) -> RunInputMismatch:
    """What is said of a run that is there, and is not the one that is asked for."""
    found, given = known.manifest_hash, operation.manifest_hash
    parent_id = operation.parent_id if found == given else None
    return RunInputMismatch(
        known.run_id, found, given, workflow=known.workflow, given_workflow=operation.workflow, parent_id=parent_id
    )


def create_run(
    draft: Draft, operation: CreateRun, *, turn: int | None = None, reply_id: str | None = None
) -> Decision[RunRecord]:
    """Decide CreateRun; as a turn of a thread where its number is given."""
    known = yield from draft.find_run(operation.tenant, operation.run_id)
    if known is not None:
        if not is_same(known, operation):
            raise mismatch(known, operation)
        if operation.parent_id is not None and known.status in ENDED:
            # nobody else would tell it: it may have ended as the child of a run of this id that was deleted since
            yield from tell_parent(draft, known, operation.at)
        return known
    if (yield HasTombstone(operation.tenant, "run", operation.run_id)):
        raise Deleted("run", operation.run_id)
    run = new_run(operation, turn=turn, reply_id=reply_id)
    if run.key is not None:
        run = msgspec.structs.replace(run, **(yield from acquire(draft, run)))
    draft.insert_run(run, operation.manifest)
    draft.topics.update(topics.of_change(None, run))
    return run


def new_run(operation: CreateRun, *, turn: int | None = None, reply_id: str | None = None) -> RunRecord:
    """The run that CreateRun makes, before it has its concurrency key."""
    at = operation.at
    return RunRecord(
        run_id=operation.run_id,
        tenant=operation.tenant,
        workflow=operation.workflow,
        status="queued",
        queue=operation.queue,
        project_id=operation.project_id,
        scenario_id=operation.scenario_id,
        version=operation.version,
        manifest_hash=operation.manifest_hash,
        seed=operation.seed,
        tags=operation.tags,
        ready_at=at,
        parent_id=operation.parent_id,
        parent_key=operation.parent_key,
        thread_id=operation.thread_id,
        turn=turn,
        reply_id=reply_id,
        key=operation.key,
        hold=operation.hold,
        created_at=at,
        updated_at=at,
    )


def cancel_run(draft: Draft, operation: CancelRun) -> Decision[RunRecord]:
    """Decide CancelRun."""
    run = yield from draft.get_run(operation.tenant, operation.run_id)
    if operation.life is not None and run.life != operation.life:
        return run
    return (yield from _cancel(draft, run, operation.at, operation.within, operation.reason or None))


def _cancel(draft: Draft, run: RunRecord, at: datetime, within: float, reason: str | None) -> Decision[RunRecord]:
    if run.status in ENDED or run.status == "cancelling":
        return run
    fields: dict[str, Value] = {"inbox": run.inbox + 1, "cancel_reason": reason}
    if run.worker_id is None:
        fields["failure"] = None  # of one that was parked
    if run.worker_id is None and not run.cleans_up:
        return (yield from transition(draft, run, "cancel", at, **fields))
    lease_now, _ = yield GetLeaseTime()
    fields["cancel_until"] = lease_now + within
    if run.worker_id is not None:
        cancelling = yield from transition(draft, run, "cancel_owned", at, **fields)
    else:  # nobody has it, but it cleans up: a worker claims it for that
        fields |= {"ready_at": at, "due_at": None, "ticket": None, "waiting_for": ()}
        cancelling = yield from transition(draft, run, "cancel_cleanup", at, **fields)
    if not cancelling.cancels_children and (yield GetChildren(cancelling, 1)):
        cancelling = draft.change_run(cancelling, cancels_children=True)
    return cancelling


def cancel_children(draft: Draft, operation: CancelChildren) -> Decision[bool]:
    """Decide CancelChildren."""
    run = yield from draft.find_run(operation.tenant, operation.run_id)
    if run is None or not run.cancels_children:
        return False
    children: list[RunRecord] = yield GetChildren(run, operation.limit + 1)
    reason = run.cancel_reason or PARENT_CANCELLED
    for child in children[: operation.limit]:
        yield from _cancel(draft, draft.know(child), operation.at, operation.within, reason)
    if len(children) > operation.limit:
        return True
    # a child whose end came to this run has changed its row
    run = yield from draft.get_run(operation.tenant, operation.run_id)
    draft.change_run(run, cancels_children=False)
    return False


def seal_run(draft: Draft, operation: SealRun) -> Decision[RunRecord]:
    """Decide SealRun."""
    run = yield from draft.get_run(operation.tenant, operation.run_id)
    if run.status != "cancelling" or run.cancel_until is None:
        return run
    lease_now, _ = yield GetLeaseTime()
    if lease_now < run.cancel_until:
        return run
    return (yield from transition(draft, run, "seal", operation.at, token=run.token + 1))


def restart_run(draft: Draft, operation: RestartRun) -> Decision[RunRecord]:
    """Decide RestartRun."""
    run, at = (yield from draft.get_run(operation.tenant, operation.run_id)), operation.at
    if run.life >= operation.life:
        return run
    yield from _check_at_head(draft, run)
    steps: list[StepRecord] = (yield GetSteps(run, operation.reopen)) if operation.reopen else []
    for step in steps:
        if step.status == "failed":
            failure = msgspec.structs.replace(step.failure, failed=0) if step.failure is not None else None
            reopened = msgspec.structs.replace(
                step, status="running", retry=at.timestamp(), completed=None, failure=failure
            )
            draft.add(WriteStep(run, reopened))
    if run.reply_id is not None and run.thread_id is not None:
        message: Message | None = yield GetMessage(run.tenant, run.thread_id, run.reply_id)
        if message is not None:
            draft.add(UpdateMessage(message, at, message.version, status="streaming"))
            draft.topics.add(topics.thread(run.tenant, run.thread_id))
    for question in (yield GetUnanswered(run)):
        draft.add(WriteQuestion(msgspec.structs.replace(question, closed_at=None)))
        draft.topics.add(topics.QUESTIONS)
    fields = {"life": operation.life, "inbox": run.inbox + 1, "ready_at": at, "cancels_children": False}
    cleared = {"failure": None, "outcome": None, "completed_at": None, "suspicion": None, "cancel_reason": None}
    if run.key is not None:
        fields |= yield from acquire(draft, run)
    return (yield from transition(draft, run, "restart", at, **fields, **cleared))


def _check_at_head(draft: Draft, run: RunRecord) -> Decision[None]:
    """A thread has one turn at a time: only the one at its head is executed. Raises: TurnSuperseded."""
    if run.status != "failed" or run.thread_id is None or run.turn is None:
        return
    thread = yield from draft.find_thread(run.tenant, run.thread_id)
    if thread is not None and thread.head != run.turn:
        raise TurnSuperseded(run.run_id, thread.thread_id, run.turn, thread.head)


def fail_run(draft: Draft, operation: FailRun) -> Decision[RunRecord]:
    """Decide FailRun."""
    run = yield from draft.get_run(operation.tenant, operation.run_id)
    if run.status in ENDED:
        return run
    if run.worker_id is not None:
        raise RunStateWrong(run.run_id, run.status, "a worker has it; cancel it")
    return (yield from transition(draft, run, "fail", operation.at, failure=operation.failure))


def delete_run(draft: Draft, operation: DeleteRun) -> Decision[None]:
    """Decide DeleteRun."""
    tenant, run_id, at = operation.tenant, operation.run_id, operation.at
    run = yield from draft.find_run(tenant, run_id)
    if run is None:
        if (yield HasTombstone(tenant, "run", run_id)):
            return
        raise RunNotFound(run_id)
    if run.status not in ENDED:
        raise RunStateWrong(run_id, run.status, "cancel it first")
    if run.cancels_children:
        raise RunStateWrong(run_id, run.status, "its children are being cancelled")
    erase_run(draft, run)
    draft.add(WriteTombstone(tenant, "run", run_id, at, at + TOMBSTONE_FOR))


def end_and_erase(draft: Draft, run: RunRecord, at: datetime) -> Decision[None]:
    """Remove a run, whatever its status; one that has not ended is cancelled first, with its children."""
    if run.status not in ENDED:
        cause: RunCause = "seal" if run.status in OWNED else "cancel"
        fields = {"token": run.token + 1, "cancel_reason": THREAD_DELETED}
        run = yield from transition(draft, run, cause, at, **fields)
    if run.cancels_children:
        children: list[RunRecord] = yield GetChildren(run, ALL)
        for child in children:
            yield from _cancel(draft, draft.know(child), at, WITHIN, PARENT_CANCELLED)
    erase_run(draft, (yield from draft.get_run(run.tenant, run.run_id)))


def erase_run(draft: Draft, run: RunRecord) -> None:
    """Remove a run that has ended."""
    draft.remove_run(run)
    draft.topics.update(topics.of_deletion(run))
