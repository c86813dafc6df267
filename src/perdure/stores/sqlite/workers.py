"""Workers in SQLite; the proof of a locks is a lock file (see `locks`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import msgspec

from perdure.core.clock import epoch
from perdure.core.records import WorkerRecord
from perdure.errors import WorkerExpired
from perdure.stores import topics
from perdure.stores.sqlite import rows
from perdure.stores.sqlite.edges import move
from perdure.stores.sqlite.transaction import Transaction

if TYPE_CHECKING:
    from perdure.stores.port import RegisterWorker, RenewWorker, RetireWorker
    from perdure.stores.sqlite.liveness_locks import LivenessLocks
    from perdure.stores.sqlite.reader import Reader

_INSERT = (
    "REPLACE INTO workers (worker_id, host, pid, process_token, boot_id, lease_until, queues, started_at, renewed_at)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_RENEW = "UPDATE workers SET lease_until = ?, renewed_at = ? WHERE worker_id = ? AND lease_until > ?"
_ONE = f"SELECT {rows.WORKER_COLUMNS} FROM workers WHERE worker_id = ?"
_LIST = f"SELECT {rows.WORKER_COLUMNS} FROM workers ORDER BY started_at, worker_id"
_RUN_IDS = "SELECT run_id FROM runs WHERE worker_id = ?"
_RUNS = f"SELECT {rows.RUN_COLUMNS} FROM runs WHERE worker_id = ?"


def register_worker(tx: Transaction, operation: RegisterWorker, locks: LivenessLocks) -> None:
    """Apply RegisterWorker. The lock comes first: a row without one could not be proven dead."""
    worker = operation.worker
    locks.hold(worker.worker_id)
    tx.run(
        _INSERT,
        (
            worker.worker_id,
            worker.host,
            worker.pid,
            worker.process_token,
            worker.boot_id,
            worker.lease_until,
            msgspec.json.encode(worker.queues),
            epoch(worker.started_at),
            epoch(worker.renewed_at),
        ),
    )
    tx.topics.add(topics.WORKERS)


def renew_worker(tx: Transaction, operation: RenewWorker) -> list[str]:
    """Apply RenewWorker."""
    tx.run(_RENEW, (operation.lease_until, epoch(operation.at), operation.worker_id, operation.lease_now))
    if not tx.changed():
        raise WorkerExpired(operation.worker_id)
    if operation.executing is None:
        return []
    named = (rows.text(row[0]) for row in tx.rows(_RUN_IDS, (operation.worker_id,)))
    return [run_id for run_id in named if run_id not in operation.executing]


def retire_worker(tx: Transaction, operation: RetireWorker, locks: LivenessLocks) -> None:
    """Apply RetireWorker."""
    for row in tx.rows(_RUNS, (operation.worker_id,)):
        run = rows.run_record(row)
        move(tx, run, "release", operation.at, token=run.token + 1, worker_id=None, due_at=operation.at)
    tx.run("DELETE FROM workers WHERE worker_id = ?", (operation.worker_id,))
    tx.topics.add(topics.WORKERS)
    locks.drop(operation.worker_id)


def find_worker(tx: Transaction, worker_id: str) -> WorkerRecord | None:
    """The worker, or None."""
    row = tx.row(_ONE, (worker_id,))
    return rows.worker_record(row) if row else None


def check_live(tx: Transaction, worker_id: str, lease_now: float) -> None:
    """Raises: WorkerExpired."""
    row = tx.row("SELECT lease_until FROM workers WHERE worker_id = ?", (worker_id,))
    if row is None or cast("float", row[0]) <= lease_now:
        raise WorkerExpired(worker_id)


def is_over(worker: WorkerRecord, lease_now: float, boot_id: str) -> bool:
    """Whether a lease has ended: a reboot ends them all."""
    return worker.boot_id != boot_id or worker.lease_until <= lease_now


class Workers:
    """Reading workers."""

    def __init__(self, reader: Reader, locks: LivenessLocks) -> None:
        self._reader = reader
        self._locks = locks

    async def list(self) -> list[WorkerRecord]:
        return [rows.worker_record(row) for row in self._reader.tx.rows(_LIST)]

    async def dead(self, lease_now: float, boot_id: str) -> list[tuple[WorkerRecord, bool]]:
        checked = ((worker, self._locks.is_dead(worker.worker_id)) for worker in await self.list())
        return [(worker, proven) for worker, proven in checked if proven or is_over(worker, lease_now, boot_id)]
