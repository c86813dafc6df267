"""Suspension: a run that waits holds nothing, and no wake-up is lost."""

from __future__ import annotations

import asyncio

from perdure.errors import InboxMoved, LeaseLost, RunStateWrong
from perdure.stores.port import Operation
from perdure.testing.store_suite.base import Promises
from perdure.testing.store_suite.harness import StoreHarness


class SuspensionPromises(Promises):
    """SuspendRun and ReleaseRun."""

    async def test_a_suspended_run_holds_nothing(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        await harness.do(harness.suspend(due_in=60, waiting_for=("event:go", "timer")), lease=lease)
        run = await harness.get()
        assert (run.status, run.worker_id, run.due_at) == ("suspended", None, harness.after(60))
        assert run.waiting_for == ("event:go", "timer")
        await harness.refused(LeaseLost, harness.step(), lease=lease)

    async def test_a_suspension_that_has_not_seen_an_event_is_refused(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        await harness.do(harness.emit())
        before = await harness.everything()
        error = await harness.refused(InboxMoved, harness.suspend(inbox=0), lease=lease)
        assert isinstance(error, InboxMoved)
        assert error.run_id == "run"
        assert await harness.everything() == before

    async def test_a_run_whose_suspension_was_refused_keeps_its_lease(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        await harness.do(harness.emit())
        await harness.refused(InboxMoved, harness.suspend(inbox=0), lease=lease)
        await harness.do(harness.step(), lease=lease)
        await harness.do(harness.suspend(inbox=1), lease=lease)
        assert await harness.status() == "suspended"

    async def test_everything_from_outside_moves_the_inbox(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        await harness.do(harness.ask(), lease=lease)
        await harness.do(harness.create("child", parent_id="run"))
        come: tuple[Operation, ...] = (harness.emit(), harness.answer(), harness.cancel("child"), harness.cancel("run"))
        for inbox, one in enumerate(come):
            await harness.do(one)
            await harness.refused(InboxMoved, harness.suspend(inbox=inbox), lease=lease)
            assert (await harness.get()).inbox == inbox + 1

    async def test_no_wake_up_is_lost(self, harness: StoreHarness) -> None:
        for number in range(20):
            run_id = f"run-{number}"
            lease = await harness.running(run_id)
            suspend, emit = harness.suspend(run_id, inbox=0), harness.emit(run_id)
            emit_first = number % 2 == 0
            first = harness.store.commit(emit) if emit_first else harness.store.commit(suspend, lease=lease)
            last = harness.store.commit(suspend, lease=lease) if emit_first else harness.store.commit(emit)
            settled = await asyncio.gather(first, last, return_exceptions=True)
            refused = any(isinstance(one, InboxMoved) for one in settled)
            assert refused == emit_first
            assert await harness.status(run_id) == ("running" if refused else "queued")

    async def test_an_emit_before_the_suspension_refuses_it(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        emit = harness.store.commit(harness.emit())
        suspend = harness.store.commit(harness.suspend(inbox=0), lease=lease)
        settled = await asyncio.gather(emit, suspend, return_exceptions=True)
        assert isinstance(settled[1], InboxMoved)
        assert await harness.status() == "running"

    async def test_an_emit_in_the_commit_of_the_suspension_counts(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        await harness.refused(InboxMoved, harness.emit(), harness.suspend(inbox=0), lease=lease)
        assert await harness.store.events.list("run") == []
        await harness.do(harness.suspend(inbox=0), harness.emit(), lease=lease)
        assert await harness.status() == "queued"

    async def test_a_second_wake_up_changes_nothing(self, harness: StoreHarness) -> None:
        await harness.suspended()
        await harness.do(harness.emit(key="one"))
        lease = await harness.lease()
        await harness.do(harness.emit(key="two"))
        await harness.do(harness.step(), lease=lease)
        run = await harness.get()
        assert (run.status, run.token) == ("running", lease.token)

    async def test_a_run_that_is_being_cancelled_is_not_suspended(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        await harness.do(harness.cancel())
        inbox = (await harness.get()).inbox
        await harness.refused(RunStateWrong, harness.suspend(inbox=inbox), lease=lease)
        assert await harness.status() == "cancelling"

    async def test_a_lease_that_is_given_back_leaves_the_run_due_at_once(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        harness.advance(7)
        await harness.do(harness.release(), lease=lease)
        run = await harness.get()
        assert (run.status, run.due_at, run.worker_id) == ("queued", harness.at, None)

    async def test_a_lease_that_is_given_back_ends_a_run_that_is_being_cancelled(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        await harness.do(harness.cancel())
        await harness.do(harness.release(), lease=lease)
        run = await harness.get()
        assert (run.status, run.completed_at) == ("cancelled", harness.at)
