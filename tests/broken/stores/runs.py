"""Stores that end, cancel, restart or delete a run in a wrong way."""

from typing import Any

import msgspec

from perdure.core.records import RunRecord, StepRecord
from perdure.stores.memory import edges, runs
from perdure.stores.memory.state import State
from perdure.stores.port import (
    CancelRun,
    Created,
    CreateRun,
    DeleteRun,
    FinishRun,
    RestartRun,
    SealRun,
)
from perdure.testing.store_suite.facets.cancelling import CancellingPromises
from perdure.testing.store_suite.facets.listing import ListPromises
from perdure.testing.store_suite.facets.parents import ParentPromises
from perdure.testing.store_suite.facets.runs import RunPromises
from tests.broken.registry import BreakableStore, breaks, caught_by


def _orphan(state: State, run_id: str) -> RunRecord:
    run = state.runs[run_id]
    state.runs[run_id] = msgspec.structs.replace(run, parent_key=None)
    return run


@breaks(FinishRun, ParentPromises.test_a_parent_is_told_the_result_and_woken)
def parent_not_told(state: State, operation: FinishRun) -> None:
    """A child that ends tells nobody."""
    _orphan(state, operation.run_id)
    runs.finish_run(state, operation)


@breaks(SealRun, ParentPromises.test_a_parent_is_told_of_a_child_that_was_sealed)
def parent_not_told_of_a_seal(state: State, operation: SealRun) -> RunRecord:
    """A child that somebody else ends tells nobody."""
    _orphan(state, operation.run_id)
    return runs.seal_run(state, operation)


@breaks(CancelRun, CancellingPromises.test_children_and_theirs_are_cancelled_too)
def children_forgotten(state: State, operation: CancelRun) -> RunRecord:
    """A run is cancelled, and its children work on."""
    children = [run for run in state.runs.values() if run.parent_id == operation.run_id]
    for child in children:
        state.runs[child.run_id] = msgspec.structs.replace(child, parent_id=None)
    run = runs.cancel_run(state, operation)
    for child in children:
        state.runs[child.run_id] = child
    return run


@breaks(CancelRun, CancellingPromises.test_children_and_theirs_are_cancelled_too)
def grandchildren_forgotten(state: State, operation: CancelRun) -> RunRecord:
    """Children are cancelled, and theirs work on."""
    grown_up = {run.run_id for run in state.runs.values() if run.parent_id != operation.run_id} - {operation.run_id}
    orphans = [run for run in state.runs.values() if run.run_id in grown_up]
    for orphan in orphans:
        state.runs[orphan.run_id] = msgspec.structs.replace(orphan, parent_id=None)
    run = runs.cancel_run(state, operation)
    for orphan in orphans:
        state.runs[orphan.run_id] = orphan
    return run


@breaks(CancelRun, CancellingPromises.test_a_run_that_is_being_cancelled_stays_as_it_is)
def deadline_moved(state: State, operation: CancelRun) -> RunRecord:
    """Asking again gives an owner more time."""
    run = runs.cancel_run(state, operation)
    if run.status == "cancelling":
        state.runs[run.run_id] = run = msgspec.structs.replace(run, cancel_by=operation.cancel_by)
    return run


@breaks(SealRun, CancellingPromises.test_a_run_is_sealed_when_its_deadline_has_come_and_not_before)
def sealed_early(state: State, operation: SealRun) -> RunRecord:
    """An owner is not given the time that it was promised."""
    run = edges.find(state, operation.run_id)
    return runs.seal_run(state, msgspec.structs.replace(operation, at=run.cancel_by or operation.at))


@breaks(SealRun, CancellingPromises.test_a_sealed_run_has_a_raised_token)
def token_kept_at_the_seal(state: State, operation: SealRun) -> Any:
    """A run is sealed without a new token."""
    token = runs.find(state, operation.run_id).token
    run = msgspec.structs.replace(runs.seal_run(state, operation), token=token)
    state.runs[operation.run_id] = run
    return run


@breaks(RestartRun, RunPromises.test_a_restart_reopens_the_failed_steps_that_it_names)
def reopens_nothing(state: State, operation: RestartRun) -> RunRecord:
    """A restarted run fails again at once: its failed steps are still final."""
    return runs.restart_run(state, msgspec.structs.replace(operation, reopen=()))


@breaks(RestartRun, RunPromises.test_a_restart_reopens_the_failed_steps_that_it_names)
def reopens_everything(state: State, operation: RestartRun) -> RunRecord:
    """A restart reopens steps that had completed."""
    for position, step in state.steps.get(operation.run_id, dict[str, StepRecord]()).items():
        reopened = msgspec.structs.replace(step, status="running", retry=operation.at.timestamp(), completed=None)
        state.steps[operation.run_id][position] = reopened
    return runs.restart_run(state, operation)


@breaks(RestartRun, RunPromises.test_only_a_failed_run_is_restarted)
def restarts_anything(state: State, operation: RestartRun) -> RunRecord:
    """A completed run is queued again."""
    run = edges.find(state, operation.run_id)
    if run.status == "completed":
        state.runs[run.run_id] = msgspec.structs.replace(run, status="failed")
    return runs.restart_run(state, operation)


@breaks(CreateRun, RunPromises.test_one_id_is_one_input)
def input_not_compared(state: State, operation: CreateRun) -> Created:
    """One id serves for two inputs."""
    known = state.runs.get(operation.run_id)
    given = msgspec.structs.replace(operation, manifest_hash=known.manifest_hash) if known else operation
    return runs.create_run(state, given)


@breaks(DeleteRun, RunPromises.test_only_an_ended_run_is_deleted)
def deletes_the_living(state: State, operation: DeleteRun) -> None:
    """A run that has not ended is deleted."""
    runs.erase(state, edges.find(state, operation.run_id))


@breaks(DeleteRun, RunPromises.test_a_deleted_run_leaves_nothing)
def rows_left_behind(state: State, operation: DeleteRun) -> None:
    """A deleted run leaves its questions."""
    left = dict(state.questions.items())
    runs.delete_run(state, operation)
    state.questions.update(left)


@caught_by(ListPromises.test_pages_miss_nothing_and_repeat_nothing)
class PagesByTimeAlone(BreakableStore):
    """A page begins after the moment of the last one, and misses what is as old."""

    def __init__(self, url: str = "memory:") -> None:
        super().__init__(url)
        listed = self.runs.list

        async def pages(*, before: Any = None, limit: int = 100, **filters: Any) -> list[RunRecord]:
            return await listed(before=before and (before[0], ""), limit=limit, **filters)

        self.runs.list = pages
