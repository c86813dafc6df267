"""Reading workers in memory. A process that dies takes its memory along: there is no death to prove."""

from __future__ import annotations

from collections.abc import Callable

from perdure.core.decisions.takeovers import is_dead
from perdure.core.records import WorkerRecord
from perdure.stores.memory.state import State
from perdure.stores.port import DeadWorker


class Workers:
    """Reading workers."""

    def __init__(self, look: Callable[[], State], lease_time: Callable[[], tuple[float, str]]) -> None:
        self._look = look
        self._lease_time = lease_time

    async def list(self) -> list[WorkerRecord]:
        return sorted(self._look().workers.values(), key=lambda worker: (worker.started_at, worker.worker_id))

    async def dead(self) -> list[DeadWorker]:
        lease_now, boot_id = self._lease_time()
        found = [worker for worker in await self.list() if is_dead(worker, lease_now, boot_id, "unknown")]
        return [DeadWorker(worker, proven=False) for worker in found]

    async def lease_left(self, worker_id: str) -> float | None:
        worker = self._look().workers.get(worker_id)
        return None if worker is None else worker.lease_until - self._lease_time()[0]
