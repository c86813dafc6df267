"""Reading queues in memory."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from perdure.core.states import ENDED, run_after
from perdure.core.suspicion import must_be_alone
from perdure.stores.memory.state import State


class Queues:
    """Reading queues."""

    def __init__(self, look: Callable[[], State]) -> None:
        self._look = look

    async def next_due(self, queues: tuple[str, ...], workflows: tuple[str, ...], after: datetime) -> datetime | None:
        waiting = (
            run.due_at
            for run in self._look().runs.values()
            if run.queue in queues and run.workflow in workflows and run_after(run.status, "claim")
        )
        return min((at for at in waiting if at is not None and at > after), default=None)

    async def alone_since(self, queues: tuple[str, ...], workflows: tuple[str, ...]) -> datetime | None:
        waiting = (
            run.ready_at
            for run in self._look().runs.values()
            if run.queue in queues and run.workflow in workflows and run.worker_id is None and must_be_alone(run)
        )
        return min((at for at in waiting if at is not None), default=None)

    async def counts(self) -> dict[str, dict[str, int]]:
        counts: dict[str, dict[str, int]] = {}
        for run in self._look().runs.values():
            if run.status not in ENDED:
                statuses = counts.setdefault(run.queue, {})
                statuses[run.status] = statuses.get(run.status, 0) + 1
        return counts
