"""A thread: a conversation, its turns in order, and what others did to it."""

from __future__ import annotations

from datetime import datetime

import msgspec

from perdure.core.failures import Failure
from perdure.core.records import RunRecord
from perdure.core.states import ThreadStatus, thread_status
from perdure.core.values import Value


class ThreadRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A thread; `status` and what follows it come from its latest turn's run.

    Shape: `reason` is why a turn was stopped or failed; `finish_reason` the provider's word for its last step.
    """

    thread_id: str
    agent: str
    owner: str | None = None
    title: str | None = None
    metadata: dict[str, Value] = {}
    settings: dict[str, Value] = {}
    created_at: datetime
    status: ThreadStatus = "idle"
    turn: int = 0
    run_id: str | None = None
    reason: str | None = None
    failure: Failure | None = None
    finish_reason: str | None = None


class ThreadEvent(msgspec.Struct, frozen=True, kw_only=True):
    """What happened to a thread from outside its turns' streams; the store assigns `seq`, from 1."""

    thread_id: str
    seq: int
    kind: str
    body: dict[str, Value] = {}
    at: datetime


def status_edge(before: RunRecord | None, after: RunRecord, turn: int) -> dict[str, Value] | None:
    """The body of the `status` event that a run's change of status makes in its thread; None where it makes none.

    Shape: `before` is the run that the thread's status came from until now: this one as it was, for a new turn the
    run of the turn before, None for the first turn.
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
