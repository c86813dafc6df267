"""Reading workers in SQLite."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.core.decisions.takeovers import is_dead
from perdure.core.records import WorkerRecord
from perdure.stores.port import DeadWorker
from perdure.stores.sqlite import rows

if TYPE_CHECKING:
    from perdure.stores.sqlite.decider import LeaseTime
    from perdure.stores.sqlite.reader import Reader

_LIST = f"SELECT {rows.WORKER_COLUMNS} FROM workers ORDER BY started_at, worker_id"
_LEASE = "SELECT lease_until, boot_id FROM workers WHERE worker_id = ?"


class Workers:
    """Reading workers."""

    def __init__(self, reader: Reader, lease_time: LeaseTime) -> None:
        self._reader = reader
        self._lease_time = lease_time

    async def list(self) -> list[WorkerRecord]:
        return [rows.worker_record(row) for row in self._reader.tx.rows(_LIST)]

    async def dead(self) -> list[DeadWorker]:
        now, boot_id = self._lease_time.now(), self._lease_time.boot_id
        found = list[DeadWorker]()
        for worker in await self.list():
            life = self._lease_time.life(worker.worker_id)
            if is_dead(worker, now, boot_id, life):
                found.append(DeadWorker(worker, proven=life == "dead"))
        return found

    async def lease_left(self, worker_id: str) -> float | None:
        row = self._reader.tx.row(_LEASE, (worker_id,))
        if row is None:
            return None
        until, boot_id = row
        # lease time of an earlier boot says nothing now, and its leases have ended
        return float(until or 0) - self._lease_time.now() if boot_id == self._lease_time.boot_id else -1.0
