"""Queues in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime

from perdure.core.records import Loaded, RunRecord
from perdure.core.states import ENDED, OWNED, run_after
from perdure.stores.memory.leases import leased
from perdure.stores.memory.runs import loaded
from perdure.stores.memory.state import State
from perdure.stores.memory.workers import live
from perdure.stores.port import Claim


def claim(state: State, operation: Claim) -> tuple[Loaded, ...]:
    """Apply Claim."""
    live(state, operation.worker_id, operation.lease_now)
    taken = Counter(run.queue for run in state.runs.values() if run.status in OWNED)
    limits = dict(operation.queues)
    claimed: list[Loaded] = []
    for run in _due(state, operation):
        limit = limits[run.queue]
        if len(claimed) < operation.limit and (limit is None or taken[run.queue] < limit):
            taken[run.queue] += 1
            claimed.append(loaded(state, leased(state, run, operation.worker_id, operation.at)))
    return tuple(claimed)


def _due(state: State, operation: Claim) -> list[RunRecord]:
    waiting = _waiting(state, {name for name, _ in operation.queues}, operation.workflows)
    due = [(at, run) for at, run in waiting if at <= operation.at]
    return [run for _, run in sorted(due, key=lambda one: one[0])]


def _waiting(state: State, queues: set[str], workflows: tuple[str, ...]) -> list[tuple[datetime, RunRecord]]:
    return [
        (run.due_at, run)
        for run in state.runs.values()
        if run.due_at is not None
        and run.queue in queues
        and run.workflow in workflows
        and run_after(run.status, "claim")
    ]


class Queues:
    """Reading queues."""

    def __init__(self, look: Callable[[], State]) -> None:
        self._look = look

    async def next_due(self, queues: tuple[str, ...], workflows: tuple[str, ...], after: datetime) -> datetime | None:
        waiting = _waiting(self._look(), set(queues), workflows)
        return min((at for at, _ in waiting if at > after), default=None)

    async def counts(self) -> dict[str, dict[str, int]]:
        counts: dict[str, dict[str, int]] = {}
        for run in self._look().runs.values():
            if run.status not in ENDED:
                statuses = counts.setdefault(run.queue, {})
                statuses[run.status] = statuses.get(run.status, 0) + 1
        return counts
