"""Everything that a file holds, out and in.

The export reads on a connection of its own, in one read transaction, so that it may take its time; the log grows
meanwhile. What comes in is written by the writer's thread in one transaction.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from itertools import islice
from threading import Lock
from typing import Any, TypeAlias, cast

import apsw

from perdure.core import keys
from perdure.core.clock import instant
from perdure.core.decisions import changes
from perdure.core.decisions.changes import Change
from perdure.core.messages import PART_BITS, decode_part
from perdure.core.records import KeyRecord
from perdure.stores.background import in_thread
from perdure.stores.sqlite import rows, thread_rows
from perdure.stores.sqlite.connection import connect, translate
from perdure.stores.sqlite.driver import Cell, Connection, Row
from perdure.stores.sqlite.schema import VERSION

BATCH = 500

_THREADS = f"SELECT {thread_rows.THREAD_COLUMNS}, hidden, id FROM threads ORDER BY tenant, thread_id"
_NUMBERS_OF_THREADS = "SELECT tenant, thread_id, id FROM threads ORDER BY tenant, thread_id"
_TURNS = (
    "SELECT ?, turn, parent.thread_id, parent_turn, turns.run_id, turns.created_at"
    " FROM turns LEFT JOIN threads AS parent ON parent.id = parent_thread WHERE thread = ? ORDER BY turn"
)
_THREAD_EVENTS = f"SELECT {thread_rows.THREAD_EVENT_COLUMNS} FROM thread_events WHERE thread = ? ORDER BY seq"
_MESSAGES = f"SELECT {thread_rows.MESSAGE_COLUMNS} FROM messages WHERE thread = ? ORDER BY message_id"
_PARTS = (
    f"SELECT id & {2**PART_BITS - 1}, version, body FROM parts"
    f" WHERE id BETWEEN ?1 << {PART_BITS} AND (?1 + 1 << {PART_BITS}) - 1 ORDER BY id"
)
_NUMBERS_OF_RUNS = "SELECT id FROM runs ORDER BY tenant, run_id"
_RUN = f"SELECT {rows.RUN_COLUMNS}, body FROM runs JOIN manifests ON run = runs.id WHERE runs.id = ?"
_STEPS = f"SELECT {rows.STEP_COLUMNS} FROM steps WHERE id BETWEEN ? AND ? ORDER BY id"
_EVENTS = f"SELECT {rows.EVENT_COLUMNS} FROM events WHERE id BETWEEN ? AND ? ORDER BY id"
_ENTRIES = f"SELECT {rows.ENTRY_COLUMNS} FROM chunks WHERE id BETWEEN ? AND ? ORDER BY id"
_USAGE = "SELECT position, attempt, tokens, model FROM usage WHERE run = ? ORDER BY position, attempt"
_QUESTIONS = (
    f"SELECT {rows.QUESTION_COLUMNS} FROM questions JOIN runs ON runs.id = questions.run"
    " ORDER BY questions.tenant, question_id"
)
_KEYS = "SELECT tenant, key, run_id, next_ticket FROM keys ORDER BY tenant, key"
_TOMBSTONES = "SELECT tenant, kind, id, until FROM tombstones ORDER BY tenant, kind, id"


class Transfer:
    """Out of the file, and into it."""

    def __init__(
        self, path: str, check: Callable[[], None], load: Callable[[Sequence[Change]], Awaitable[object]]
    ) -> None:
        """Shape: `check` raises where the store may not be used any more; `load` lands changes in one transaction."""
        self._path = path
        self._check = check
        self._load = load

    async def export(self) -> AsyncGenerator[tuple[changes.Row, ...]]:
        self._check()
        connection, busy = await in_thread(_open, self._path), Lock()
        every = _every(connection)
        try:
            while batch := await in_thread(self._next, every, busy):
                yield batch
        finally:
            await in_thread(_close, connection, busy)

    async def load(self, changes: Sequence[Change]) -> None:
        self._check()
        await self._load(changes)

    def _next(self, every: Iterator[changes.Row], busy: Lock) -> tuple[changes.Row, ...]:
        try:
            with busy:
                return tuple(islice(every, BATCH))
        except apsw.Error as error:
            raise translate(error, self._path) from error


def _open(path: str) -> Connection:
    connection = connect(path, VERSION)
    connection.pragma("query_only", 1)
    connection.execute("BEGIN")
    return connection


Find: TypeAlias = Callable[..., Iterator[Any]]
"""The rows of a query, one after the other: by its SQL and its values."""


def _close(connection: Connection, busy: Lock) -> None:
    with busy:  # whoever asked for a batch may have been cancelled before it was there
        connection.close()


def _every(connection: Connection) -> Iterator[changes.Row]:
    def find(sql: str, *values: Cell) -> Iterator[Any]:
        return iter(connection.execute(sql, values))

    for row in find(_THREADS):
        yield from _thread(row)
    for tenant, thread_id, number in find(_NUMBERS_OF_THREADS):
        yield from _of_thread(find, tenant or None, thread_id, number)
    for (number,) in find(_NUMBERS_OF_RUNS):
        for row in find(_RUN, number):
            yield from _run(find, number, row)
    for question in find(_QUESTIONS):
        yield changes.WriteQuestion(rows.question(question))
    for tenant, key, run_id, next_ticket in find(_KEYS):
        yield changes.WriteKey(KeyRecord(tenant=tenant or None, key=key, run_id=run_id, next_ticket=next_ticket))
    for tenant, kind, name, until in find(_TOMBSTONES):
        yield changes.WriteTombstone(tenant or None, kind, name, at=changes.LONG_AGO, until=cast("Any", instant(until)))


def _thread(row: Row) -> Iterator[changes.Row]:
    *columns, hidden, _ = row
    thread = thread_rows.thread_record(tuple(columns))
    yield changes.InsertThread(thread)
    if hidden:
        yield changes.HideThread(thread)


def _of_thread(find: Find, tenant: str | None, thread_id: str, number: int) -> Iterator[changes.Row]:
    for turn in find(_TURNS, thread_id, number):
        yield changes.InsertTurn(thread_rows.turn_record(tenant, turn))
    for event in find(_THREAD_EVENTS, number):
        yield changes.InsertThreadEvent(thread_rows.thread_event(tenant, thread_id, event))
    for row in find(_MESSAGES, number):
        yield changes.InsertMessage(thread_rows.message(tenant, thread_id, row))
    for row in find(_MESSAGES, number):
        message = thread_rows.message(tenant, thread_id, row)
        for place, version, body in find(_PARTS, row[0]):
            yield changes.WriteParts(message, place, (decode_part(body),), version)


def _run(find: Find, number: int, row: Row) -> Iterator[changes.Row]:
    *columns, manifest = row
    run = rows.run_record(tuple(columns))
    yield changes.InsertRun(run, cast("bytes", manifest))
    for step in find(_STEPS, *rows.span(number)):
        yield changes.WriteStep(run, rows.step_record(step))
    for one in find(_EVENTS, *rows.span(number)):
        event = rows.event_record(run.run_id, one)
        yield changes.InsertEvent(run, event, keys.is_channel(event.key))
    for entry in find(_ENTRIES, *rows.span_of_entries(number)):
        yield changes.InsertEntries(run, (rows.entry(entry),))
    for usage in find(_USAGE, number):
        yield changes.InsertUsage(run, rows.usage_record(run.run_id, usage))
