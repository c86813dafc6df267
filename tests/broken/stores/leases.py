"""Stores that give a run to the wrong worker, or at the wrong time."""

from collections.abc import Callable
from typing import Any

import msgspec

from perdure.core.decisions.changes import RemoveWorker, UpdateRun
from perdure.core.decisions.reads import GetLeaseTime, GetWorker
from perdure.core.operations import OutsideOperation, TakeOver, TakeRun
from perdure.core.records import WorkerRecord
from perdure.testing.store_suite.facets.cancelling import CancelPromises
from perdure.testing.store_suite.facets.claims import ClaimPromises
from perdure.testing.store_suite.facets.leases import LeasePromises
from perdure.testing.store_suite.facets.takeovers import TakeoverPromises
from perdure.testing.store_suite.facets.workers import WorkerPromises
from tests.broken.registry import BreakableStore, Promise, caught_by, reads_instead, writes_instead

A_MOMENT = 0.25


class WhileExecuting(BreakableStore):
    """Knows which operation is being decided."""

    executing: OutsideOperation | None = None

    def _execute(self, operation: OutsideOperation) -> Any:
        self.executing = operation
        return super()._execute(operation)


def while_deciding(kind: type, *promises: Promise) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a store in which the decision of one kind of operation reads something else."""

    def register(broken: Callable[..., Any]) -> Callable[..., Any]:
        def answer(store: WhileExecuting, request: Any, found: Any) -> Any:
            return broken(store, request, found) if isinstance(store.executing, kind) else found

        body = {"__doc__": broken.__doc__, "__module__": broken.__module__, "answer": answer}
        caught_by(*promises)(type(broken.__name__, (WhileExecuting,), body))
        return broken

    return register


@while_deciding(TakeRun, LeasePromises.test_a_run_is_free_when_the_lease_of_its_holder_ends_now)
def held_at_its_very_end(store: BreakableStore, request: Any, found: Any) -> Any:
    """A lease that ends now still counts, for whoever takes a run."""
    return (found[0] - A_MOMENT, found[1]) if isinstance(request, GetLeaseTime) else found


@while_deciding(TakeOver, TakeoverPromises.test_a_takeover_may_come_at_the_very_end_of_a_lease_and_not_before)
def alive_at_its_very_end(store: BreakableStore, request: Any, found: Any) -> Any:
    """A lease that ends now still counts, for whoever takes over."""
    return (found[0] - A_MOMENT, found[1]) if isinstance(request, GetLeaseTime) else found


@while_deciding(TakeRun, LeasePromises.test_a_run_of_a_worker_that_lives_is_held)
def taken_from_the_living(store: BreakableStore, request: Any, found: Any) -> Any:
    """Whoever asks for a run gets it."""
    is_other = isinstance(request, GetWorker) and request.worker_id == "ana"
    return msgspec.structs.replace(found, boot_id="no such boot") if is_other and found is not None else found


@while_deciding(
    TakeOver,
    TakeoverPromises.test_a_takeover_looks_at_the_lease_again,
    WorkerPromises.test_a_late_renewal_lands_where_nobody_has_taken_over,
)
def takeover_without_a_second_look(store: BreakableStore, request: Any, found: Any) -> Any:
    """A takeover trusts what was seen a while ago."""
    return (1e12, found[1]) if isinstance(request, GetLeaseTime) else found


@while_deciding(
    TakeOver,
    TakeoverPromises.test_a_takeover_leaves_a_worker_that_has_registered_again_since_it_was_found_dead,
)
def takeover_from_a_later_incarnation(store: WhileExecuting, request: Any, found: WorkerRecord | None) -> Any:
    """A takeover takes from whoever has the id by now."""
    if not isinstance(request, GetWorker) or found is None or not isinstance(store.executing, TakeOver):
        return found
    return msgspec.structs.replace(found, incarnation=store.executing.incarnation)


@writes_instead(UpdateRun, LeasePromises.test_the_same_worker_takes_again_under_a_raised_token)
def token_kept_at_a_second_take(store: BreakableStore, change: UpdateRun) -> list[UpdateRun]:
    """The same worker gets the same token again."""
    before = store.state.runs[change.run.tenant, change.run.run_id]
    if before.worker_id is None or change.run.worker_id != before.worker_id:
        return [change]
    return [change._replace(run=msgspec.structs.replace(change.run, token=before.token))]


@writes_instead(
    UpdateRun,
    TakeoverPromises.test_a_takeover_raises_each_token,
    CancelPromises.test_a_sealed_run_has_a_raised_token,
    WorkerPromises.test_the_runs_of_a_worker_that_retires_are_queued_again,
)
def token_raised_by_claims_alone(store: BreakableStore, change: UpdateRun) -> list[UpdateRun]:
    """Whoever takes a run from its owner leaves the token as it is."""
    before = store.state.runs[change.run.tenant, change.run.run_id]
    if change.run.worker_id is not None:
        return [change]
    return [change._replace(run=msgspec.structs.replace(change.run, token=before.token))]


@writes_instead(RemoveWorker, TakeoverPromises.test_a_takeover_takes_every_run_of_a_dead_worker)
def worker_left_behind(store: BreakableStore, change: RemoveWorker) -> list[RemoveWorker]:
    """A dead worker's row stays."""
    return []


@reads_instead(GetWorker, ClaimPromises.test_a_worker_whose_lease_has_ended_claims_nothing)
def lease_never_over(store: BreakableStore, request: GetWorker, worker: WorkerRecord | None) -> WorkerRecord | None:
    """A worker claims for as long as its row is there."""
    return worker and msgspec.structs.replace(worker, lease_until=1e12)
