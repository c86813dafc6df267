"""Stores that end, cancel, restart or delete a run in a wrong way."""

from typing import Any

import msgspec

from perdure.core.decisions.changes import InsertEvent, RemoveRun, UpdateRun, WriteStep
from perdure.core.decisions.reads import GetChildren, GetLeaseTime, GetRun, GetSteps
from perdure.core.operations import CreateRun, RestartRun, SealRun, SuspendRun
from perdure.core.records import RunRecord, StepRecord
from perdure.core.states import ENDED
from perdure.testing.store_suite.facets.cancelling import CancelChildrenPromises, CancelPromises
from perdure.testing.store_suite.facets.cleanups import CleanupPromises
from perdure.testing.store_suite.facets.deleting import DeletePromises
from perdure.testing.store_suite.facets.listing import ListPromises
from perdure.testing.store_suite.facets.parents import ParentPromises
from perdure.testing.store_suite.facets.random_histories import RandomHistoryPromises
from perdure.testing.store_suite.facets.restarting import RestartPromises
from perdure.testing.store_suite.facets.runs import RunPromises
from perdure.testing.store_suite.facets.steps import StepPromises
from perdure.testing.store_suite.facets.values import ValuePromises
from tests.broken.registry import BreakableStore, caught_by, decides_instead, reads_instead, writes_instead
from tests.broken.stores.leases import while_deciding


@writes_instead(
    InsertEvent,
    ParentPromises.test_a_parent_is_told_the_result_and_woken,
    ParentPromises.test_a_parent_is_told_of_a_child_that_was_sealed,
    RandomHistoryPromises.test_whatever_is_done_nothing_is_lost_or_stuck_or_left_open,
)
def parent_not_told(store: BreakableStore, change: InsertEvent) -> list[InsertEvent]:
    """A child that ends tells nobody."""
    return [] if change.event.key.startswith("child:") else [change]


@writes_instead(InsertEvent, ParentPromises.test_each_life_of_a_child_tells_its_end_under_a_key_of_its_own)
def lives_of_a_child_not_told_apart(store: BreakableStore, change: InsertEvent) -> list[InsertEvent]:
    """The end of a child that was restarted has the key of its first one."""
    key = change.event.key.partition("#")[0]
    return [change._replace(event=msgspec.structs.replace(change.event, key=key))]


@reads_instead(
    GetChildren,
    CancelChildrenPromises.test_children_and_theirs_are_cancelled_too,
    CancelChildrenPromises.test_children_that_come_between_a_cancel_and_its_end_are_cancelled,
)
def children_forgotten(store: BreakableStore, request: GetChildren, children: list[RunRecord]) -> list[RunRecord]:
    """A run is cancelled, and its children go on."""
    return []


@reads_instead(GetChildren, CancelChildrenPromises.test_children_and_theirs_are_cancelled_too)
def grandchildren_forgotten(store: BreakableStore, request: GetChildren, children: list[RunRecord]) -> list[RunRecord]:
    """Children are cancelled, and theirs go on."""
    return children if request.run.parent_id is None else []


@reads_instead(GetChildren, CancelChildrenPromises.test_children_are_cancelled_in_batches)
def children_of_the_first_batch(
    store: BreakableStore, request: GetChildren, children: list[RunRecord]
) -> list[RunRecord]:
    """Who cancels children believes that there are no more than it asked for."""
    return children[: max(1, request.limit - 1)]


@decides_instead(SuspendRun, CleanupPromises.test_a_suspended_run_that_cleans_up_is_claimable_for_that)
def cleanups_skipped(store: BreakableStore, operation: SuspendRun) -> SuspendRun:
    """A run that waits is cancelled at once, whatever it has to clean up."""
    return msgspec.structs.replace(operation, cleans_up=False)


@writes_instead(UpdateRun, CancelPromises.test_a_run_that_is_being_cancelled_stays_as_it_is)
def cancelled_in_the_future(store: BreakableStore, change: UpdateRun) -> list[UpdateRun]:
    """Asking again begins anew: a run that is being cancelled looks as if it were running."""
    if change.run.status != "cancelling":
        return [change]
    return [change._replace(run=msgspec.structs.replace(change.run, status="running"))]


@while_deciding(SealRun, CancelPromises.test_a_run_is_sealed_when_its_time_has_passed_and_not_before)
def sealed_early(store: BreakableStore, request: Any, found: Any) -> Any:
    """An owner is not given the time that it was promised."""
    return (found[0] + 1e6, found[1]) if isinstance(request, GetLeaseTime) else found


@while_deciding(SealRun, CancelPromises.test_a_jump_of_the_wall_clock_neither_seals_a_run_nor_saves_it)
def sealed_by_the_wall_clock(store: BreakableStore, request: Any, found: Any) -> Any:
    """Whether a time has passed is read from the wall clock."""
    begun = store.clock.at.replace(month=1, day=1, hour=0, minute=0, year=2026)
    passed = (store.clock.at - begun).total_seconds()
    return (1000.0 + passed, found[1]) if isinstance(request, GetLeaseTime) else found


@reads_instead(GetSteps, RestartPromises.test_a_restart_reopens_the_failed_steps_that_it_names)
def reopens_nothing(store: BreakableStore, request: GetSteps, steps: list[StepRecord]) -> list[StepRecord]:
    """A restarted run fails again at once: its failed steps are still final."""
    return []


@reads_instead(GetSteps, RestartPromises.test_a_restart_reopens_the_failed_steps_that_it_names)
def reopens_everything(store: BreakableStore, request: GetSteps, steps: list[StepRecord]) -> list[StepRecord]:
    """A restart reopens steps that had completed."""
    every = store.state.of_run[request.run.tenant, request.run.run_id].steps.values()
    return [msgspec.structs.replace(step, status="failed") for step in every]


@while_deciding(RestartRun, RestartPromises.test_only_a_failed_run_is_restarted)
def restarts_anything(store: BreakableStore, request: Any, found: Any) -> Any:
    """A run that has completed is queued again."""
    if not isinstance(request, GetRun) or found is None or found.status not in ENDED:
        return found
    return msgspec.structs.replace(found, status="failed")


@decides_instead(CreateRun, RunPromises.test_one_id_is_one_input)
def input_not_compared(store: BreakableStore, operation: CreateRun) -> CreateRun:
    """One id serves for two inputs."""
    known = store.state.runs.get((operation.tenant, operation.run_id))
    return msgspec.structs.replace(operation, manifest_hash=known.manifest_hash) if known else operation


@reads_instead(GetRun, DeletePromises.test_only_an_ended_run_is_deleted)
def ended_already(store: BreakableStore, request: GetRun, run: RunRecord | None) -> RunRecord | None:
    """A run that has not ended is taken for one that has."""
    return run and msgspec.structs.replace(run, status="completed")


@writes_instead(RemoveRun, DeletePromises.test_a_deleted_run_leaves_nothing)
def rows_left_behind(store: BreakableStore, change: RemoveRun) -> list[RemoveRun]:
    """A deleted run leaves its questions."""
    for key, question in list(store.state.questions.items()):
        store.state.questions[key] = msgspec.structs.replace(question, run_id="nobody's")
    return [change]


@writes_instead(
    WriteStep,
    StepPromises.test_a_committed_outcome_outlives_its_owner,
    StepPromises.test_a_committed_outcome_never_changes,
)
def outcome_not_final(store: BreakableStore, change: WriteStep) -> list[WriteStep]:
    """A step that has ended looks as if it were in doubt."""
    step = change.step
    return [change._replace(step=msgspec.structs.replace(step, status="in_doubt") if step.result else step)]


@writes_instead(WriteStep, ValuePromises.test_any_bytes_come_back)
def cut_at_nul(store: BreakableStore, change: WriteStep) -> list[WriteStep]:
    """A value ends at its first NUL, as text does in C."""
    result = change.step.result.partition(b"\0")[0] if change.step.result is not None else None
    return [change._replace(step=msgspec.structs.replace(change.step, result=result))]


@writes_instead(WriteStep, ValuePromises.test_an_empty_value_is_not_none)
def empty_is_none(store: BreakableStore, change: WriteStep) -> list[WriteStep]:
    """An empty value comes back as none."""
    return [change._replace(step=msgspec.structs.replace(change.step, result=change.step.result or None))]


@caught_by(ListPromises.test_pages_miss_nothing_and_repeat_nothing)
class PagesByTimeAlone(BreakableStore):
    """A page begins after the moment of the last one, and misses what is as old."""

    def __init__(self, url: str = "memory:", **options: Any) -> None:
        super().__init__(url, **options)
        listed = self.runs.list

        async def pages(*, before: Any = None, limit: int = 100, **filters: Any) -> list[RunRecord]:
            return await listed(before=before and (before[0], ""), limit=limit, **filters)

        self.runs.list = pages
