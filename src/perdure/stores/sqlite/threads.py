"""Reading threads in SQLite. A thread's status follows from the run at its head, and is read with it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

import msgspec

from perdure.core.clock import epoch
from perdure.core.failures import Failure
from perdure.core.records import RunStatus
from perdure.core.threads import ThreadEvent, ThreadRecord, TurnRecord, with_status
from perdure.stores.port import EVERY_TENANT, EveryTenant
from perdure.stores.sqlite import thread_rows
from perdure.stores.sqlite.driver import Cell, Row
from perdure.stores.sqlite.listing import index_of_threads
from perdure.stores.sqlite.transaction import Transaction

if TYPE_CHECKING:
    from perdure.stores.sqlite.reader import Reader

_COLUMNS = ", ".join(f"threads.{name}" for name in thread_rows.THREAD_COLUMNS.split(", "))
_FINISH = (
    "(SELECT finish_reason FROM messages WHERE messages.thread = threads.id AND messages.turn = threads.head"
    " AND role = 'assistant' ORDER BY place DESC LIMIT 1)"
)
_OF_RUN = "runs.status, runs.waiting_for, runs.due_at, runs.failure, runs.cancel_reason"
_SELECT = f"SELECT {_OF_RUN}, {_FINISH}, {_COLUMNS} FROM threads"
_RUN = "LEFT JOIN runs ON runs.tenant = threads.tenant AND runs.run_id = threads.run_id"
_ONE = f"{_SELECT} {_RUN} WHERE threads.tenant = ? AND threads.thread_id = ? AND hidden = 0"
_VISIBLE = "(SELECT id FROM threads WHERE tenant = ? AND thread_id = ? AND hidden = 0)"
_TURN_COLUMNS = "own.thread_id, turns.turn, parent.thread_id, parent_turn, turns.run_id, turns.created_at"
_WITH_IDS = "JOIN threads AS own ON own.id = turns.thread LEFT JOIN threads AS parent ON parent.id = parent_thread"
PATH = """
WITH RECURSIVE path (depth, thread, turn) AS (
    SELECT 0, iif(wanted > 0, id, (SELECT root.id FROM threads AS root
            WHERE root.tenant = ?1 AND root.thread_id = own.root_thread)), iif(wanted > 0, wanted, root_turn)
        FROM (SELECT *, coalesce(?3, head) AS wanted FROM threads WHERE tenant = ?1 AND thread_id = ?2 AND hidden = 0)
            AS own
    UNION ALL
    SELECT depth + 1, parent_thread, parent_turn FROM path JOIN turns USING (thread, turn)
        WHERE parent_thread IS NOT NULL
)
"""
"""The turns on the path from one back to the root, the nearest first, by (tenant, thread id, turn or None)."""
_PATH = f"{PATH} SELECT {_TURN_COLUMNS} FROM path CROSS JOIN turns USING (thread, turn) {_WITH_IDS} ORDER BY depth DESC"
_TURNS = (
    f"SELECT {_TURN_COLUMNS} FROM turns {_WITH_IDS} WHERE thread = {_VISIBLE} AND turns.turn > ? ORDER BY turns.turn"
)
_EVENTS = (
    f"SELECT {thread_rows.THREAD_EVENT_COLUMNS} FROM thread_events"
    f" WHERE thread = {_VISIBLE} AND seq > ? ORDER BY seq LIMIT ?"
)
_failure = msgspec.json.Decoder(Failure)
_names = msgspec.json.Decoder(tuple[str, ...])


def _with_status(row: Row) -> ThreadRecord:
    status, waiting_for, due_at, failed, cancel_reason, finish_reason = cast(
        "tuple[RunStatus | None, bytes | None, float | None, bytes | None, str | None, str | None]", row[:6]
    )
    return with_status(
        thread_rows.thread_record(row[6:]),
        status,
        waiting_for=_names.decode(waiting_for) if waiting_for else (),
        due_at=None if due_at is None else datetime.fromtimestamp(due_at, UTC),
        failure=_failure.decode(failed) if failed else None,
        cancel_reason=cancel_reason,
        finish_reason=finish_reason,
    )


def _path(tx: Transaction, tenant: str | None, thread_id: str, turn: int | None) -> list[TurnRecord]:
    return [thread_rows.turn_record(tenant, row) for row in tx.rows(_PATH, (tenant or "", thread_id, turn))]


class Threads:
    """Reading threads."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def get(self, thread_id: str, *, tenant: str | None) -> ThreadRecord | None:
        row = self._reader.tx.row(_ONE, (tenant or "", thread_id))
        return _with_status(row) if row else None

    async def list(
        self,
        *,
        tenant: str | EveryTenant | None,
        owner: str | None = None,
        agent: str | None = None,
        before: tuple[datetime, str] | None = None,
        limit: int = 100,
    ) -> list[ThreadRecord]:
        wanted: dict[str, Cell] = {"owner": owner, "agent": agent}
        if tenant is not EVERY_TENANT:
            wanted["tenant"] = tenant or ""
        given: dict[str, Cell] = {name: value for name, value in wanted.items() if value is not None}
        conditions, values = ["hidden = 0", *(f"threads.{name} = ?" for name in given)], [*given.values()]
        index = index_of_threads(given)
        if before is not None:
            conditions += ["threads.created_at <= ?", "(threads.created_at, threads.thread_id) < (?, ?)"]
            values += [epoch(before[0]), epoch(before[0]), before[1]]
        sql = (
            f"{_SELECT} INDEXED BY {index} {_RUN} WHERE {' AND '.join(conditions)}"
            " ORDER BY threads.created_at DESC, threads.thread_id DESC LIMIT ?"
        )
        return [_with_status(row) for row in self._reader.tx.rows(sql, (*values, limit))]

    async def path(self, thread_id: str, *, tenant: str | None, turn: int | None = None) -> list[TurnRecord]:
        return await self._reader.run(_path, tenant, thread_id, turn)

    async def turns(self, thread_id: str, *, tenant: str | None, after: int = 0) -> list[TurnRecord]:
        found = self._reader.tx.rows(_TURNS, (tenant or "", thread_id, after))
        return [thread_rows.turn_record(tenant, row) for row in found]

    async def events(
        self, thread_id: str, *, tenant: str | None, after: int = 0, limit: int = 500
    ) -> list[ThreadEvent]:
        found = self._reader.tx.rows(_EVENTS, (tenant or "", thread_id, after, limit))
        return [thread_rows.thread_event(tenant, thread_id, row) for row in found]
