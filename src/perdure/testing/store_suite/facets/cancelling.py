"""Cancelling: at once without an owner, with a deadline where there is one, and all the way down."""

from __future__ import annotations

from perdure.errors import LeaseLost, RunNotFound
from perdure.testing.store_suite.base import Promises
from perdure.testing.store_suite.world import World


class CancellingPromises(Promises):
    """CancelRun, SealRun, and which runs are overdue."""

    async def test_a_run_without_an_owner_is_cancelled_at_once(self, world: World) -> None:
        await world.run("queued")
        await world.suspended("suspended", due_in=60)
        for run_id in ("queued", "suspended"):
            run = await world.do(world.cancel(run_id, reason="enough"))
            assert run == await world.get(run_id)
            assert (run.status, run.completed_at, run.cancel_reason) == ("cancelled", world.at, "enough")
            assert (run.due_at, run.waiting_for) == (None, ())
        world.advance(3600)
        assert list(await world.do(world.claim(await world.worker("bob")))) == []

    async def test_a_run_with_an_owner_is_given_until_a_deadline(self, world: World) -> None:
        lease = await world.running()
        run = await world.do(world.cancel(within=5, reason="enough"))
        assert run == await world.get()
        assert (run.status, run.cancel_by, run.cancel_reason) == ("cancelling", world.after(5), "enough")
        assert (run.worker_id, run.token, run.inbox) == ("ana", lease.token, 1)

    async def test_an_owner_may_still_end_its_run_as_it_ended(self, world: World) -> None:
        for status in ("completed", "failed", "cancelled"):
            lease = await world.running(status)
            await world.do(world.cancel(status))
            await world.do(world.finish(status, status), lease=lease)
            assert await world.status(status) == status

    async def test_a_run_that_has_ended_stays_as_it_is(self, world: World) -> None:
        for status in ("completed", "failed", "cancelled"):
            await world.ended(status, status)
            before = await world.everything(status)
            world.advance(1)
            await world.do(world.cancel(status))
            assert await world.everything(status) == before

    async def test_a_run_that_is_being_cancelled_stays_as_it_is(self, world: World) -> None:
        await world.running()
        await world.do(world.cancel(within=5, reason="first"))
        before = await world.get()
        world.advance(1)
        assert await world.do(world.cancel(within=60, reason="second")) == before
        assert await world.get() == before

    async def test_children_and_theirs_are_cancelled_too(self, world: World) -> None:
        await world.suspended("root")
        for child, parent in (("one", "root"), ("two", "root"), ("leaf", "one"), ("twig", "leaf")):
            await world.do(world.create(child, parent_id=parent))
        lease = await world.lease("leaf")
        await world.run("stranger")
        await world.do(world.cancel("root", within=5))
        found = [await world.status(run_id) for run_id in ("root", "one", "two", "leaf", "twig", "stranger")]
        assert found == ["cancelled", "cancelled", "cancelled", "cancelling", "cancelled", "queued"]
        leaf = await world.get("leaf")
        assert (leaf.cancel_by, leaf.token) == (world.after(5), lease.token)

    async def test_children_of_a_child_that_has_ended_are_cancelled_too(self, world: World) -> None:
        await world.suspended("root")
        lease = await world.running("child", like=world.create(parent_id="root", run_id="child"))
        await world.do(world.create("leaf", parent_id="child"))
        await world.do(world.finish("child"), lease=lease)
        await world.do(world.cancel("root"))
        assert (await world.status("child"), await world.status("leaf")) == ("completed", "cancelled")

    async def test_a_cancelled_child_does_not_wake_its_cancelled_parent(self, world: World) -> None:
        await world.suspended("root")
        await world.do(world.create("child", parent_id="root"))
        await world.do(world.cancel("root"))
        root = await world.get("root")
        assert (root.status, root.due_at) == ("cancelled", None)

    async def test_a_run_is_sealed_when_its_deadline_has_come_and_not_before(self, world: World) -> None:
        lease = await world.running()
        await world.do(world.cancel(within=5))
        world.advance(4.5)
        before = await world.get()
        assert await world.do(world.seal()) == before
        assert await world.get() == before
        await world.do(world.step(), lease=lease)
        world.advance(0.5)
        run = await world.do(world.seal())
        assert run == await world.get()
        assert (run.status, run.completed_at, run.worker_id) == ("cancelled", world.at, None)

    async def test_a_sealed_run_has_a_raised_token(self, world: World) -> None:
        lease = await world.running()
        await world.do(world.cancel(within=5))
        world.advance(5)
        await world.do(world.seal())
        assert (await world.get()).token > lease.token
        await world.refused(LeaseLost, world.finish(), lease=lease)
        assert await world.status() == "cancelled"

    async def test_a_run_that_nobody_cancels_is_not_sealed(self, world: World) -> None:
        await world.run("queued")
        await world.running("running")
        await world.suspended("suspended")
        await world.ended("completed")
        world.advance(3600)
        for run_id in ("queued", "running", "suspended", "completed"):
            before = await world.everything(run_id)
            assert await world.do(world.seal(run_id)) == before[0]
            assert await world.everything(run_id) == before

    async def test_what_is_overdue_is_listed(self, world: World) -> None:
        for run_id in ("one", "two", "three"):
            await world.running(run_id)
        await world.do(world.cancel("one", within=5))
        await world.do(world.cancel("two", within=10))
        assert await world.store.runs.overdue(world.after(4)) == []
        assert await world.store.runs.overdue(world.after(5)) == ["one"]
        assert sorted(await world.store.runs.overdue(world.after(60))) == ["one", "two"]
        world.advance(5)
        await world.do(world.seal("one"))
        assert await world.store.runs.overdue(world.after(60)) == ["two"]

    async def test_a_run_that_is_not_there_is_refused_by_name(self, world: World) -> None:
        await world.refused(RunNotFound, world.cancel("nobody"))
        await world.refused(RunNotFound, world.seal("nobody"))
