"""Queues in SQLite: the claim is one transaction, so two workers never get one run."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, cast

import msgspec

from perdure.core.clock import epoch, instant
from perdure.core.records import Loaded, RunRecord
from perdure.core.states import ENDED
from perdure.stores.sqlite import rows
from perdure.stores.sqlite.edges import move
from perdure.stores.sqlite.runs import loaded
from perdure.stores.sqlite.transaction import Transaction
from perdure.stores.sqlite.workers import check_live

if TYPE_CHECKING:
    from perdure.stores.port import Claim
    from perdure.stores.sqlite.reader import Reader

_DUE = (
    f"SELECT {rows.RUN_COLUMNS} FROM runs WHERE queue = ? AND due_at <= ?"
    " AND workflow IN (SELECT value FROM json_each(?)) ORDER BY due_at, id LIMIT ?"
)
_RUNNING = "SELECT count(*) FROM runs WHERE queue = ? AND worker_id IS NOT NULL"
_NEXT = (
    "SELECT due_at FROM runs WHERE queue = ? AND due_at > ? AND workflow IN (SELECT value FROM json_each(?))"
    " ORDER BY due_at LIMIT 1"
)
_COUNTS = "SELECT queue, status, count(*) FROM runs WHERE status NOT IN (SELECT value FROM json_each(?)) GROUP BY 1, 2"


def claim(tx: Transaction, operation: Claim) -> tuple[Loaded, ...]:
    """Apply Claim."""
    check_live(tx, operation.worker_id, operation.lease_now)
    workflows = msgspec.json.encode(operation.workflows).decode()
    due = [
        rows.run_record(row)
        for queue, limit in operation.queues
        for row in tx.rows(_DUE, (queue, epoch(operation.at), workflows, _places(tx, queue, limit, operation.limit)))
    ]
    if len(operation.queues) > 1:
        due.sort(key=lambda run: run.due_at or operation.at)  # stable: within a queue the rows are in order
    return tuple(loaded(tx, _lease(tx, run, operation)) for run in due[: operation.limit])


def _places(tx: Transaction, queue: str, limit: int | None, wanted: int) -> int:
    """How many runs of a queue may be claimed now."""
    return wanted if limit is None else max(0, min(wanted, limit - tx.number(_RUNNING, (queue,))))


def _lease(tx: Transaction, run: RunRecord, operation: Claim) -> RunRecord:
    return move(
        tx,
        run,
        "claim",
        operation.at,
        token=run.token + 1,
        worker_id=operation.worker_id,
        due_at=None,
        waiting_for=(),
    )


class Queues:
    """Reading queues."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def next_due(self, queues: tuple[str, ...], workflows: tuple[str, ...], after: datetime) -> datetime | None:
        names, at = msgspec.json.encode(workflows).decode(), epoch(after)
        found = [self._reader.tx.row(_NEXT, (queue, at, names)) for queue in queues]
        return instant(min((cast("float", row[0]) for row in found if row and row[0] is not None), default=None))

    async def counts(self) -> dict[str, dict[str, int]]:
        counts: dict[str, dict[str, int]] = {}
        for row in self._reader.tx.rows(_COUNTS, (msgspec.json.encode(sorted(ENDED)).decode(),)):
            queue, status, count = row
            counts.setdefault(rows.text(queue), {})[rows.text(status)] = cast("int", count)
        return counts
