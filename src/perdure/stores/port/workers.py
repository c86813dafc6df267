"""Workers: one row each, renewed as a whole, however many runs it executes."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

import msgspec

from perdure.core.records import WorkerRecord


class RegisterWorker(msgspec.Struct, frozen=True, kw_only=True):
    """Add a worker's row; it replaces that of an earlier worker of the same id, a process that had it before.

    From here to its RetireWorker, or to the end of this process, its death can be proven, where the store can do
    that: this process holds the proof of its life.
    """

    worker: WorkerRecord


class RenewWorker(msgspec.Struct, frozen=True, kw_only=True):
    """Move a worker's lease forward.

    Shape: the ids of the runs that name this worker but are not among `executing`, none where that is None. They are
    not touched here: a claim may be on its way to the worker, which looks again and releases what is really left.
    Units: `lease_until` and `lease_now` in seconds of lease time.
    Raises: WorkerExpired where its row is gone, or its lease is not later than `lease_now`: a late renewal is none.
    """

    worker_id: str
    lease_until: float
    lease_now: float
    at: datetime
    executing: frozenset[str] | None = None


class RetireWorker(msgspec.Struct, frozen=True, kw_only=True):
    """Remove a worker that stops; runs that still name it are queued again as by ReleaseRun, under a raised token."""

    worker_id: str
    at: datetime


class WorkerReads(Protocol):
    """Reading workers."""

    async def list(self) -> list[WorkerRecord]:
        """All workers, the oldest first."""
        ...

    async def dead(self, lease_now: float, boot_id: str) -> list[tuple[WorkerRecord, bool]]:
        """Workers whose lease has ended or whose death is proven, and whether it is proven.

        A lease ends when `lease_now` reaches it, or when the machine has booted since. Proof never guesses: a
        process of another container, whose pid says nothing here, is dead only when its own lock is free.
        """
        ...
