"""Reading queues: which runs will be claimable."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class QueueReads(Protocol):
    """Reading queues."""

    async def next_due(self, queues: tuple[str, ...], workflows: tuple[str, ...], after: datetime) -> datetime | None:
        """When the next timer of a run of these queues and workflows is due, later than `after`; None for never."""
        ...

    async def alone_since(self, queues: tuple[str, ...], workflows: tuple[str, ...]) -> datetime | None:
        """Since when the first run of these that must be alone (`core.suspicion`) has been queued; None for none."""
        ...

    async def counts(self) -> dict[str, dict[str, int]]:
        """How many runs each queue has in each status that is not an end."""
        ...
