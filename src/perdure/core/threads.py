"""A thread: a conversation, the tree of its turns, and what others did to it."""

from __future__ import annotations

from datetime import datetime

import msgspec

from perdure.core.failures import Failure
from perdure.core.records import RunRecord
from perdure.core.states import RunStatus, ThreadStatus, thread_status, wait_reason
from perdure.core.values import Value


class TurnRef(msgspec.Struct, frozen=True):
    """A turn of a thread, by its number."""

    thread_id: str
    turn: int


class ThreadRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A thread; `status` and what follows it come from the run of the turn at its head.

    Shape: `head` is the turn that the next one follows, 0 for none; `root`, of a fork, is the turn of another thread
    that its first turns follow, and `forks` counts the threads whose root is here. `version` grows with each change
    of its row; turns and events get their numbers from `next_turn` and `next_event`.
    `reason` is why the turn at the head was stopped or failed, and `retry` where it waits for its next attempt alone;
    `waiting_until` is when a turn that waits goes on at the latest, None where only an event or an answer wakes it;
    `finish_reason` is the provider's word for its last step.
    """

    thread_id: str
    tenant: str | None = None
    agent: str
    owner: str | None = None
    title: str | None = None
    metadata: dict[str, Value] = {}
    settings: dict[str, Value] = {}
    created_at: datetime
    updated_at: datetime | None = None
    root: TurnRef | None = None
    forks: int = 0
    version: int = 0
    head: int = 0
    next_turn: int = 1
    next_event: int = 1
    run_id: str | None = None
    status: ThreadStatus = "idle"
    reason: str | None = None
    waiting_until: datetime | None = None
    failure: Failure | None = None
    finish_reason: str | None = None

    @property
    def turn(self) -> int:
        """The number of the turn at its head; 0 for none."""
        return self.head


class TurnRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One turn: its number in its thread, the turn that it follows (None for the root), and its run."""

    tenant: str | None = None
    thread_id: str
    turn: int
    parent: TurnRef | None = None
    run_id: str
    created_at: datetime


class ThreadEvent(msgspec.Struct, frozen=True, kw_only=True):
    """What happened to a thread from outside its turns' streams; `seq` is from 1, without gaps."""

    tenant: str | None = None
    thread_id: str
    seq: int
    event_id: str
    kind: str
    body: dict[str, Value] = {}
    at: datetime


def with_status(
    thread: ThreadRecord,
    status: RunStatus | None,
    *,
    waiting_for: tuple[str, ...] = (),
    due_at: datetime | None = None,
    failure: Failure | None = None,
    cancel_reason: str | None = None,
    finish_reason: str | None = None,
) -> ThreadRecord:
    """A thread with what the run of the turn at its head says; `status` is None where there is none."""
    return msgspec.structs.replace(
        thread,
        status=thread_status(status),
        reason=failure.reason if failure else cancel_reason or wait_reason(status, waiting_for),
        waiting_until=due_at if status == "suspended" else None,
        failure=failure,
        finish_reason=finish_reason,
    )


def status_edge(before: RunRecord | None, after: RunRecord, turn: int) -> dict[str, Value] | None:
    """The body of the `status` event that a run's change of status makes in its thread; None where it makes none.

    Shape: `before` is the run that the thread's status came from until now: this one as it was, for a new turn the
    run at the head before, None where there was none.
    """
    old, new = thread_status(before.status if before else None), thread_status(after.status)
    if old == new:
        return None
    body: dict[str, Value] = {"from": old, "to": new, "turn": turn, "run_id": after.run_id}
    if after.failure is not None:
        body["reason"] = after.failure.reason
        body["error"] = after.failure.message
    elif after.cancel_reason:
        body["reason"] = after.cancel_reason
    elif reason := wait_reason(after.status, after.waiting_for):
        body["reason"] = reason
    if after.status == "suspended" and after.due_at is not None:
        body["until"] = after.due_at.isoformat()
    return body
