"""Reading workers."""

from __future__ import annotations

from typing import Protocol

import msgspec

from perdure.core.records import WorkerRecord


class DeadWorker(msgspec.Struct, frozen=True):
    """A worker whose runs may be taken from it; `proven` says that its process is known to be gone."""

    worker: WorkerRecord
    proven: bool


class WorkerReads(Protocol):
    """Reading workers."""

    async def list(self) -> list[WorkerRecord]:
        """All workers, the oldest first."""
        ...

    async def dead(self) -> list[DeadWorker]:
        """Workers that are dead, as TakeOver says. It looks again.

        Shape: proof never guesses: a process of another container, whose pid says nothing here, is dead only when its
        own lock is free.
        """
        ...

    async def lease_left(self, worker_id: str) -> float | None:
        """How many seconds of a worker's lease are left, less than 0 after its end; None where it has no row."""
        ...
