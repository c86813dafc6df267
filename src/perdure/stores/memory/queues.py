"""Reading queues in memory."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from itertools import islice, product

from perdure.stores.memory.state import State


class Queues:
    """Reading queues."""

    def __init__(self, look: Callable[[], State]) -> None:
        self._look = look

    async def next_due(self, queues: tuple[str, ...], workflows: tuple[str, ...], after: datetime) -> datetime | None:
        index = self._look().runs.index
        firsts = (index.entries(("due", *names), above=(after,)) for names in product(queues, workflows))
        return min((place[0] for found in firsts for place, _, _ in islice(found, 1)), default=None)

    async def alone_since(self, queues: tuple[str, ...], workflows: tuple[str, ...]) -> datetime | None:
        index = self._look().runs.index
        firsts = (index.entries(("alone", *names)) for names in product(queues, workflows))
        return min((place[0] for found in firsts for place, _, _ in islice(found, 1)), default=None)

    async def counts(self) -> dict[str, dict[str, int]]:
        counts: dict[str, dict[str, int]] = {}
        for (_, queue, status), many in self._look().runs.index.sizes("open"):
            counts.setdefault(str(queue), {})[str(status)] = many
        return counts
