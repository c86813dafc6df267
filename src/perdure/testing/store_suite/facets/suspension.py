"""Suspension: a run that waits holds nothing, and no wake-up is lost."""

from __future__ import annotations

import asyncio

from perdure.errors import InboxMoved, LeaseLost, RunStateWrong
from perdure.stores.port import Operation
from perdure.testing.store_suite.base import Promises
from perdure.testing.store_suite.world import World


class SuspensionPromises(Promises):
    """SuspendRun and ReleaseRun."""

    async def test_a_suspended_run_holds_nothing(self, world: World) -> None:
        lease = await world.running()
        await world.do(world.suspend(due_in=60, waiting_for=("event:go", "timer")), lease=lease)
        run = await world.get()
        assert (run.status, run.worker_id, run.due_at) == ("suspended", None, world.after(60))
        assert run.waiting_for == ("event:go", "timer")
        await world.refused(LeaseLost, world.step(), lease=lease)

    async def test_a_suspension_that_has_not_seen_an_event_is_refused(self, world: World) -> None:
        lease = await world.running()
        await world.do(world.emit())
        before = await world.everything()
        error = await world.refused(InboxMoved, world.suspend(inbox=0), lease=lease)
        assert isinstance(error, InboxMoved)
        assert error.run_id == "run"
        assert await world.everything() == before

    async def test_a_run_whose_suspension_was_refused_keeps_its_lease(self, world: World) -> None:
        lease = await world.running()
        await world.do(world.emit())
        await world.refused(InboxMoved, world.suspend(inbox=0), lease=lease)
        await world.do(world.step(), lease=lease)
        await world.do(world.suspend(inbox=1), lease=lease)
        assert await world.status() == "suspended"

    async def test_everything_from_outside_moves_the_inbox(self, world: World) -> None:
        lease = await world.running()
        await world.do(world.ask(), lease=lease)
        await world.do(world.create("child", parent_id="run"))
        come: tuple[Operation, ...] = (world.emit(), world.answer(), world.cancel("child"), world.cancel("run"))
        for inbox, one in enumerate(come):
            await world.do(one)
            await world.refused(InboxMoved, world.suspend(inbox=inbox), lease=lease)
            assert (await world.get()).inbox == inbox + 1

    async def test_no_wake_up_is_lost(self, world: World) -> None:
        for number in range(20):
            run_id = f"run-{number}"
            lease = await world.running(run_id)
            suspend, emit = world.suspend(run_id, inbox=0), world.emit(run_id)
            emit_first = number % 2 == 0
            first = world.store.commit(emit) if emit_first else world.store.commit(suspend, lease=lease)
            last = world.store.commit(suspend, lease=lease) if emit_first else world.store.commit(emit)
            settled = await asyncio.gather(first, last, return_exceptions=True)
            refused = any(isinstance(one, InboxMoved) for one in settled)
            assert refused == emit_first
            assert await world.status(run_id) == ("running" if refused else "queued")

    async def test_an_emit_before_the_suspension_refuses_it(self, world: World) -> None:
        lease = await world.running()
        emit = world.store.commit(world.emit())
        suspend = world.store.commit(world.suspend(inbox=0), lease=lease)
        settled = await asyncio.gather(emit, suspend, return_exceptions=True)
        assert isinstance(settled[1], InboxMoved)
        assert await world.status() == "running"

    async def test_an_emit_in_the_commit_of_the_suspension_counts(self, world: World) -> None:
        lease = await world.running()
        await world.refused(InboxMoved, world.emit(), world.suspend(inbox=0), lease=lease)
        assert await world.store.events.list("run") == []
        await world.do(world.suspend(inbox=0), world.emit(), lease=lease)
        assert await world.status() == "queued"

    async def test_a_second_wake_up_changes_nothing(self, world: World) -> None:
        await world.suspended()
        await world.do(world.emit(key="one"))
        lease = await world.lease()
        await world.do(world.emit(key="two"))
        await world.do(world.step(), lease=lease)
        run = await world.get()
        assert (run.status, run.token) == ("running", lease.token)

    async def test_a_run_that_is_being_cancelled_is_not_suspended(self, world: World) -> None:
        lease = await world.running()
        await world.do(world.cancel())
        inbox = (await world.get()).inbox
        await world.refused(RunStateWrong, world.suspend(inbox=inbox), lease=lease)
        assert await world.status() == "cancelling"

    async def test_a_lease_that_is_given_back_leaves_the_run_due_at_once(self, world: World) -> None:
        lease = await world.running()
        world.advance(7)
        await world.do(world.release(), lease=lease)
        run = await world.get()
        assert (run.status, run.due_at, run.worker_id) == ("queued", world.at, None)

    async def test_a_lease_that_is_given_back_ends_a_run_that_is_being_cancelled(self, world: World) -> None:
        lease = await world.running()
        await world.do(world.cancel())
        await world.do(world.release(), lease=lease)
        run = await world.get()
        assert (run.status, run.completed_at) == ("cancelled", world.at)
