"""Reading events in SQLite."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.core.records import MAX_STEPS, STEP_BITS, EventRecord
from perdure.stores.sqlite import rows
from perdure.stores.sqlite.rows import RUN
from perdure.stores.sqlite.transaction import Transaction

if TYPE_CHECKING:
    from perdure.stores.sqlite.reader import Reader

_ONE = f"SELECT {rows.EVENT_COLUMNS} FROM events WHERE run = {RUN} AND key = ? ORDER BY id LIMIT 1"
_LIST = f"SELECT {rows.EVENT_COLUMNS} FROM events WHERE id > ? << {STEP_BITS} | ? AND id <= ? ORDER BY id"


def list_events(tx: Transaction, run: int, run_id: str, after: int = 0) -> list[EventRecord]:
    """The events of a run, by its number, past a seq."""
    found = tx.rows(_LIST, (run, min(after, MAX_STEPS), rows.span(run)[1]))
    return [rows.event_record(run_id, row) for row in found]


def _list(tx: Transaction, tenant: str | None, run_id: str, after: int) -> list[EventRecord]:
    return list_events(tx, tx.number(f"SELECT {RUN}", (tenant or "", run_id)), run_id, after)


class Events:
    """Reading events."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def get(self, run_id: str, key: str, *, tenant: str | None) -> EventRecord | None:
        row = self._reader.tx.row(_ONE, (tenant or "", run_id, key))
        return rows.event_record(run_id, row) if row else None

    async def list(self, run_id: str, *, tenant: str | None, after: int = 0) -> list[EventRecord]:
        return await self._reader.run(_list, tenant, run_id, after)
