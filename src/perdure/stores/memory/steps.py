"""Reading steps in memory."""

from __future__ import annotations

from collections.abc import Callable

from perdure.core.positions import sort_key
from perdure.core.records import StepRecord
from perdure.core.states import FINAL
from perdure.stores.memory.copies import detached
from perdure.stores.memory.state import State


class Steps:
    """Reading steps."""

    def __init__(self, look: Callable[[], State]) -> None:
        self._look = look

    async def list(self, run_id: str, *, tenant: str | None) -> list[StepRecord]:
        steps = self._steps(run_id, tenant)
        return [detached(step) for step in sorted(steps, key=lambda step: sort_key(step.position))]

    async def count(self, run_id: str, *, tenant: str | None) -> int:
        return sum(step.status in FINAL for step in self._steps(run_id, tenant))

    def _steps(self, run_id: str, tenant: str | None) -> list[StepRecord]:
        rows = self._look().of_run.get((tenant, run_id))
        return [] if rows is None else list(rows.steps.values())
