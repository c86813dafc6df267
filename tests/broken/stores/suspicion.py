"""Stores that fail a healthy run as poisoned, or never fail one that is."""

import msgspec

from perdure.core.decisions.changes import UpdateRun
from perdure.core.decisions.reads import GetClaimable, GetHolding
from perdure.core.records import RunRecord, Suspicion
from perdure.testing.store_suite.facets.poison import PoisonPromises
from perdure.testing.store_suite.facets.suspicion import SuspicionPromises
from tests.broken.registry import BreakableStore, reads_instead, writes_instead


def _with(change: UpdateRun, suspicion: Suspicion | None) -> list[UpdateRun]:
    return [change._replace(run=msgspec.structs.replace(change.run, suspicion=suspicion))]


@writes_instead(UpdateRun, SuspicionPromises.test_a_run_that_dies_alone_too_often_is_failed_as_poisoned)
def never_poisoned(store: BreakableStore, change: UpdateRun) -> list[UpdateRun]:
    """A run may kill workers for ever."""
    known = change.run.suspicion
    return _with(change, known and msgspec.structs.replace(known, deaths_alone=0))


@writes_instead(UpdateRun, SuspicionPromises.test_only_deaths_alone_make_a_run_poisoned)
def every_death_poisons(store: BreakableStore, change: UpdateRun) -> list[UpdateRun]:
    """A run is failed as poisoned for deaths that it shared with others."""
    known = change.run.suspicion
    return _with(change, known and msgspec.structs.replace(known, deaths_alone=known.deaths))


@writes_instead(
    UpdateRun,
    SuspicionPromises.test_what_is_no_death_is_not_counted,
    PoisonPromises.test_workers_that_stop_and_stall_fail_nobody,
)
def death_counted_when_given_back(store: BreakableStore, change: UpdateRun) -> list[UpdateRun]:
    """A worker that retires, or gives a run back, counts as one that died."""
    before = store.state.runs[change.run.tenant, change.run.run_id]
    if before.worker_id is None or change.run.status != "queued" or change.run.suspicion is not before.suspicion:
        return [change]
    known = before.suspicion or Suspicion()
    return _with(change, msgspec.structs.replace(known, deaths=known.deaths + 1))


@writes_instead(UpdateRun, SuspicionPromises.test_progress_takes_suspicion_back)
def progress_not_seen(store: BreakableStore, change: UpdateRun) -> list[UpdateRun]:
    """A run that goes on stays suspected."""
    before = store.state.runs[change.run.tenant, change.run.run_id]
    return _with(change, change.run.suspicion or before.suspicion)


@writes_instead(UpdateRun, SuspicionPromises.test_what_is_no_progress_leaves_suspicion)
def anything_is_progress(store: BreakableStore, change: UpdateRun) -> list[UpdateRun]:
    """A run that is claimed is not suspected any more."""
    return _with(change, None) if change.run.worker_id is not None else [change]


@reads_instead(
    GetClaimable,
    SuspicionPromises.test_a_suspect_is_claimed_with_nothing_else,
    PoisonPromises.test_a_run_that_kills_at_once_is_failed_and_no_other,
)
def suspects_not_alone(store: BreakableStore, request: GetClaimable, runs: list[RunRecord]) -> list[RunRecord]:
    """A suspect is claimed with whatever else there is."""
    return [msgspec.structs.replace(run, suspicion=None) for run in runs]


@reads_instead(
    GetHolding,
    SuspicionPromises.test_nothing_is_claimed_beside_a_trial_until_it_is_over,
    SuspicionPromises.test_a_run_beside_others_by_name_is_not_alone,
)
def trial_not_alone(
    store: BreakableStore, request: GetHolding, found: tuple[bool, list[RunRecord]]
) -> tuple[bool, list[RunRecord]]:
    """A worker forgets that it has a suspect on trial, and claims more."""
    return found[0], []


@reads_instead(GetHolding, SuspicionPromises.test_a_run_that_must_be_alone_waits_for_an_empty_worker)
def worker_always_empty(
    store: BreakableStore, request: GetHolding, found: tuple[bool, list[RunRecord]]
) -> tuple[bool, list[RunRecord]]:
    """A run that must be alone is begun beside others."""
    return False, found[1]
