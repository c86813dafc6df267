"""Parents: whatever ends a child tells its parent, in the same transaction."""

from __future__ import annotations

from perdure.core.children import ChildOutcome, child_outcome
from perdure.core.records import Lease
from perdure.errors import LeaseLost
from perdure.testing.store_suite.base import Promises
from perdure.testing.store_suite.world import LEASE_FOR, World


async def told(world: World, parent_id: str = "parent") -> ChildOutcome:
    """What the parent was told."""
    event = await world.store.events.get(parent_id, "child:child")
    assert event is not None, "the parent was not told"
    return child_outcome(event.payload)


async def family(world: World) -> Lease:
    """A suspended parent, and the lease of its running child."""
    await world.suspended("parent")
    return await world.running("child", like=world.create(parent_id="parent", run_id="child"))


class ParentPromises(Promises):
    """How a child's end reaches its parent."""

    async def test_a_parent_is_told_the_result_and_woken(self, world: World) -> None:
        lease = await family(world)
        await world.do(world.finish("child"), lease=lease)
        outcome = await told(world)
        assert (outcome.run_id, outcome.status, bytes(outcome.result)) == ("child", "completed", b'"done"')
        run = await world.get("parent")
        assert (run.status, run.inbox, run.due_at) == ("queued", 1, world.at)

    async def test_a_parent_is_told_the_failure(self, world: World) -> None:
        lease = await family(world)
        operation = world.finish("child", "failed")
        await world.do(operation, lease=lease)
        outcome = await told(world)
        assert (outcome.status, outcome.failure) == ("failed", operation.failure)

    async def test_a_parent_is_told_of_a_child_cancelled_without_an_owner(self, world: World) -> None:
        await world.suspended("parent")
        await world.do(world.create("child", parent_id="parent"))
        await world.do(world.cancel("child"))
        assert (await told(world)).status == "cancelled"
        assert await world.status("parent") == "queued"

    async def test_a_parent_is_told_of_a_child_that_was_sealed(self, world: World) -> None:
        await family(world)
        await world.do(world.cancel("child", within=5))
        world.advance(5)
        await world.do(world.seal("child"))
        assert (await told(world)).status == "cancelled"

    async def test_a_parent_is_told_of_a_child_whose_owner_died_while_it_was_cancelled(self, world: World) -> None:
        await family(world)
        await world.do(world.cancel("child"))
        world.advance(LEASE_FOR)
        await world.do(world.take_over("ana"))
        assert (await told(world)).status == "cancelled"

    async def test_a_parent_is_told_of_a_child_that_is_poisoned(self, world: World) -> None:
        await family(world)
        world.advance(LEASE_FOR)
        await world.do(world.take_over("ana", max_takeovers=0))
        outcome = await told(world)
        assert outcome.status == "failed"
        assert outcome.failure is not None
        assert outcome.failure.reason == "poisoned"

    async def test_a_parent_is_not_told_of_an_end_that_was_refused(self, world: World) -> None:
        lease = await family(world)
        await world.do(world.release("child"), lease=lease)
        before = await world.everything("parent")
        await world.refused(LeaseLost, world.finish("child"), lease=lease)
        assert await world.everything("parent") == before

    async def test_a_parent_that_runs_finds_it_in_its_inbox(self, world: World) -> None:
        parent = await world.running("parent")
        child = await world.running("child", like=world.create(parent_id="parent", run_id="child"))
        await world.do(world.finish("child"), lease=child)
        assert (await world.get("parent")).inbox == 1
        await world.do(world.step("parent"), lease=parent)

    async def test_a_parent_that_has_ended_stays_ended(self, world: World) -> None:
        await world.ended("parent")
        child = await world.running("child", like=world.create(parent_id="parent", run_id="child"))
        await world.do(world.finish("child"), lease=child)
        assert await world.status("parent") == "completed"
        assert (await told(world)).status == "completed"

    async def test_a_child_of_a_parent_that_is_gone_ends_all_the_same(self, world: World) -> None:
        await world.ended("parent")
        child = await world.running("child", like=world.create(parent_id="parent", run_id="child"))
        await world.do(world.delete("parent"))
        await world.do(world.finish("child"), lease=child)
        assert await world.status("child") == "completed"
        assert await world.store.runs.get("parent") is None

    async def test_a_child_that_ends_again_tells_nothing_new(self, world: World) -> None:
        lease = await family(world)
        await world.do(world.finish("child", "failed"), lease=lease)
        await world.do(world.restart("child"))
        await world.do(world.finish("child"), lease=await world.lease("child"))
        assert (await told(world)).status == "failed"
