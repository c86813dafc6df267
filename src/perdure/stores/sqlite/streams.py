"""Reading streams in SQLite."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from perdure.core.states import ENDED
from perdure.errors import RunNotFound
from perdure.stores.port import StreamPage
from perdure.stores.sqlite import rows
from perdure.stores.sqlite.transaction import Transaction

if TYPE_CHECKING:
    from perdure.stores.sqlite.reader import Reader

_RUN = f"SELECT id, status, {rows.HEAD} FROM runs WHERE tenant = ? AND run_id = ?"
_READ = f"SELECT {rows.ENTRY_COLUMNS} FROM chunks WHERE id > ? AND id <= ? ORDER BY id LIMIT ?"


def _read(tx: Transaction, tenant: str | None, run_id: str, after: int, limit: int) -> StreamPage:
    found = cast("tuple[int, str, int | None] | None", tx.row(_RUN, (tenant or "", run_id)))
    if found is None:
        raise RunNotFound(run_id)
    run, status, head = found
    if head is None or head <= after:
        return StreamPage((), head or 0, status in ENDED)
    first, last = rows.span_of_entries(run)
    entries = tuple(rows.entry(row) for row in tx.rows(_READ, (first + max(after, 0), last, limit)))
    return StreamPage(entries, head, status in ENDED)


class Streams:
    """Reading streams."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def read(self, run_id: str, *, tenant: str | None, after: int = 0, limit: int = 500) -> StreamPage:
        return self._reader.at_one_instant(_read, tenant, run_id, after, limit)
