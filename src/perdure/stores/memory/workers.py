"""Workers in memory. A process that dies takes its memory along: there is no death to prove."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from perdure.core.records import WorkerRecord
from perdure.errors import WorkerExpired
from perdure.stores import topics
from perdure.stores.memory.edges import move
from perdure.stores.memory.state import State
from perdure.stores.port import RegisterWorker, RenewWorker, RetireWorker


def register_worker(state: State, operation: RegisterWorker) -> None:
    """Apply RegisterWorker."""
    state.workers[operation.worker.worker_id] = operation.worker
    state.news.add(topics.WORKERS)


def renew_worker(state: State, operation: RenewWorker) -> list[str]:
    """Apply RenewWorker."""
    worker = live(state, operation.worker_id, operation.lease_now)
    state.workers[worker.worker_id] = msgspec.structs.replace(
        worker, lease_until=operation.lease_until, renewed_at=operation.at
    )
    if operation.executing is None:
        return []
    named = [run.run_id for run in state.runs.values() if run.worker_id == worker.worker_id]
    return [run_id for run_id in named if run_id not in operation.executing]


def retire_worker(state: State, operation: RetireWorker) -> None:
    """Apply RetireWorker."""
    for run in [run for run in state.runs.values() if run.worker_id == operation.worker_id]:
        at = operation.at
        move(state, run, "release", at, token=run.token + 1, worker_id=None, due_at=at)
    state.workers.pop(operation.worker_id, None)
    state.news.add(topics.WORKERS)


def live(state: State, worker_id: str, lease_now: float) -> WorkerRecord:
    """The worker, where its lease has not ended. Raises: WorkerExpired."""
    worker = state.workers.get(worker_id)
    if worker is None or worker.lease_until <= lease_now:
        raise WorkerExpired(worker_id)
    return worker


def is_over(worker: WorkerRecord, lease_now: float, boot_id: str) -> bool:
    """Whether a lease has ended: a reboot ends them all."""
    return worker.boot_id != boot_id or worker.lease_until <= lease_now


class Workers:
    """Reading workers."""

    def __init__(self, look: Callable[[], State]) -> None:
        self._look = look

    async def list(self) -> list[WorkerRecord]:
        return sorted(self._look().workers.values(), key=lambda worker: (worker.started_at, worker.worker_id))

    async def dead(self, lease_now: float, boot_id: str) -> list[tuple[WorkerRecord, bool]]:
        return [(worker, False) for worker in await self.list() if is_over(worker, lease_now, boot_id)]
