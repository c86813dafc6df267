"""Stores whose fence has a hole."""

from typing import Any

import msgspec

from perdure.core.decisions import Decision, Draft, decide_holder
from perdure.core.decisions.reads import GetMessage
from perdure.core.operations import AddMessage, CommitResult, HolderOperation
from perdure.core.records import Lease
from perdure.core.states import OWNED
from perdure.errors import LeaseLost
from perdure.testing.store_suite.facets.cleanups import CleanupPromises
from perdure.testing.store_suite.facets.fencing import FencingPromises
from perdure.testing.store_suite.facets.parents import ParentPromises
from perdure.testing.store_suite.facets.tenants import TenantPromises
from perdure.testing.store_suite.worker_operations import LEASE_FOR
from tests.broken.registry import BreakableStore, caught_by, decides_instead, reads_instead, unguarded

Operations = tuple[HolderOperation, ...]


@caught_by(
    FencingPromises.test_a_write_with_a_stale_token_is_refused,
    FencingPromises.test_a_write_to_a_run_that_was_released_or_suspended_or_ended_by_its_holder_is_refused,
    ParentPromises.test_a_parent_is_not_told_of_an_end_that_was_refused,
)
class Unfenced(BreakableStore):
    """Asks nobody for a token."""

    def decide(self, draft: Draft, lease: Lease, operations: Operations) -> Decision[CommitResult]:
        return unguarded(draft, lease, operations)


@caught_by(
    FencingPromises.test_a_write_with_a_stale_token_is_refused,
    FencingPromises.test_a_write_under_an_earlier_token_of_the_same_worker_is_refused,
    FencingPromises.test_a_write_with_a_token_that_was_not_given_out_is_refused,
)
class FencedByWorker(BreakableStore):
    """Looks at whether a worker holds the run, and not at the token."""

    def decide(self, draft: Draft, lease: Lease, operations: Operations) -> Decision[CommitResult]:
        run = self.state.runs.get((lease.tenant, lease.run_id))
        token = run.token if run is not None and run.worker_id is not None else lease.token
        return decide_holder(draft, msgspec.structs.replace(lease, token=token), operations)


@caught_by(FencingPromises.test_no_clock_decides_the_fence)
class FencedByTime(BreakableStore):
    """Takes what comes before the holder's lease ends, and nothing after."""

    def decide(self, draft: Draft, lease: Lease, operations: Operations) -> Decision[CommitResult]:
        run = self.state.runs.get((lease.tenant, lease.run_id))
        if run is not None and run.leased_at is not None and self.clock.lease_now() >= run.leased_at + LEASE_FOR:
            raise LeaseLost(lease.run_id, lease.token)
        return decide_holder(draft, lease, operations)


@caught_by(
    FencingPromises.test_a_write_to_a_run_that_nobody_has_claimed_is_refused,
    FencingPromises.test_a_write_to_a_run_that_was_released_or_suspended_or_ended_by_its_holder_is_refused,
)
class OpenAfterTheEnd(BreakableStore):
    """Takes the last holder's token for as long as there is no new one."""

    def decide(self, draft: Draft, lease: Lease, operations: Operations) -> Decision[CommitResult]:
        run = self.state.runs.get((lease.tenant, lease.run_id))
        is_last = run is not None and run.token == lease.token
        return (unguarded if is_last else decide_holder)(draft, lease, operations)


@caught_by(FencingPromises.test_a_run_that_is_being_cancelled_is_still_its_owners)
class TakenFromACancelledOwner(BreakableStore):
    """Fences the owner out as soon as somebody asks for the end of its run."""

    def decide(self, draft: Draft, lease: Lease, operations: Operations) -> Decision[CommitResult]:
        run = self.state.runs.get((lease.tenant, lease.run_id))
        if run is not None and run.status == "cancelling":
            raise LeaseLost(lease.run_id, lease.token)
        return decide_holder(draft, lease, operations)


@caught_by(
    FencingPromises.test_a_write_with_a_stale_token_is_refused,
    FencingPromises.test_a_write_under_an_earlier_token_of_the_same_worker_is_refused,
)
class FencedLast(BreakableStore):
    """Writes first, and looks at the fence then: the holder is told that it lost, and has written all the same."""

    def _commit(self, lease: Lease, operations: Operations) -> CommitResult:
        try:
            return super()._commit(lease, operations)
        except LeaseLost:
            run = self.state.runs.get((lease.tenant, lease.run_id))
            if run is not None and run.status in OWNED:
                draft = Draft()
                self._land(draft, unguarded(draft, lease, operations))
            raise


@decides_instead(
    AddMessage,
    FencingPromises.test_an_outsider_adds_no_message_of_a_run,
)
def message_of_a_run_from_anybody(store: BreakableStore, operation: AddMessage) -> AddMessage:
    """An outsider adds a message of a run, as if it were nobody's."""
    return AddMessage(msgspec.structs.replace(operation.message, run_id=None))


@reads_instead(GetMessage, FencingPromises.test_a_holder_writes_no_message_of_another_run)
def message_of_any_run(store: BreakableStore, request: GetMessage, message: Any) -> Any:
    """A holder writes to every message of its thread."""
    mine = {run.thread_id: run.run_id for run in store.state.runs.values() if run.worker_id is not None}
    return message and msgspec.structs.replace(message, run_id=mine.get(message.thread_id))


@caught_by(TenantPromises.test_what_is_another_tenants_is_not_there)
class FencedAcrossTenants(BreakableStore):
    """A lease of one tenant is good for the run of the same id of another."""

    def decide(self, draft: Draft, lease: Lease, operations: Operations) -> Decision[CommitResult]:
        found = [run for run in self.state.runs.values() if (run.run_id, run.token) == (lease.run_id, lease.token)]
        tenant = found[0].tenant if found else lease.tenant
        return decide_holder(draft, msgspec.structs.replace(lease, tenant=tenant), operations)


@caught_by(CleanupPromises.test_a_suspended_run_that_cleans_up_is_claimable_for_that)
class CleanupsFencedOut(BreakableStore):
    """Whoever claimed a run for its cleanups writes nothing."""

    def decide(self, draft: Draft, lease: Lease, operations: Operations) -> Decision[CommitResult]:
        run = self.state.runs.get((lease.tenant, lease.run_id))
        if run is not None and run.status == "cancelling" and run.cleans_up:
            raise LeaseLost(lease.run_id, lease.token)
        return decide_holder(draft, lease, operations)
