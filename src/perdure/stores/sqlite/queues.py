"""Reading queues in SQLite."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, cast

from perdure.core.clock import epoch, instant
from perdure.core.states import ENDED, RUN_EDGES
from perdure.core.suspicion import must_be_alone
from perdure.stores.sqlite import rows

if TYPE_CHECKING:
    from perdure.stores.sqlite.reader import Reader

_NEXT = (
    "SELECT min((SELECT due_at FROM runs INDEXED BY runs_due WHERE queue = ? AND workflow = wanted.value"
    " AND due_at > ? ORDER BY due_at LIMIT 1)) FROM json_each(?) AS wanted"
)
_SUSPECTS = (
    f"SELECT {rows.RUN_COLUMNS} FROM runs INDEXED BY runs_suspect WHERE worker_id IS NULL AND suspicion IS NOT NULL"
    " AND queue IN (SELECT value FROM json_each(?)) AND workflow IN (SELECT value FROM json_each(?))"
    " AND ready_at IS NOT NULL"
)
_OPEN = sorted({edge.before for edge in RUN_EDGES} - ENDED)
_COUNTS = (
    "SELECT queue, status, count(*) FROM runs INDEXED BY runs_status"
    f" WHERE status IN ({', '.join(map(repr, _OPEN))}) GROUP BY 1, 2"
)


class Queues:
    """Reading queues."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def next_due(self, queues: tuple[str, ...], workflows: tuple[str, ...], after: datetime) -> datetime | None:
        names, at = rows.names(workflows), epoch(after)
        found = [self._reader.tx.row(_NEXT, (queue, at, names)) for queue in queues]
        return instant(min((cast("float", row[0]) for row in found if row and row[0] is not None), default=None))

    async def alone_since(self, queues: tuple[str, ...], workflows: tuple[str, ...]) -> datetime | None:
        found = map(rows.run_record, self._reader.tx.rows(_SUSPECTS, (rows.names(queues), rows.names(workflows))))
        return min((run.ready_at for run in found if run.ready_at and must_be_alone(run)), default=None)

    async def counts(self) -> dict[str, dict[str, int]]:
        counts: dict[str, dict[str, int]] = {}
        for queue, status, count in cast("list[tuple[str, str, int]]", self._reader.tx.rows(_COUNTS)):
            counts.setdefault(queue, {})[status] = count
        return counts
