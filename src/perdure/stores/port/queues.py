"""Queues: which runs are claimable, and how many of a queue may run at once."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

import msgspec


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """Lease runs that are due to a worker: edge `claim`; each token is raised.

    Shape: Loaded records, the longest due first; none where nothing is due. A run is due when it is queued or
    suspended and its `due_at` is not later than `at`. Only workflows among `workflows` are taken, and of a queue
    never so many that more than its limit would be running, over all workers of the store; None means no limit.
    Raises: WorkerExpired where the worker has no live lease at `lease_now`.
    """

    worker_id: str
    queues: tuple[tuple[str, int | None], ...]
    workflows: tuple[str, ...]
    limit: int
    at: datetime
    lease_now: float


class QueueReads(Protocol):
    """Reading queues."""

    async def next_due(self, queues: tuple[str, ...], workflows: tuple[str, ...], after: datetime) -> datetime | None:
        """When the next run of these queues and workflows is due, later than `after`; None where none will be."""
        ...

    async def counts(self) -> dict[str, dict[str, int]]:
        """How many runs each queue has in each status that is not an end."""
        ...
