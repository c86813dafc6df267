"""Steps in memory."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from perdure.core.positions import sort_key
from perdure.core.records import StepRecord
from perdure.core.states import FINAL, step_may
from perdure.errors import StepFinal
from perdure.stores.memory.copies import detached
from perdure.stores.memory.edges import find
from perdure.stores.memory.state import State
from perdure.stores.port import PutStep


def put_step(state: State, operation: PutStep) -> None:
    """Apply PutStep."""
    run, step = find(state, operation.run_id), operation.step
    steps = state.steps[run.run_id]
    before = steps.get(step.position)
    if not step_may(before.status if before else None, step.status):
        raise StepFinal(run.run_id, step.position)
    steps[step.position] = step
    if step.status in FINAL:
        state.runs[run.run_id] = msgspec.structs.replace(run, takeovers=0)


def steps_of(state: State, run_id: str) -> list[StepRecord]:
    """A run's steps, in the order of their positions."""
    return sorted(
        (state.steps.get(run_id) or dict[str, StepRecord]()).values(), key=lambda step: sort_key(step.position)
    )


class Steps:
    """Reading steps."""

    def __init__(self, look: Callable[[], State]) -> None:
        self._look = look

    async def list(self, run_id: str) -> list[StepRecord]:
        return [detached(step) for step in steps_of(self._look(), run_id)]
