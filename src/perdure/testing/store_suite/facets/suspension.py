"""Suspension: a run that waits holds nothing, and is refused it where something has come in."""

from __future__ import annotations

import asyncio

import msgspec

from perdure.core import keys
from perdure.core.operations import OutsideOperation
from perdure.errors import InboxMoved, LeaseLost, RunStateWrong
from perdure.testing.store_suite.base import Promises
from perdure.testing.store_suite.harness import StoreHarness
from perdure.testing.store_suite.run_operations import DIVERGED, GO


class SuspensionPromises(Promises):
    """SuspendRun and ReleaseRun."""

    async def test_a_suspended_run_holds_nothing(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        waits = (GO, keys.timer("1"))
        await harness.commit(lease, harness.suspend(*waits, due_in=60, cleans_up=True))
        run = await harness.get()
        assert (run.status, run.worker_id, run.claim_id, run.leased_at) == ("suspended", None, None, None)
        assert (run.due_at, run.ready_at) == (harness.after(60), None)
        assert (run.waiting_for, run.cleans_up, run.is_parked) == (waits, True, False)
        await harness.commit_refused(LeaseLost, lease, harness.step())

    async def test_a_run_is_parked_with_its_reason(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        await harness.commit(lease, harness.suspend(parked=DIVERGED))
        run = await harness.get()
        assert (run.status, run.failure, run.is_parked) == ("suspended", DIVERGED, True)

    async def test_a_suspension_that_has_not_read_an_event_is_refused(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        await harness.do(harness.emit())
        error = await harness.commit_refused(InboxMoved, lease, harness.step(), harness.suspend())
        assert isinstance(error, InboxMoved)
        assert error.run_id == "run"

    async def test_a_run_whose_suspension_was_refused_keeps_its_lease(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        await harness.do(harness.emit())
        await harness.commit_refused(InboxMoved, lease, harness.suspend())
        await harness.commit(lease, harness.step())
        await harness.commit(lease, harness.suspend(inbox=1))
        assert await harness.status() == "suspended"

    async def test_everything_from_outside_moves_the_inbox(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        await harness.commit(lease, harness.ask())
        await harness.do(harness.create("child", parent_id="run"))
        channel = harness.emit(key=keys.channel("c"), many=True)
        come: tuple[OutsideOperation, ...] = (
            harness.emit(),
            channel,
            harness.answer(),
            harness.cancel("child"),
            harness.cancel("run"),
        )
        for inbox, one in enumerate(come):
            await harness.do(one)
            await harness.commit_refused(InboxMoved, lease, harness.suspend(inbox=inbox))
            assert (await harness.get()).inbox == inbox + 1

    async def test_an_emit_in_the_commit_of_the_suspension_counts(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        await harness.commit_refused(InboxMoved, lease, harness.emit(), harness.suspend())
        await harness.store.commit(lease, harness.emit(), harness.suspend(GO, inbox=1))
        assert await harness.status() == "suspended"

    async def test_commits_that_are_on_their_way_together_lose_no_wake_up(self, harness: StoreHarness) -> None:
        for number in range(20):
            run_id = f"run-{number}"
            lease = await harness.running(run_id)
            suspend, emit = harness.suspend(GO), harness.emit(run_id)
            is_emit_first = number % 2 == 0
            if is_emit_first:
                together = harness.store.execute(emit), harness.store.commit(lease, suspend)
            else:
                together = harness.store.commit(lease, suspend), harness.store.execute(emit)
            settled = await asyncio.gather(*together, return_exceptions=True)
            assert any(isinstance(one, InboxMoved) for one in settled) == is_emit_first
            assert await harness.status(run_id) == ("running" if is_emit_first else "queued")

    async def test_a_wait_ends_only_while_nothing_has_come_in_that_it_has_not_seen(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        await harness.commit(lease, harness.ask())
        await harness.do(harness.create("child", parent_id="run"))
        come = (
            harness.emit(),
            harness.emit(key=keys.channel("c"), many=True),
            harness.answer(),
            harness.cancel("child"),
        )
        for seen, one in enumerate(come):
            landed, late = (
                harness.step(f"1.{seen}", "failed", inbox=seen),
                harness.step(f"2.{seen}", "failed", inbox=seen),
            )
            await harness.commit(lease, landed)  # nothing has come in since
            await harness.commit(lease, harness.step(f"3.{seen}", "running", inbox=seen))
            await harness.do(one)
            for _ in range(3):  # however often it is tried, and whatever this run commits in between
                error = await harness.commit_refused(InboxMoved, lease, late)
                assert isinstance(error, InboxMoved)
                assert error.run_id == "run"
                await harness.commit_refused(InboxMoved, lease, harness.step(f"3.{seen}", "completed", inbox=seen))
                await harness.commit(lease, landed)  # it has landed: nothing that comes later takes it back
                await harness.commit(lease, harness.step(f"4.{seen}"))
            await harness.commit_refused(InboxMoved, lease, harness.step(f"5.{seen}"), late)
            await harness.commit(lease, msgspec.structs.replace(late, inbox=seen + 1))
        found = {step.position: step.status for step in await harness.store.steps.list("run", tenant=None)}
        assert found == {
            f"{act}.{seen}": status
            for seen in range(len(come))
            for act, status in ((1, "failed"), (2, "failed"), (3, "running"), (4, "completed"))
        }

    async def test_a_run_that_is_being_cancelled_is_not_suspended(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        await harness.do(harness.cancel())
        inbox = (await harness.get()).inbox
        await harness.commit_refused(RunStateWrong, lease, harness.suspend(inbox=inbox))

    async def test_a_lease_that_is_given_back_leaves_the_run_claimable_at_once(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        harness.advance(7)
        await harness.commit(lease, harness.release())
        run = await harness.get()
        assert (run.status, run.ready_at, run.worker_id, run.claim_id) == ("queued", harness.at, None, None)
        assert run.left_token == lease.token
