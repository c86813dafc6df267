"""Stores whose fence has a hole."""

from datetime import timedelta

import msgspec

from perdure.core.records import Lease
from perdure.core.states import OWNED
from perdure.errors import LeaseLost
from perdure.stores.memory import copies
from perdure.stores.memory.leases import guard
from perdure.stores.memory.state import State
from perdure.stores.port import (
    CommitResult,
    FinishRun,
    Operation,
    SuspendRun,
)
from perdure.testing.store_suite.facets.fencing import FencingPromises
from perdure.testing.store_suite.facets.parents import ParentPromises
from tests.broken.registry import BreakableStore, caught_by


@caught_by(
    FencingPromises.test_a_write_with_a_stale_token_is_refused,
    FencingPromises.test_a_write_to_an_ended_run_is_refused,
    ParentPromises.test_a_parent_is_not_told_of_an_end_that_was_refused,
)
class Unfenced(BreakableStore):
    """Asks nobody for a token."""

    def guard(self, state: State, lease: Lease) -> None:
        if lease.run_id not in state.runs:
            raise LeaseLost(lease.run_id, lease.token)


@caught_by(
    FencingPromises.test_no_clock_fences,
    FencingPromises.test_a_write_under_an_earlier_token_of_the_same_worker_is_refused,
)
class FencedByTime(BreakableStore):
    """Takes what comes before the holder's lease ends, and nothing after."""

    def guard(self, state: State, lease: Lease) -> None:
        run = state.runs.get(lease.run_id)
        if run is None or run.worker_id != lease.worker_id:
            raise LeaseLost(lease.run_id, lease.token)

    def _apply(self, state: State, operations: tuple[Operation, ...], lease: Lease | None) -> CommitResult:
        worker = state.workers.get(lease.worker_id) if lease else None
        times = [operation.at for operation in operations if isinstance(operation, FinishRun | SuspendRun)]
        if lease and worker and any(at >= worker.renewed_at + timedelta(seconds=30) for at in times):
            raise LeaseLost(lease.run_id, lease.token)
        return super()._apply(state, operations, lease)


@caught_by(
    FencingPromises.test_a_write_under_an_earlier_token_of_the_same_worker_is_refused,
    FencingPromises.test_a_write_with_a_token_that_was_not_given_out_is_refused,
)
class FencedByOwner(BreakableStore):
    """Looks at who holds the run, and not at the token."""

    def guard(self, state: State, lease: Lease) -> None:
        run = state.runs.get(lease.run_id)
        guard(state, msgspec.structs.replace(lease, token=run.token if run else 0))


@caught_by(FencingPromises.test_a_write_of_another_worker_is_refused)
class FencedByTokenAlone(BreakableStore):
    """Looks at the token, and not at who holds the run."""

    def guard(self, state: State, lease: Lease) -> None:
        run = state.runs.get(lease.run_id)
        guard(state, msgspec.structs.replace(lease, worker_id=(run and run.worker_id) or ""))


@caught_by(
    FencingPromises.test_a_write_after_the_lease_was_given_back_is_refused,
    FencingPromises.test_a_write_to_a_suspended_run_is_refused,
    FencingPromises.test_a_write_to_an_ended_run_is_refused,
)
class OpenAfterTheEnd(BreakableStore):
    """Takes the last holder's token for as long as there is no new one."""

    def guard(self, state: State, lease: Lease) -> None:
        run = state.runs.get(lease.run_id)
        if run is None or run.token != lease.token or (run.status in OWNED and run.worker_id != lease.worker_id):
            raise LeaseLost(lease.run_id, lease.token)


@caught_by(FencingPromises.test_a_run_that_is_being_cancelled_is_still_its_owners)
class TakenFromACancelledOwner(BreakableStore):
    """Fences the owner out as soon as somebody asks for the end of its run."""

    def guard(self, state: State, lease: Lease) -> None:
        run = state.runs.get(lease.run_id)
        if run is not None and run.status == "cancelling":
            raise LeaseLost(lease.run_id, lease.token)
        guard(state, lease)


@caught_by(FencingPromises.test_each_commit_of_the_holder_raises_rev)
class Uncounted(BreakableStore):
    """Does not count the holder's commits: a lost acknowledgement can't be settled."""

    def guard(self, state: State, lease: Lease) -> None:
        rev = state.runs[lease.run_id].rev if lease.run_id in state.runs else 0
        guard(state, lease)
        state.runs[lease.run_id] = msgspec.structs.replace(state.runs[lease.run_id], rev=rev)


@caught_by(
    FencingPromises.test_a_write_with_a_stale_token_is_refused,
    FencingPromises.test_a_write_under_an_earlier_token_of_the_same_worker_is_refused,
)
class FencedLast(BreakableStore):
    """Writes first, and looks at the fence then: the holder is told that it lost, and has written all the same."""

    def _apply(self, state: State, operations: tuple[Operation, ...], lease: Lease | None) -> CommitResult:
        refusal = None
        try:
            if lease is not None:
                self.guard(state, lease)
        except LeaseLost as error:
            refusal = error
        landed = super()._apply(state, operations, None)
        if refusal is not None:
            state.undo.forget()
            raise refusal
        return landed


@caught_by(FencingPromises.test_what_needs_the_lease_is_refused_without_it)
class WritesWithoutALease(BreakableStore):
    """Takes a holder's write from anybody who shows no token at all."""

    def _land(self, operations: tuple[Operation, ...], lease: Lease | None) -> CommitResult:
        try:
            return super()._land(operations, lease)
        except LeaseLost:
            if lease is not None:
                raise
            landed = self._apply(self._state, copies.detached(operations), None)
            self._state.settle()
            return landed
