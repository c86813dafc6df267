"""The fence: who lost a lease writes nothing more, and nothing but the run's own row decides it."""

from __future__ import annotations

from perdure.core.chunks import Entry
from perdure.core.records import Lease
from perdure.errors import LeaseLost, StepFinal
from perdure.stores.port import CompactEntries, Operation
from perdure.testing.store_suite.base import Promises
from perdure.testing.store_suite.harness import LEASE_FOR, StoreHarness


def writes(harness: StoreHarness) -> tuple[Operation, ...]:
    """Every operation that needs the lease."""
    return (
        harness.step(),
        harness.step(status="failed"),
        harness.ask(),
        harness.append("run", 1),
        CompactEntries("run", Entry(1, 1, b"[]")),
        harness.suspend(inbox=0),
        harness.release(),
        harness.finish(),
        harness.finish(status="failed"),
        harness.finish(status="cancelled"),
    )


async def changes_nothing(harness: StoreHarness, lease: Lease) -> None:
    """See every write under a lease refused, and everything stay as it was, `rev` included."""
    before = await harness.everything(lease.run_id)
    for write in writes(harness):
        await harness.refused(LeaseLost, write, lease=lease)
        # what anybody may write is refused with it, where it comes under a stale lease
        await harness.refused(LeaseLost, harness.emit(key="with it"), write, lease=lease)
    assert await harness.everything(lease.run_id) == before


class FencingPromises(Promises):
    """The lease of a commit."""

    async def test_a_write_with_a_stale_token_is_refused(self, harness: StoreHarness) -> None:
        lease = await harness.running("run", "ana")
        await harness.retaken(lease, "bob")
        await changes_nothing(harness, lease)

    async def test_a_write_under_an_earlier_token_of_the_same_worker_is_refused(self, harness: StoreHarness) -> None:
        lease = await harness.running("run", "ana")
        await harness.lease("run", "ana")
        await changes_nothing(harness, lease)

    async def test_a_write_of_another_worker_is_refused(self, harness: StoreHarness) -> None:
        lease = await harness.running("run", "ana")
        await harness.worker("bob")
        await changes_nothing(harness, Lease("run", "bob", lease.token))

    async def test_a_write_with_a_token_that_was_not_given_out_is_refused(self, harness: StoreHarness) -> None:
        lease = await harness.running("run", "ana")
        await changes_nothing(harness, Lease("run", "ana", lease.token + 1))

    async def test_a_write_after_the_lease_was_given_back_is_refused(self, harness: StoreHarness) -> None:
        lease = await harness.running("run", "ana")
        await harness.do(harness.release(), lease=lease)
        await changes_nothing(harness, lease)

    async def test_a_write_to_a_suspended_run_is_refused(self, harness: StoreHarness) -> None:
        lease = await harness.running("run", "ana")
        await harness.do(harness.suspend(), lease=lease)
        await changes_nothing(harness, lease)

    async def test_a_write_to_an_ended_run_is_refused(self, harness: StoreHarness) -> None:
        for status in ("completed", "failed", "cancelled"):
            lease = await harness.running(status, "ana")
            await harness.do(harness.finish(status, status), lease=lease)
            before = await harness.everything(status)
            await harness.refused(LeaseLost, harness.step(status), lease=lease)
            await harness.refused(LeaseLost, harness.finish(status), lease=lease)
            assert await harness.everything(status) == before

    async def test_a_write_to_a_run_that_was_sealed_is_refused(self, harness: StoreHarness) -> None:
        lease = await harness.running("run", "ana")
        await harness.do(harness.cancel(within=5))
        harness.advance(5)
        await harness.do(harness.seal())
        await changes_nothing(harness, lease)

    async def test_a_write_to_a_run_that_is_not_there_is_refused(self, harness: StoreHarness) -> None:
        await harness.worker("ana")
        await changes_nothing(harness, Lease("run", "ana", 1))

    async def test_a_run_that_is_being_cancelled_is_still_its_owners(self, harness: StoreHarness) -> None:
        lease = await harness.running("run", "ana")
        await harness.do(harness.cancel())
        await harness.do(harness.step(), harness.append("run", 1), lease=lease)
        await harness.do(harness.finish(status="cancelled"), lease=lease)
        assert await harness.status() == "cancelled"

    async def test_no_clock_fences(self, harness: StoreHarness) -> None:
        """A lease that has ended is still the run's, as long as nobody has taken it: the row decides, not the time."""
        lease = await harness.running("run", "ana")
        harness.advance(10 * LEASE_FOR)
        await harness.do(harness.step(), lease=lease)
        await harness.do(harness.finish(), lease=lease)
        assert await harness.status() == "completed"

    async def test_what_needs_the_lease_is_refused_without_it(self, harness: StoreHarness) -> None:
        await harness.running("run", "ana")
        other = await harness.running("other", "ana")
        before = await harness.everything()
        for write in writes(harness):
            await harness.refused(LeaseLost, write)
            await harness.refused(LeaseLost, write, lease=other)
        assert await harness.everything() == before

    async def test_each_commit_of_the_holder_raises_rev(self, harness: StoreHarness) -> None:
        lease = await harness.running("run", "ana")
        first = (await harness.get()).rev
        await harness.do(harness.step(position="0"), harness.step(position="1"), lease=lease)
        assert (await harness.get()).rev == first + 1
        await harness.do(harness.append("run", 1), lease=lease)
        assert (await harness.get()).rev == first + 2
        await harness.do(harness.finish(), lease=lease)
        assert (await harness.get()).rev == first + 3

    async def test_only_commits_of_the_holder_that_land_raise_rev(self, harness: StoreHarness) -> None:
        lease = await harness.running("run", "ana")
        await harness.do(harness.step(), lease=lease)
        before = (await harness.get()).rev
        await harness.do(harness.emit())
        await harness.do(harness.cancel())
        await harness.do(harness.take_over("nobody"))
        await harness.refused(StepFinal, harness.step(), lease=lease)
        assert (await harness.get()).rev == before
