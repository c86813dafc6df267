"""Cleanups: a run that has functions to be called at a cancel gets a worker for them, for as long as its time lasts."""

from __future__ import annotations

from perdure.core.records import Lease
from perdure.testing.store_suite.base import Promises
from perdure.testing.store_suite.harness import StoreHarness


class CleanupPromises(Promises):
    """NoteCleanups, and the cancel of a run that cleans up."""

    async def test_a_suspended_run_that_cleans_up_is_claimable_for_that(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        await harness.store.commit(lease, harness.note_cleanups(), harness.suspend(due_in=3600, cleans_up=True))
        harness.advance(1)
        run = await harness.do(harness.cancel(within=20, reason="enough"))
        assert run == await harness.get()
        assert (run.status, run.cancel_reason, run.worker_id) == ("cancelling", "enough", None)
        assert (run.ready_at, run.due_at, run.waiting_for) == (harness.at, None, ())
        [claimed] = await harness.do(harness.claim("ana"))
        assert (claimed.run.status, claimed.run.worker_id) == ("cancelling", "ana")
        assert claimed.run.cancel_until == run.cancel_until
        lease = Lease(None, "run", claimed.run.token)
        await harness.store.commit(lease, harness.step("cancel.0"), harness.finish("cancelled"))
        run = await harness.get()
        assert (run.status, run.cleans_up) == ("cancelled", False)

    async def test_a_queued_run_that_cleans_up_is_claimable_for_that(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        await harness.store.commit(lease, harness.note_cleanups(), harness.release())
        assert (await harness.do(harness.cancel())).status == "cancelling"
        assert await harness.claimed("ana") == ["run"]

    async def test_a_run_that_nobody_claims_for_its_cleanups_is_sealed_when_its_time_has_passed(
        self, harness: StoreHarness
    ) -> None:
        lease = await harness.running()
        await harness.commit(lease, harness.suspend(cleans_up=True))
        await harness.do(harness.cancel(within=20))
        harness.jump(3600)
        assert (await harness.do(harness.seal())).status == "cancelling"
        harness.jump(-7200)
        harness.clock.lease_at += 20
        assert await harness.store.runs.overdue() == [(None, "run")]
        run = await harness.do(harness.seal())
        assert (run.status, run.ready_at) == ("cancelled", None)
        assert run.cleans_up  # they were not called, and the run says so
        assert await harness.claimed("ana") == []

    async def test_cleanups_survive_the_death_of_their_worker_within_their_time(self, harness: StoreHarness) -> None:
        await harness.mortal("bob")
        lease = await harness.running("run", "bob")
        await harness.store.commit(lease, harness.note_cleanups())
        await harness.do(harness.cancel(within=500))
        assert await harness.die("bob") == ["run"]
        run = await harness.get()
        assert (run.status, run.worker_id, run.ready_at) == ("cancelling", None, harness.at)
        await harness.worker("ana")
        assert await harness.claimed("ana") == ["run"]
        harness.clock.lease_at += 500
        await harness.do(harness.take_over("ana"))
        assert await harness.status() == "cancelled"

    async def test_cleanups_survive_the_retirement_of_their_worker_within_their_time(
        self, harness: StoreHarness
    ) -> None:
        for number, give_back in enumerate(("retire", "release")):
            run_id = f"run-{number}"
            lease = await harness.running(run_id, "bob")
            await harness.store.commit(lease, harness.note_cleanups())
            await harness.do(harness.cancel(run_id, within=500))
            if give_back == "retire":
                await harness.do(harness.retire("bob"))
            else:
                await harness.commit(lease, harness.release())
            run = await harness.get(run_id)
            assert (run.status, run.worker_id, run.ready_at) == ("cancelling", None, harness.at)
            await harness.worker("ana")
            assert await harness.claimed("ana") == [run_id]
            await harness.do(harness.retire("ana"))
            harness.clock.lease_at += 500
            await harness.do(harness.seal(run_id))

    async def test_a_run_without_cleanups_is_cancelled_at_once(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        await harness.store.commit(lease, harness.note_cleanups())
        await harness.commit(lease, harness.suspend())  # what it had to clean up, it has cleaned up
        assert (await harness.do(harness.cancel())).status == "cancelled"

    async def test_a_run_that_is_claimed_for_its_cleanups_needs_no_concurrency_key(self, harness: StoreHarness) -> None:
        lease = await harness.running("run", like=harness.create(key="k", hold="while_running"))
        await harness.commit(lease, harness.suspend("event:go", cleans_up=True))
        await harness.running("other", like=harness.create(key="k"))
        await harness.do(harness.emit("run"))
        assert (await harness.get("run")).ticket is not None
        await harness.do(harness.cancel("run"))
        assert await harness.claimed("ana") == ["run"]
        await harness.commit(Lease(None, "run", (await harness.get("run")).token), harness.finish("cancelled"))
        assert (await harness.get("other")).has_key

    async def test_children_of_a_run_that_cleans_up_are_cancelled_with_it(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        await harness.commit(lease, harness.suspend(cleans_up=True))
        await harness.do(harness.create("child", parent_id="run"))
        await harness.do(harness.cancel())
        assert await harness.store.runs.cancelling_children() == [(None, "run")]
        await harness.do(harness.cancel_children())
        assert await harness.status("child") == "cancelled"
        assert await harness.status("run") == "cancelling"
