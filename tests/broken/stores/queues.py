"""Stores that claim what they should not, or in the wrong order."""

import msgspec

from perdure.core.decisions.reads import CountRunning, GetClaimable
from perdure.core.operations import Claim
from perdure.core.records import RunRecord
from perdure.testing.store_suite.facets.claims import ClaimPromises
from perdure.testing.store_suite.facets.queues import QueuePromises
from perdure.testing.store_suite.facets.tenants import TenantPromises
from tests.broken.registry import BreakableStore, decides_instead, reads_instead


@reads_instead(CountRunning, QueuePromises.test_the_limit_of_a_queue_holds_over_all_workers)
def limit_of_a_worker(store: BreakableStore, request: CountRunning, count: int) -> int:
    """The limit of a queue counts what this worker runs, and not what the others do."""
    return sum(run.queue == request.queue and run.worker_id == "ana" for run in store.state.runs.values())


@reads_instead(CountRunning, QueuePromises.test_a_run_that_is_being_cancelled_keeps_its_place_in_the_limit)
def limit_without_the_cancelled(store: BreakableStore, request: CountRunning, count: int) -> int:
    """A run that is being cancelled has lost its place, though it still runs."""
    return sum(run.queue == request.queue and run.status == "running" for run in store.state.runs.values())


@reads_instead(CountRunning, QueuePromises.test_the_limit_of_a_queue_holds_over_all_tenants)
def limit_of_a_tenant(store: BreakableStore, request: CountRunning, count: int) -> int:
    """The limit of a queue counts what each tenant runs."""
    return 0 if len({run.tenant for run in store.state.runs.values()}) > 1 else count


@decides_instead(Claim, ClaimPromises.test_a_timer_is_not_claimed_before_its_time)
def claimed_before_its_time(store: BreakableStore, operation: Claim) -> Claim:
    """What will be due is claimed."""
    times = [run.due_at for run in store.state.runs.values() if run.due_at is not None]
    return msgspec.structs.replace(operation, at=max(times, default=operation.at))


@reads_instead(GetClaimable, ClaimPromises.test_what_is_queued_is_claimable_whatever_the_wall_clock_says)
def ready_by_the_wall_clock(store: BreakableStore, request: GetClaimable, runs: list[RunRecord]) -> list[RunRecord]:
    """What was queued by a clock that is ahead waits until this one has come so far."""
    return [run for run in runs if run.ready_at is None or run.ready_at <= request.at]


@decides_instead(Claim, ClaimPromises.test_only_the_workflows_that_are_named_are_claimed)
def any_workflow(store: BreakableStore, operation: Claim) -> Claim:
    """A worker gets what it can't run."""
    workflows = tuple({run.workflow for run in store.state.runs.values()})
    return msgspec.structs.replace(operation, workflows=workflows)


@reads_instead(GetClaimable, ClaimPromises.test_the_longest_claimable_of_all_queues_is_claimed_first)
def one_queue_after_the_other(store: BreakableStore, request: GetClaimable, runs: list[RunRecord]) -> list[RunRecord]:
    """The first queue is emptied before anybody looks at the second."""
    early = store.clock.now().replace(year=2000 if request.queue == "one" else 2001)
    return [msgspec.structs.replace(run, ready_at=early) for run in runs]


@reads_instead(GetClaimable, ClaimPromises.test_the_longest_claimable_is_claimed_first)
def newest_first(store: BreakableStore, request: GetClaimable, runs: list[RunRecord]) -> list[RunRecord]:
    """Who came last is served first."""
    return runs[::-1]


@reads_instead(GetClaimable, TenantPromises.test_a_worker_claims_and_takes_over_what_is_of_every_tenant)
def claims_of_one_tenant(store: BreakableStore, request: GetClaimable, runs: list[RunRecord]) -> list[RunRecord]:
    """A worker claims what has no tenant, and nothing else."""
    return [run for run in runs if run.tenant is None]
