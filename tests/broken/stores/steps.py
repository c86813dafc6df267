"""Stores that change an outcome that was final."""

import msgspec

from perdure.stores.memory import steps
from perdure.stores.memory.state import State
from perdure.stores.port import (
    PutStep,
)
from perdure.testing.store_suite.facets.steps import StepPromises
from perdure.testing.store_suite.facets.takeovers import TakeoverPromises
from perdure.testing.store_suite.facets.values import ValuePromises
from tests.broken.registry import breaks


@breaks(PutStep, StepPromises.test_a_committed_outcome_never_changes)
def overwritten_outcome(state: State, operation: PutStep) -> None:
    """A step's final row is written over."""
    state.steps[operation.run_id].pop(operation.step.position, None)
    steps.put_step(state, operation)


@breaks(PutStep, TakeoverPromises.test_a_step_between_takeovers_starts_their_count_again)
def progress_not_seen(state: State, operation: PutStep) -> None:
    """A step that ends does not start the count of takeovers again."""
    takeovers = state.runs[operation.run_id].takeovers
    steps.put_step(state, operation)
    run = state.runs[operation.run_id]
    state.runs[operation.run_id] = msgspec.structs.replace(run, takeovers=takeovers)


@breaks(PutStep, ValuePromises.test_any_bytes_come_back)
def cut_at_nul(state: State, operation: PutStep) -> None:
    """A value ends at its first NUL, as text does in C."""
    step = operation.step
    result = step.result.partition(b"\0")[0] if step.result is not None else None
    steps.put_step(state, PutStep(operation.run_id, msgspec.structs.replace(step, result=result)))


@breaks(PutStep, ValuePromises.test_an_empty_value_is_not_none)
def empty_is_none(state: State, operation: PutStep) -> None:
    """An empty value comes back as none."""
    step = msgspec.structs.replace(operation.step, result=operation.step.result or None)
    steps.put_step(state, PutStep(operation.run_id, step))
