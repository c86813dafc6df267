"""Takeovers: the runs of a dead worker get another owner, once its death is sure, and not for ever."""

from __future__ import annotations

import msgspec

from perdure.core.records import Lease
from perdure.errors import LeaseLost
from perdure.testing.store_suite.base import Promises
from perdure.testing.store_suite.harness import LEASE_FOR, StoreHarness


async def die(harness: StoreHarness, lease: Lease, *, max_takeovers: int = 2) -> None:
    """Let the holder's lease end, and take its runs."""
    harness.advance(LEASE_FOR)
    await harness.do(harness.take_over(lease.worker_id, max_takeovers=max_takeovers))


async def held_by(harness: StoreHarness, worker_id: str) -> Lease:
    """The lease of the run, by a new worker."""
    await harness.worker(worker_id)
    return await harness.lease("run", worker_id)


class TakeoverPromises(Promises):
    """TakeOver."""

    async def test_a_takeover_takes_every_run_of_a_dead_worker(self, harness: StoreHarness) -> None:
        leases = [await harness.running(run_id, "ana") for run_id in ("one", "two", "three")]
        harness.advance(LEASE_FOR)
        assert sorted(await harness.do(harness.take_over("ana"))) == ["one", "three", "two"]
        for lease in leases:
            run = await harness.get(lease.run_id)
            assert (run.status, run.worker_id, run.due_at, run.takeovers) == ("queued", None, harness.at, 1)
        assert await harness.store.workers.list() == []

    async def test_a_takeover_raises_each_token(self, harness: StoreHarness) -> None:
        lease = await harness.running("run", "ana")
        harness.advance(LEASE_FOR)
        await harness.do(harness.take_over("ana"))
        assert (await harness.get()).token > lease.token
        await harness.refused(LeaseLost, harness.step(), lease=lease)

    async def test_a_takeover_looks_at_the_lease_again(self, harness: StoreHarness) -> None:
        lease = await harness.running("run", "ana")
        harness.advance(LEASE_FOR - 1)
        await harness.do(harness.renew("ana"))  # in time after all: whoever saw it dead, saw it before
        harness.advance(1)
        before = await harness.everything()
        assert list(await harness.do(harness.take_over("ana"))) == []
        assert await harness.everything() == before
        await harness.do(harness.step(), lease=lease)

    async def test_a_takeover_may_come_at_the_very_end_of_a_lease(self, harness: StoreHarness) -> None:
        await harness.running("run", "ana")
        harness.advance(LEASE_FOR - 0.5)
        assert list(await harness.do(harness.take_over("ana"))) == []
        harness.advance(0.5)
        assert list(await harness.do(harness.take_over("ana"))) == ["run"]

    async def test_a_takeover_may_come_after_a_reboot(self, harness: StoreHarness) -> None:
        await harness.running("run", "ana")
        harness.boot_id = "boot-2"
        assert list(await harness.do(harness.take_over("ana"))) == ["run"]

    async def test_a_takeover_of_a_worker_proven_dead_waits_for_no_lease(self, harness: StoreHarness) -> None:
        await harness.running("run", "ana")
        assert list(await harness.do(harness.take_over("ana", proven=True))) == ["run"]
        assert await harness.status() == "queued"

    async def test_a_takeover_leaves_a_worker_that_has_registered_again_since_it_was_found_dead(
        self, harness: StoreHarness
    ) -> None:
        await harness.running("run", "ana")
        (dead,) = await harness.store.workers.list()
        take = msgspec.structs.replace(harness.take_over("ana", proven=True), registered=dead.started_at)
        harness.advance(1)
        await harness.worker("ana")
        lease = await harness.lease("run", "ana")
        assert list(await harness.do(take)) == []
        await harness.do(harness.step(), lease=lease)
        (alive,) = await harness.store.workers.list()
        take = msgspec.structs.replace(take, registered=alive.started_at)
        assert list(await harness.do(take)) == ["run"]

    async def test_a_takeover_leaves_the_runs_of_others(self, harness: StoreHarness) -> None:
        await harness.running("one", "ana")
        lease = await harness.running("two", "bob")
        await harness.do(harness.take_over("ana", proven=True))
        await harness.do(harness.step("two"), lease=lease)
        assert [worker.worker_id for worker in await harness.store.workers.list()] == ["bob"]

    async def test_a_takeover_of_a_run_that_is_being_cancelled_cancels_it(self, harness: StoreHarness) -> None:
        lease = await harness.running("run", "ana")
        await harness.do(harness.cancel())
        harness.advance(LEASE_FOR)
        await harness.do(harness.take_over("ana"))
        run = await harness.get()
        assert (run.status, run.completed_at, run.worker_id) == ("cancelled", harness.at, None)
        assert run.token > lease.token

    async def test_a_dead_worker_without_runs_is_gone_after_its_takeover(self, harness: StoreHarness) -> None:
        await harness.worker("ana")
        harness.advance(LEASE_FOR)
        assert list(await harness.do(harness.take_over("ana"))) == []
        assert await harness.store.workers.list() == []

    async def test_a_run_taken_over_too_often_is_poisoned(self, harness: StoreHarness) -> None:
        lease = await harness.running("run", "ana")
        await die(harness, lease)
        await die(harness, await held_by(harness, "bob"))
        assert await harness.status() == "queued"
        await die(harness, await held_by(harness, "eve"))
        run = await harness.get()
        assert run.status == "failed"
        assert run.failure is not None
        assert run.failure.reason == "poisoned"
        assert run.completed_at == harness.at

    async def test_a_step_between_takeovers_starts_their_count_again(self, harness: StoreHarness) -> None:
        lease = await harness.running("run", "ana")
        for number in range(6):
            await harness.do(harness.step(position=str(number)), lease=lease)
            assert (await harness.get()).takeovers == 0
            await die(harness, lease, max_takeovers=1)
            assert (await harness.get()).takeovers == 1
            lease = await held_by(harness, f"worker-{number}")
        assert await harness.status() == "running"

    async def test_a_step_that_only_began_is_no_progress(self, harness: StoreHarness) -> None:
        lease = await harness.running("run", "ana")
        await die(harness, lease)
        lease = await held_by(harness, "bob")
        await harness.do(harness.step(status="running"), lease=lease)
        await harness.do(harness.step(status="in_doubt"), lease=lease)
        assert (await harness.get()).takeovers == 1

    async def test_a_lease_that_is_given_back_is_no_takeover(self, harness: StoreHarness) -> None:
        lease = await harness.running("run", "ana")
        await harness.do(harness.release(), lease=lease)
        assert (await harness.get()).takeovers == 0

    async def test_a_run_taken_from_a_dead_holder_counts_a_takeover(self, harness: StoreHarness) -> None:
        await harness.running("run", "ana")
        harness.advance(LEASE_FOR)
        await held_by(harness, "bob")
        assert (await harness.get()).takeovers == 1
