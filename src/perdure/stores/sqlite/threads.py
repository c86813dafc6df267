"""Threads in SQLite. What a thread's status is follows from its latest turn's run, and is read with it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, cast

import msgspec

from perdure.core.clock import epoch
from perdure.core.records import RunRecord
from perdure.core.states import ENDED, thread_status
from perdure.core.threads import ThreadEvent, ThreadRecord
from perdure.core.values import Value
from perdure.errors import RunInputMismatch, ThreadBusy, ThreadNotFound
from perdure.stores import topics
from perdure.stores.sqlite import rows
from perdure.stores.sqlite.driver import Cell, Row
from perdure.stores.sqlite.edges import add_thread_event, get
from perdure.stores.sqlite.messages import insert_message
from perdure.stores.sqlite.runs import create_run, erase
from perdure.stores.sqlite.transaction import Transaction

if TYPE_CHECKING:
    from perdure.stores.port import AddThreadEvent, CreateThread, DeleteThread, StartTurn, UpdateThread
    from perdure.stores.sqlite.reader import Reader

_CREATE = (
    "INSERT INTO threads (thread_id, agent, owner, title, metadata, settings, created_at)"
    " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
)
_COLUMNS = "threads.thread_id, agent, owner, title, metadata, settings, threads.created_at"
_FINISH = (
    "(SELECT finish_reason FROM messages WHERE messages.thread_id = threads.thread_id AND messages.turn = turns.turn"
    " AND role = 'assistant' ORDER BY place DESC LIMIT 1)"
)
_LATEST = (
    f"SELECT {_COLUMNS}, turns.turn, {_FINISH}, {rows.RUN_COLUMNS} FROM threads"
    " LEFT JOIN turns ON turns.thread_id = threads.thread_id"
    " AND turns.turn = (SELECT max(turn) FROM turns WHERE turns.thread_id = threads.thread_id)"
    " LEFT JOIN runs ON runs.run_id = turns.run_id"
)
_BY_ID = f"{_LATEST} WHERE threads.thread_id = ?"
_EVENTS = (
    "SELECT thread_id, seq, kind, body, at FROM thread_events WHERE thread_id = ? AND seq > ? ORDER BY seq LIMIT ?"
)
_TURNS = "SELECT turn, run_id FROM turns WHERE thread_id = ? AND turn > ? ORDER BY turn"
_UPDATE = (
    "UPDATE threads SET title = coalesce(?, title), metadata = coalesce(?, metadata), settings = coalesce(?, settings)"
    " WHERE thread_id = ?"
)

_object = msgspec.json.Decoder(dict[str, Value])


def create_thread(tx: Transaction, operation: CreateThread) -> ThreadRecord:
    """Apply CreateThread."""
    thread = operation.thread
    tx.run(
        _CREATE,
        (
            thread.thread_id,
            thread.agent,
            thread.owner,
            thread.title,
            msgspec.json.encode(thread.metadata),
            msgspec.json.encode(thread.settings),
            epoch(thread.created_at),
        ),
    )
    tx.topics.add(topics.thread(thread.thread_id))
    return _get(tx, thread.thread_id)


def update_thread(tx: Transaction, operation: UpdateThread) -> None:
    """Apply UpdateThread."""
    metadata, settings = (
        None if value is None else msgspec.json.encode(value) for value in (operation.metadata, operation.settings)
    )
    tx.run(_UPDATE, (operation.title, metadata, settings, operation.thread_id))
    if not tx.changed():
        raise ThreadNotFound(operation.thread_id)
    tx.topics.add(topics.thread(operation.thread_id))


def delete_thread(tx: Transaction, operation: DeleteThread) -> None:
    """Apply DeleteThread."""
    thread_id = operation.thread_id
    _get(tx, thread_id)
    for (run_id,) in tx.rows("SELECT run_id FROM turns WHERE thread_id = ?", (thread_id,)):
        erase(tx, get(tx, rows.text(run_id)))
    tx.run("DELETE FROM parts WHERE message_id IN (SELECT message_id FROM messages WHERE thread_id = ?)", (thread_id,))
    for table in ("messages", "turns", "thread_events", "threads"):
        tx.run(f"DELETE FROM {table} WHERE thread_id = ?", (thread_id,))
    tx.topics.add(topics.thread(thread_id))


def start_turn(tx: Transaction, operation: StartTurn) -> int:
    """Apply StartTurn."""
    run, thread_id = operation.run, operation.thread_id
    known = tx.row("SELECT turn FROM turns WHERE thread_id = ? AND run_id = ?", (thread_id, run.run_id))
    if known is not None:
        found = tx.row("SELECT manifest_hash FROM runs WHERE run_id = ?", (run.run_id,))
        if found and found[0] != run.manifest_hash:
            raise RunInputMismatch(run.run_id, rows.text(found[0]), run.manifest_hash)
        return cast("int", known[0])
    thread = _get(tx, thread_id)
    latest = tx.row("SELECT status FROM runs WHERE run_id = ?", (thread.run_id,)) if thread.run_id else None
    if latest and latest[0] not in ENDED:
        raise ThreadBusy(thread_id, thread.run_id or "", thread.status)
    turn = thread.turn + 1
    tx.run("INSERT INTO turns (thread_id, turn, run_id) VALUES (?, ?, ?)", (thread_id, turn, run.run_id))
    for place, message in enumerate(operation.messages):
        insert_message(tx, msgspec.structs.replace(message, thread_id=thread_id, turn=turn, place=place))
    created = create_run(tx, msgspec.structs.replace(run, thread_id=thread_id))
    if created.existed:  # somebody else's run becomes no turn of this thread
        raise RunInputMismatch(run.run_id, created.run.manifest_hash, run.manifest_hash)
    return turn


def append_thread_event(tx: Transaction, operation: AddThreadEvent) -> ThreadEvent:
    """Apply AddThreadEvent."""
    _get(tx, operation.thread_id)
    seq = add_thread_event(tx, operation.thread_id, operation.kind, operation.body, operation.at)
    return ThreadEvent(
        thread_id=operation.thread_id, seq=seq, kind=operation.kind, body=operation.body, at=operation.at
    )


def _get(tx: Transaction, thread_id: str) -> ThreadRecord:
    row = tx.row(_BY_ID, (thread_id,))
    if row is None:
        raise ThreadNotFound(thread_id)
    return _record(row)


def _record(row: Row) -> ThreadRecord:
    run: RunRecord | None = rows.run_record(row[9:]) if row[9] is not None else None
    reason = (run.failure.reason if run.failure else run.cancel_reason) if run else None
    return ThreadRecord(
        thread_id=rows.text(row[0]),
        agent=rows.text(row[1]),
        owner=cast("str | None", row[2]),
        title=cast("str | None", row[3]),
        metadata=rows.unpack(row[4], _object) or {},
        settings=rows.unpack(row[5], _object) or {},
        created_at=rows.moment(row[6]),
        turn=cast("int | None", row[7]) or 0,
        status=thread_status(run.status, run.waiting_for) if run else "idle",
        run_id=run.run_id if run else None,
        reason=reason,
        failure=run.failure if run else None,
        finish_reason=cast("str | None", row[8]),
    )


class Threads:
    """Reading threads."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def get(self, thread_id: str) -> ThreadRecord | None:
        row = self._reader.tx.row(_BY_ID, (thread_id,))
        return _record(row) if row else None

    async def list(
        self,
        *,
        owner: str | None = None,
        agent: str | None = None,
        before: tuple[datetime, str] | None = None,
        limit: int = 100,
    ) -> list[ThreadRecord]:
        wanted = {"owner": owner, "agent": agent}
        conditions = [f"{column} = ?" for column, value in wanted.items() if value is not None]
        values: list[Cell] = [value for value in wanted.values() if value is not None]
        if before is not None:
            conditions.append("(threads.created_at, threads.thread_id) < (?, ?)")
            values += (before[0].timestamp(), before[1])
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        sql = f"{_LATEST}{where} ORDER BY threads.created_at DESC, threads.thread_id DESC LIMIT ?"
        return [_record(row) for row in self._reader.tx.rows(sql, (*values, limit))]

    async def turns(self, thread_id: str, *, after: int = 0) -> list[tuple[int, str]]:
        found = self._reader.tx.rows(_TURNS, (thread_id, after))
        return [(cast("int", turn), rows.text(run_id)) for turn, run_id in found]

    async def events(self, thread_id: str, *, after: int = 0, limit: int = 500) -> list[ThreadEvent]:
        return [_event(row) for row in self._reader.tx.rows(_EVENTS, (thread_id, after, limit))]


def _event(row: Row) -> ThreadEvent:
    return ThreadEvent(
        thread_id=rows.text(row[0]),
        seq=cast("int", row[1]),
        kind=rows.text(row[2]),
        body=rows.unpack(row[3], _object) or {},
        at=rows.moment(row[4]),
    )
