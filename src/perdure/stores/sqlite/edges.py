"""One way to change a run's status: by an edge of the table, with everything that follows from it.

What follows: the row's new columns, the thread's `status` event where the run is a turn and its thread's status
changes by it, the outcome emitted to the parent where the run ends, and the topics that there is news of.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import cast

import msgspec

from perdure.core.children import outcome_payload
from perdure.core.clock import epoch
from perdure.core.records import RunRecord
from perdure.core.states import ENDED, RunCause, run_after
from perdure.core.threads import status_edge
from perdure.core.values import Value
from perdure.errors import RunNotFound, RunStateWrong
from perdure.stores import topics
from perdure.stores.sqlite import rows
from perdure.stores.sqlite.driver import Cell
from perdure.stores.sqlite.transaction import Transaction

_BY_ID = f"SELECT {rows.RUN_COLUMNS}, result FROM runs WHERE run_id = ?"
_NEXT_EVENT = "SELECT coalesce(max(seq), 0) + 1 FROM thread_events WHERE thread_id = ?"
_ADD_EVENT = "INSERT INTO thread_events (thread_id, seq, kind, body, at) VALUES (?, ?, ?, ?, ?)"
_ADD = "INSERT INTO events (run_id, key, payload, emitted_at, emitted_by) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
_LATEST_TURN = (
    "SELECT turn FROM turns WHERE thread_id = ?1 AND run_id = ?2"
    " AND turn = (SELECT max(turn) FROM turns WHERE thread_id = ?1)"
)

_STORED: dict[str, Callable[[Value], Cell]] = {
    "waiting_for": rows.pack,
    "failure": rows.pack,
    "outcome": rows.pack,
    "due_at": epoch,
    "updated_at": epoch,
    "completed_at": epoch,
    "cancel_by": epoch,
}
_updates: dict[tuple[str, ...], str] = {}


def get(tx: Transaction, run_id: str) -> RunRecord:
    """The run. Raises: RunNotFound."""
    run = find(tx, run_id)
    if run is None:
        raise RunNotFound(run_id)
    return run


def find(tx: Transaction, run_id: str) -> RunRecord | None:
    """The run with its result, or None."""
    row = tx.row(_BY_ID, (run_id,))
    return rows.run_record(row, cast("bytes | None", row[-1])) if row else None


def move(tx: Transaction, run: RunRecord, cause: RunCause, at: datetime, **changes: Value) -> RunRecord:
    """Take an edge, with changes to other columns. Raises: RunStateWrong where the table has no such edge."""
    status = run_after(run.status, cause)
    if status is None:
        raise RunStateWrong(run.run_id, run.status, f"cannot {cause} a run that is {run.status}")
    if status in ENDED:
        changes |= {"worker_id": None, "due_at": None, "waiting_for": (), "completed_at": at}
    changes |= {"status": status, "updated_at": at}
    write(tx, run.run_id, changes)
    after = msgspec.structs.replace(run, **changes)
    follow(tx, run, after, at)
    return after


def write(tx: Transaction, run_id: str, changes: dict[str, Value]) -> None:
    """Write the columns that change, and no other: each one that is written is an entry less or more in its indexes."""
    names = tuple(changes)
    sql = _updates.get(names)
    if sql is None:
        sql = _updates[names] = f"UPDATE runs SET {', '.join(f'{name} = ?' for name in names)} WHERE run_id = ?"
    tx.run(sql, (*[_STORED[name](value) if name in _STORED else value for name, value in changes.items()], run_id))


def follow(tx: Transaction, before: RunRecord | None, after: RunRecord, at: datetime) -> None:
    """What follows from a change of status, in the same transaction."""
    tx.topics.update(topics.of_edge(before, after))
    if after.status in ENDED and after.parent_id is not None and after.parent_key is not None:
        deliver(tx, after.parent_id, after.parent_key, outcome_payload(after), at)
    if after.thread_id is not None:
        turn = tx.number(_LATEST_TURN, (after.thread_id, after.run_id))
        body = status_edge(before or _of_turn(tx, after.thread_id, turn - 1), after, turn) if turn else None
        if body is not None:
            add_thread_event(tx, after.thread_id, "status", body, at)


def _of_turn(tx: Transaction, thread_id: str, turn: int) -> RunRecord | None:
    row = tx.row("SELECT run_id FROM turns WHERE thread_id = ? AND turn = ?", (thread_id, turn))
    return find(tx, rows.text(row[0])) if row else None


def deliver(tx: Transaction, run_id: str, key: str, payload: bytes, at: datetime, by: str | None = None) -> bool:
    """Put an event into a run's inbox and wake it; false where the key is taken. A run that is gone gets nothing."""
    run = find(tx, run_id)
    if run is None:
        return False
    tx.run(
        _ADD,
        (run_id, key, payload, epoch(at), by),
    )
    if not tx.changed():
        return False
    if run_after(run.status, "wake"):
        move(tx, run, "wake", at, inbox=run.inbox + 1, due_at=at, waiting_for=())
    else:
        tx.run("UPDATE runs SET inbox = inbox + 1 WHERE run_id = ?", (run_id,))
        tx.topics.add(topics.run(run_id))
    return True


def add_thread_event(tx: Transaction, thread_id: str, kind: str, body: dict[str, Value], at: datetime) -> int:
    """Append an event to a thread; its seq."""
    seq = tx.number(_NEXT_EVENT, (thread_id,))
    tx.run(_ADD_EVENT, (thread_id, seq, kind, msgspec.json.encode(body), epoch(at)))
    tx.topics.add(topics.thread(thread_id))
    return seq
