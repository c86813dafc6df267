"""In which groups a row stands, and where in each: what the indexes of a store on SQLite are for it.

A list of rows of every tenant has groups of its own, since nobody knows the names of all tenants.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from perdure.core.messages import Message
from perdure.core.records import EventRecord, Question, RunRecord
from perdure.core.states import ENDED, run_after
from perdure.core.suspicion import must_be_alone
from perdure.core.threads import ThreadEvent, ThreadRecord, TurnRecord
from perdure.stores.memory.index import Group, Place
from perdure.stores.port import EVERY_TENANT

Places = Iterator[tuple[Group, Place]]


class PartRow(NamedTuple):
    """A part of a message, as JSON, so that one of an unknown kind goes the way of all others."""

    message_id: str
    place: int
    version: int
    body: bytes


def of_run(run: RunRecord) -> Places:
    """For claims, timers, owners, parents, keys, cancels and lists."""
    newest = (run.created_at, run.run_id)
    for tenant in (run.tenant, EVERY_TENANT):
        yield ("list", tenant, run.status, None), newest
        yield ("list", tenant, run.status, run.workflow), newest
    if run.thread_id is not None:
        yield ("thread", run.thread_id), newest
    if run.parent_id is not None:
        yield ("children", run.parent_id), newest
    if run.cancels_children:
        yield ("cancels children",), ()
    if run.ticket is not None:
        yield ("ticket", run.tenant, run.key), (run.ticket,)
    yield from _of_lease(run)
    yield from _of_status(run)


def _of_status(run: RunRecord) -> Places:
    if run.status not in ENDED:
        yield ("open", run.queue, run.status), ()
        if run.parent_id is not None and run.status != "cancelling":
            yield ("open children", run.tenant, run.parent_id), ()
    if run.status == "cancelling" and run.cancel_until is not None:
        yield ("cancelling",), (run.cancel_until,)
    if run.is_parked:
        yield ("parked",), (run.created_at, run.run_id, run.tenant or "")


def _of_lease(run: RunRecord) -> Places:
    """Who has it, or since when somebody may."""
    is_claimable = run_after(run.status, "claim") is not None
    if run.worker_id is not None:
        yield ("owned", run.worker_id), (run.leased_at or 0.0,)
        if run.suspicion is not None:
            yield ("suspects", run.worker_id), ()
    elif run.ready_at is not None:
        if is_claimable:
            yield ("ready", run.queue, run.workflow), (run.ready_at,)
        if must_be_alone(run):
            yield ("alone", run.queue, run.workflow), (run.ready_at,)
    if run.due_at is not None and is_claimable:
        yield ("due", run.queue, run.workflow), (run.due_at,)


def of_event(event: EventRecord) -> Places:
    """For an event of a key, and for that of one emit in a channel."""
    yield ("key", event.key), (event.seq,)
    yield ("emit", event.key, event.emit_id), (event.seq,)


def of_question(question: Question) -> Places:
    """For lists, and for what a run has asked."""
    is_open = question.answered_at is None and question.closed_at is None
    for tenant in (question.tenant, EVERY_TENANT):
        yield ("list", tenant), (question.asked_at,)
        yield ("run", tenant, question.run_id), (question.asked_at,)
        if is_open:
            yield ("open", tenant), (question.asked_at,)


def of_thread(thread: ThreadRecord) -> Places:
    """For lists."""
    newest = (thread.created_at, thread.thread_id)
    for tenant in (thread.tenant, EVERY_TENANT):
        yield ("list", tenant, None, None), newest
        yield ("list", tenant, thread.owner, None), newest
        yield ("list", tenant, None, thread.agent), newest
        yield ("list", tenant, thread.owner, thread.agent), newest


def of_turn(turn: TurnRecord) -> Places:
    """For the turn of a run."""
    yield ("run", turn.run_id), ()


def of_thread_event(event: ThreadEvent) -> Places:
    """For an event by its id."""
    yield ("id", event.event_id), ()


def of_message(message: Message) -> Places:
    """For those of a turn, and for one that a client has sent."""
    yield ("turn", message.turn), (message.place,)
    if message.client_id is not None:
        yield ("client", message.client_id), ()


def of_part(part: PartRow) -> Places:
    """For those of a message."""
    yield ("message", part.message_id), (part.place,)


def of_tombstone(until: datetime) -> Places:
    """For those that may go."""
    yield ("until",), (until,)
