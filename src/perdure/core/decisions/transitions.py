"""One way to change a run's status: by an edge of the table, with everything that follows from it.

What follows: the row's other columns; the concurrency key, which every end gives on; the thread's `status` event,
where the run is the turn at its thread's head; the end of the run's questions, and of the turn's message and its open
lanes, where its holder has not ended them; the outcome to the parent; the cancel of the children; the topics that
there is news of.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from perdure.core import topics
from perdure.core.children import outcome_payload
from perdure.core.decisions.changes import InsertEvent, WriteQuestion
from perdure.core.decisions.draft import Decision, Draft
from perdure.core.decisions.keys import acquire, release
from perdure.core.decisions.reads import GetChildren, GetEvent, GetLeaseTime, GetUnanswered
from perdure.core.decisions.thread_events import append_event
from perdure.core.decisions.turn_end import end_turn
from perdure.core.records import EventRecord, RunRecord
from perdure.core.states import ENDED, RunCause, run_after
from perdure.core.threads import status_edge
from perdure.core.values import Value
from perdure.errors import RunStateWrong


def transition(draft: Draft, run: RunRecord, cause: RunCause, at: datetime, **fields: Value) -> Decision[RunRecord]:
    """Take an edge, with changes to other fields. Raises: RunStateWrong where the table has no such edge."""
    status = run_after(run.status, cause)
    if status is None:
        raise RunStateWrong(run.run_id, run.status, f"there is no edge {cause} from there")
    fields |= {"status": status, "updated_at": at}
    if status in ENDED:
        fields |= ENDED_FIELDS | {"completed_at": at, "has_key": False}
    after = draft.change_run(run, **fields)
    if status in ENDED:
        after = yield from _end(draft, run, after, at)
    yield from _follow(draft, run, after, at)
    return after


ENDED_FIELDS: dict[str, Value] = {
    "worker_id": None,
    "leased_at": None,
    "claim_id": None,
    "ready_at": None,
    "due_at": None,
    "ticket": None,
    "waiting_for": (),
    "suspicion": None,
    "cancel_until": None,
}
"""What a run that has ended has, beside the instant of its end, and no concurrency key."""


def _follow(draft: Draft, before: RunRecord, after: RunRecord, at: datetime) -> Decision[None]:
    """The news of a run that took an edge, and its thread's status event."""
    draft.topics.update(topics.of_change(before, after))
    if after.thread_id is None or after.turn is None:
        return
    thread = yield from draft.find_thread(after.tenant, after.thread_id)
    if thread is None or thread.head != after.turn:
        return
    body = status_edge(before, after, after.turn)
    if body is not None:
        append_event(draft, thread, f"{after.run_id}:{after.token}:{after.inbox}:{after.status}", "status", body, at)


def _end(draft: Draft, before: RunRecord, after: RunRecord, at: datetime) -> Decision[RunRecord]:
    if before.has_key:
        yield from release(draft, after, at)
    yield from _close_questions(draft, after, at)
    if after.reply_id is not None:
        yield from end_turn(draft, after, at)
    if after.parent_id is not None and after.parent_key is not None:
        yield from tell_parent(draft, after, at)
    if after.status == "cancelled":
        return (yield from cancel_children_later(draft, after))
    return after


def _close_questions(draft: Draft, run: RunRecord, at: datetime) -> Decision[None]:
    for question in (yield GetUnanswered(run)):
        if question.closed_at is None:
            draft.add(WriteQuestion(msgspec.structs.replace(question, closed_at=at)))
            draft.topics.add(topics.QUESTIONS)


def cancel_children_later(draft: Draft, run: RunRecord) -> Decision[RunRecord]:
    """Remember that a run's children are to be cancelled, where it has any that have not ended."""
    if run.cancels_children or not (yield GetChildren(run, 1)):
        return run
    return draft.change_run(run, cancels_children=True)


def tell_parent(draft: Draft, run: RunRecord, at: datetime) -> Decision[None]:
    """A child's outcome, to its parent's inbox; a parent that is gone is told nothing."""
    assert run.parent_id is not None  # noqa: S101 - asked only for a child
    assert run.parent_key is not None  # noqa: S101
    parent = yield from draft.find_run(run.tenant, run.parent_id)
    if parent is not None:
        key = f"{run.parent_key}#{run.life + 1}" if run.life else run.parent_key
        yield from bring_in(draft, parent, key, outcome_payload(run), at, emit_id=f"{run.run_id}#{run.life}")


def bring_in(
    draft: Draft,
    run: RunRecord,
    key: str,
    payload: bytes,
    at: datetime,
    *,
    emit_id: str,
    by: str | None = None,
    many: bool = False,
) -> Decision[tuple[bool, EventRecord]]:
    """Put an event into a run's inbox, and wake the run where it waits for the key.

    Shape: whether it was accepted now or by an earlier landing, and the event that stays.
    """
    found: EventRecord | None = yield GetEvent(run, key, emit_id if many else None)
    if found is not None:
        return found.emit_id == emit_id, found
    seq = run.inbox + 1
    event = EventRecord(run_id=run.run_id, key=key, seq=seq, payload=payload, emitted_at=at, emit_id=emit_id, by=by)
    draft.add(InsertEvent(run, event, many))
    if run.status == "suspended" and key in run.waiting_for:
        yield from wake(draft, run, at, inbox=seq)
    else:
        draft.topics.update(topics.of_change(run, draft.change_run(run, inbox=seq, updated_at=at)))
    return True, event


def wake(draft: Draft, run: RunRecord, at: datetime, **fields: Value) -> Decision[RunRecord]:
    """Queue a suspended run: claimable at once, or once it has its concurrency key again."""
    fields |= {"due_at": None, "waiting_for": (), "ready_at": at}
    if run.key is not None and not run.has_key:
        fields |= yield from acquire(draft, run)
    return (yield from transition(draft, run, "wake", at, **fields))


def give_back(draft: Draft, run: RunRecord, at: datetime, **fields: Value) -> Decision[RunRecord]:
    """Queue a run that its worker gives back; one that is being cancelled ends, unless it may clean up still."""
    lease_now, _ = yield GetLeaseTime()
    cause: RunCause = "release_cleanup" if may_clean_up(run, lease_now) else "release"
    return (yield from transition(draft, run, cause, at, **FREED, ready_at=at, **fields))


def may_clean_up(run: RunRecord, lease_now: float) -> bool:
    """Whether a run that is being cancelled has functions to be called, and time left for them."""
    is_in_time = run.cancel_until is not None and lease_now < run.cancel_until
    return run.status == "cancelling" and run.cleans_up and is_in_time


FREED: dict[str, Value] = {"worker_id": None, "leased_at": None, "claim_id": None}
"""What a run without an owner has."""


def is_held_by(run: RunRecord, token: int) -> bool:
    """Whether a holder with this token may write: the fence. It compares columns of the run's own row, no time."""
    return run.token == token and run.worker_id is not None
