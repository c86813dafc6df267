"""Parents: whatever ends a child tells its parent, in the same transaction."""

from __future__ import annotations

from perdure.core.children import ChildOutcome, child_outcome
from perdure.core.records import Lease
from perdure.errors import LeaseLost
from perdure.testing.store_suite.base import Promises
from perdure.testing.store_suite.harness import LEASE_FOR, StoreHarness


async def told(harness: StoreHarness, parent_id: str = "parent") -> ChildOutcome:
    """What the parent was told."""
    event = await harness.store.events.get(parent_id, "child:child")
    assert event is not None, "the parent was not told"
    return child_outcome(event.payload)


async def family(harness: StoreHarness) -> Lease:
    """A suspended parent, and the lease of its running child."""
    await harness.suspended("parent")
    return await harness.running("child", like=harness.create(parent_id="parent", run_id="child"))


class ParentPromises(Promises):
    """How a child's end reaches its parent."""

    async def test_a_parent_is_told_the_result_and_woken(self, harness: StoreHarness) -> None:
        lease = await family(harness)
        await harness.do(harness.finish("child"), lease=lease)
        outcome = await told(harness)
        assert (outcome.run_id, outcome.status, bytes(outcome.result)) == ("child", "completed", b'"done"')
        run = await harness.get("parent")
        assert (run.status, run.inbox, run.due_at) == ("queued", 1, harness.at)

    async def test_a_parent_is_told_the_failure(self, harness: StoreHarness) -> None:
        lease = await family(harness)
        operation = harness.finish("child", "failed")
        await harness.do(operation, lease=lease)
        outcome = await told(harness)
        assert (outcome.status, outcome.failure) == ("failed", operation.failure)

    async def test_a_parent_is_told_of_a_child_cancelled_without_an_owner(self, harness: StoreHarness) -> None:
        await harness.suspended("parent")
        await harness.do(harness.create("child", parent_id="parent"))
        await harness.do(harness.cancel("child"))
        assert (await told(harness)).status == "cancelled"
        assert await harness.status("parent") == "queued"

    async def test_a_parent_is_told_of_a_child_that_was_sealed(self, harness: StoreHarness) -> None:
        await family(harness)
        await harness.do(harness.cancel("child", within=5))
        harness.advance(5)
        await harness.do(harness.seal("child"))
        assert (await told(harness)).status == "cancelled"

    async def test_a_parent_is_told_of_a_child_whose_owner_died_while_it_was_cancelled(
        self, harness: StoreHarness
    ) -> None:
        await family(harness)
        await harness.do(harness.cancel("child"))
        harness.advance(LEASE_FOR)
        await harness.do(harness.take_over("ana"))
        assert (await told(harness)).status == "cancelled"

    async def test_a_parent_is_told_of_a_child_that_is_poisoned(self, harness: StoreHarness) -> None:
        await family(harness)
        harness.advance(LEASE_FOR)
        await harness.do(harness.take_over("ana", max_takeovers=0))
        outcome = await told(harness)
        assert outcome.status == "failed"
        assert outcome.failure is not None
        assert outcome.failure.reason == "poisoned"

    async def test_a_parent_is_not_told_of_an_end_that_was_refused(self, harness: StoreHarness) -> None:
        lease = await family(harness)
        await harness.do(harness.release("child"), lease=lease)
        before = await harness.everything("parent")
        await harness.refused(LeaseLost, harness.finish("child"), lease=lease)
        assert await harness.everything("parent") == before

    async def test_a_parent_that_runs_finds_it_in_its_inbox(self, harness: StoreHarness) -> None:
        parent = await harness.running("parent")
        child = await harness.running("child", like=harness.create(parent_id="parent", run_id="child"))
        await harness.do(harness.finish("child"), lease=child)
        assert (await harness.get("parent")).inbox == 1
        await harness.do(harness.step("parent"), lease=parent)

    async def test_a_parent_that_has_ended_stays_ended(self, harness: StoreHarness) -> None:
        await harness.ended("parent")
        child = await harness.running("child", like=harness.create(parent_id="parent", run_id="child"))
        await harness.do(harness.finish("child"), lease=child)
        assert await harness.status("parent") == "completed"
        assert (await told(harness)).status == "completed"

    async def test_a_child_of_a_parent_that_is_gone_ends_all_the_same(self, harness: StoreHarness) -> None:
        await harness.ended("parent")
        child = await harness.running("child", like=harness.create(parent_id="parent", run_id="child"))
        await harness.do(harness.delete("parent"))
        await harness.do(harness.finish("child"), lease=child)
        assert await harness.status("child") == "completed"
        assert await harness.store.runs.get("parent") is None

    async def test_a_child_that_ends_again_tells_nothing_new(self, harness: StoreHarness) -> None:
        lease = await family(harness)
        await harness.do(harness.finish("child", "failed"), lease=lease)
        await harness.do(harness.restart("child"))
        await harness.do(harness.finish("child"), lease=await harness.lease("child"))
        assert (await told(harness)).status == "failed"
