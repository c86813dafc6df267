"""Takeovers: the runs of a dead worker get another owner, once its death is sure."""

from __future__ import annotations

from perdure.errors import LeaseLost
from perdure.testing.store_suite.base import Promises
from perdure.testing.store_suite.harness import StoreHarness
from perdure.testing.store_suite.worker_operations import LEASE_FOR, STALL_LIMIT


class TakeoverPromises(Promises):
    """TakeOver."""

    async def test_a_takeover_takes_every_run_of_a_dead_worker(self, harness: StoreHarness) -> None:
        run_ids = ["one", "three", "two"]
        for run_id in run_ids:
            await harness.running(run_id, "ana")
        harness.advance(STALL_LIMIT)
        taken = await harness.do(harness.take_over("ana"))
        assert sorted(taken) == [(None, run_id) for run_id in run_ids]
        for run_id in run_ids:
            run = await harness.get(run_id)
            assert (run.status, run.worker_id, run.claim_id, run.leased_at) == ("queued", None, None, None)
            assert run.ready_at == harness.at
        assert await harness.store.workers.list() == []

    async def test_a_takeover_takes_so_many_runs_at_a_time_and_the_row_with_the_last(
        self, harness: StoreHarness
    ) -> None:
        for run_id in ("a", "b", "c", "d"):
            await harness.running(run_id, "ana")
            harness.advance(1)
        harness.advance(STALL_LIMIT)
        assert await harness.do(harness.take_over("ana", limit=2)) == ((None, "a"), (None, "b"))
        assert [await harness.status(one) for one in "abcd"] == ["queued", "queued", "running", "running"]
        assert [worker.worker_id for worker in await harness.store.workers.list()] == ["ana"]
        assert await harness.do(harness.take_over("ana", limit=2)) == ((None, "c"), (None, "d"))
        assert [await harness.status(one) for one in "abcd"] == ["queued"] * 4
        assert await harness.store.workers.list() == []
        assert await harness.do(harness.take_over("ana", limit=2)) == ()

    async def test_a_worker_that_renews_in_the_middle_of_its_takeover_keeps_what_it_has_left(
        self, harness: StoreHarness
    ) -> None:
        taken = await harness.running("taken", "ana")
        harness.advance(1)
        kept = await harness.running("kept", "ana")
        harness.advance(STALL_LIMIT)
        assert await harness.do(harness.take_over("ana", limit=1)) == ((None, "taken"),)
        await harness.do(harness.renew("ana"))
        assert await harness.do(harness.take_over("ana", limit=1)) == ()
        await harness.commit(kept, harness.step())
        await harness.commit_refused(LeaseLost, taken, harness.step())

    async def test_a_takeover_raises_each_token(self, harness: StoreHarness) -> None:
        lease = await harness.running("run", "ana")
        await harness.lapse("ana")
        assert (await harness.get()).token > lease.token
        await harness.commit_refused(LeaseLost, lease, harness.step())

    async def test_a_takeover_looks_at_the_lease_again(self, harness: StoreHarness) -> None:
        lease = await harness.running("run", "ana")
        harness.advance(STALL_LIMIT)
        await harness.do(harness.renew("ana"))  # in time after all: whoever saw it dead, saw it before
        before = await harness.everything()
        assert await harness.do(harness.take_over("ana")) == ()
        assert await harness.everything() == before
        await harness.commit(lease, harness.step())

    async def test_a_takeover_may_come_at_the_very_end_of_a_lease_and_not_before(self, harness: StoreHarness) -> None:
        await harness.worker("ana", stall_limit=LEASE_FOR)
        await harness.running("run", "ana")
        harness.advance(LEASE_FOR - 0.5)
        assert await harness.do(harness.take_over("ana")) == ()
        harness.advance(0.5)
        assert await harness.do(harness.take_over("ana")) == ((None, "run"),)

    async def test_a_takeover_of_a_worker_that_is_proven_dead_waits_for_no_lease(self, harness: StoreHarness) -> None:
        harness.needs("proves_death")
        await harness.mortal("ana")
        await harness.running("run", "ana")
        assert await harness.die("ana") == ["run"]
        assert await harness.status() == "queued"

    async def test_a_takeover_leaves_a_worker_that_has_registered_again_since_it_was_found_dead(
        self, harness: StoreHarness
    ) -> None:
        await harness.running("run", "ana")
        take_over = harness.take_over("ana")
        await harness.worker("ana")
        lease = await harness.lease("run", "ana")
        harness.advance(STALL_LIMIT)
        assert await harness.do(take_over) == ()
        await harness.commit(lease, harness.step())
        assert await harness.do(harness.take_over("ana")) == ((None, "run"),)

    async def test_a_takeover_leaves_the_runs_of_others(self, harness: StoreHarness) -> None:
        await harness.running("one", "ana")
        lease = await harness.running("two", "bob")
        harness.advance(STALL_LIMIT)
        await harness.do(harness.renew("bob"))
        assert await harness.do(harness.take_over("ana")) == ((None, "one"),)
        await harness.commit(lease, harness.step())
        assert [worker.worker_id for worker in await harness.store.workers.list()] == ["bob"]

    async def test_a_takeover_of_a_run_that_is_being_cancelled_cancels_it(self, harness: StoreHarness) -> None:
        lease = await harness.running("run", "ana")
        await harness.do(harness.cancel())
        await harness.lapse("ana")
        run = await harness.get()
        assert (run.status, run.completed_at, run.worker_id) == ("cancelled", harness.at, None)
        assert run.token > lease.token

    async def test_a_dead_worker_without_runs_is_gone_after_its_takeover(self, harness: StoreHarness) -> None:
        await harness.worker("ana")
        harness.advance(STALL_LIMIT)
        assert await harness.do(harness.take_over("ana")) == ()
        assert await harness.store.workers.list() == []
