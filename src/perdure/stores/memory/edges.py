"""One way to change a run's status: by an edge of the table, with everything that follows from it."""

from __future__ import annotations

from datetime import datetime

import msgspec

from perdure.core.children import outcome_payload
from perdure.core.records import EventRecord, RunRecord
from perdure.core.states import ENDED, RunCause, run_after
from perdure.core.threads import ThreadEvent, status_edge
from perdure.core.values import Value
from perdure.errors import RunNotFound, RunStateWrong
from perdure.stores import topics
from perdure.stores.memory.state import State


def find(state: State, run_id: str) -> RunRecord:
    """The run. Raises: RunNotFound."""
    run = state.runs.get(run_id)
    if run is None:
        raise RunNotFound(run_id)
    return run


def move(state: State, run: RunRecord, cause: RunCause, at: datetime, **changes: object) -> RunRecord:
    """Take an edge, with changes to other fields. Raises: RunStateWrong where the table has no such edge."""
    status = run_after(run.status, cause)
    if status is None:
        raise RunStateWrong(run.run_id, run.status, f"cannot {cause} a run that is {run.status}")
    if status in ENDED:
        changes |= {"worker_id": None, "due_at": None, "waiting_for": (), "completed_at": at}
    after = msgspec.structs.replace(run, status=status, updated_at=at, **changes)
    state.runs[run.run_id] = after
    follow(state, run, after, at)
    return after


def follow(state: State, before: RunRecord | None, after: RunRecord, at: datetime) -> None:
    """What follows from a new run, or from an edge: news, the thread's event, and the outcome to the parent."""
    state.news.update(topics.of_edge(before, after))
    turns = state.turns.get(after.thread_id or "")
    latest = next(reversed(turns), None) if turns else None
    if after.thread_id is not None and turns and latest is not None and turns[latest] == after.run_id:
        body = status_edge(before or state.runs.get(turns.get(latest - 1, "")), after, latest)
        if body is not None:
            add_thread_event(state, after.thread_id, "status", body, at)
    if after.status in ENDED and after.parent_id is not None and after.parent_key is not None:
        deliver(state, after.parent_id, after.parent_key, outcome_payload(after), at)


def deliver(state: State, run_id: str, key: str, payload: bytes, at: datetime, by: str | None = None) -> bool:
    """Put an event into a run's inbox and wake it; false where the key is taken. A run that is gone gets nothing."""
    run = state.runs.get(run_id)
    if run is None or key in state.events[run_id]:
        return False
    state.events[run_id][key] = EventRecord(run_id=run_id, key=key, payload=payload, emitted_at=at, by=by)
    if run_after(run.status, "wake"):
        move(state, run, "wake", at, inbox=run.inbox + 1, due_at=at, waiting_for=())
    else:
        state.runs[run_id] = msgspec.structs.replace(run, inbox=run.inbox + 1, updated_at=at)
        state.news.add(topics.run(run_id))
    return True


def add_thread_event(state: State, thread_id: str, kind: str, body: dict[str, Value], at: datetime) -> ThreadEvent:
    """Append an event to a thread."""
    events = state.thread_events[thread_id]
    event = ThreadEvent(thread_id=thread_id, seq=len(events) + 1, kind=kind, body=body, at=at)
    events[event.seq] = event
    state.news.add(topics.thread(thread_id))
    return event
