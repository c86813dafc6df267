"""A thread: a conversation, the tree of its turns, and what others did to it."""

from __future__ import annotations

from datetime import datetime

import msgspec

from perdure.core.failures import Failure
from perdure.core.records import RunRecord
from perdure.core.states import ThreadStatus, thread_status
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
    `reason` is why the turn at the head was stopped or failed; `finish_reason` the provider's word for its last step.
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


def status_edge(before: RunRecord | None, after: RunRecord, turn: int) -> dict[str, Value] | None:
    """The body of the `status` event that a run's change of status makes in its thread; None where it makes none.

    Shape: `before` is the run that the thread's status came from until now: this one as it was, for a new turn the
    run at the head before, None where there was none.
    """
    old = thread_status(before.status, before.waiting_for) if before else thread_status(None)
    new = thread_status(after.status, after.waiting_for)
    if old == new:
        return None
    body: dict[str, Value] = {"from": old, "to": new, "turn": turn, "run_id": after.run_id}
    if after.failure is not None:
        body["reason"] = after.failure.reason
        body["error"] = after.failure.message
    elif after.cancel_reason:
        body["reason"] = after.cancel_reason
    return body
