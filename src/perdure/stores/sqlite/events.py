"""Events in SQLite."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.core.records import EventRecord
from perdure.errors import RunNotFound
from perdure.stores.port.events import Emit, Emitted
from perdure.stores.sqlite import rows
from perdure.stores.sqlite.edges import deliver
from perdure.stores.sqlite.transaction import Transaction

if TYPE_CHECKING:
    from perdure.stores.sqlite.reader import Reader

_ONE = f"SELECT {rows.EVENT_COLUMNS} FROM events WHERE run_id = ? AND key = ?"
_LIST = f"SELECT {rows.EVENT_COLUMNS} FROM events WHERE run_id = ? ORDER BY id"


def emit(tx: Transaction, operation: Emit) -> Emitted:
    """Apply Emit."""
    accepted = deliver(tx, operation.run_id, operation.key, operation.payload, operation.at, operation.by)
    row = tx.row(_ONE, (operation.run_id, operation.key))
    if row is None:
        raise RunNotFound(operation.run_id)
    return Emitted(accepted, rows.event_record(row))


def list_events(tx: Transaction, run_id: str) -> list[EventRecord]:
    """A run's events, in the order in which they came."""
    return [rows.event_record(row) for row in tx.rows(_LIST, (run_id,))]


class Events:
    """Reading events."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def get(self, run_id: str, key: str) -> EventRecord | None:
        row = self._reader.tx.row(_ONE, (run_id, key))
        return rows.event_record(row) if row else None

    async def list(self, run_id: str) -> list[EventRecord]:
        return list_events(self._reader.tx, run_id)
