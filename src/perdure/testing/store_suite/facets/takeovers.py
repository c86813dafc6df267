"""Takeovers: the runs of a dead worker get another owner, once its death is sure, and not for ever."""

from __future__ import annotations

import msgspec

from perdure.core.records import Lease
from perdure.errors import LeaseLost
from perdure.testing.store_suite.base import Promises
from perdure.testing.store_suite.world import LEASE_FOR, World


async def die(world: World, lease: Lease, *, max_takeovers: int = 2) -> None:
    """Let the holder's lease end, and take its runs."""
    world.advance(LEASE_FOR)
    await world.do(world.take_over(lease.worker_id, max_takeovers=max_takeovers))


async def held_by(world: World, worker_id: str) -> Lease:
    """The lease of the run, by a new worker."""
    await world.worker(worker_id)
    return await world.lease("run", worker_id)


class TakeoverPromises(Promises):
    """TakeOver."""

    async def test_a_takeover_takes_every_run_of_a_dead_worker(self, world: World) -> None:
        leases = [await world.running(run_id, "ana") for run_id in ("one", "two", "three")]
        world.advance(LEASE_FOR)
        assert sorted(await world.do(world.take_over("ana"))) == ["one", "three", "two"]
        for lease in leases:
            run = await world.get(lease.run_id)
            assert (run.status, run.worker_id, run.due_at, run.takeovers) == ("queued", None, world.at, 1)
        assert await world.store.workers.list() == []

    async def test_a_takeover_raises_each_token(self, world: World) -> None:
        lease = await world.running("run", "ana")
        world.advance(LEASE_FOR)
        await world.do(world.take_over("ana"))
        assert (await world.get()).token > lease.token
        await world.refused(LeaseLost, world.step(), lease=lease)

    async def test_a_takeover_looks_at_the_lease_again(self, world: World) -> None:
        lease = await world.running("run", "ana")
        world.advance(LEASE_FOR - 1)
        await world.do(world.renew("ana"))  # in time after all: whoever saw it dead, saw it before
        world.advance(1)
        before = await world.everything()
        assert list(await world.do(world.take_over("ana"))) == []
        assert await world.everything() == before
        await world.do(world.step(), lease=lease)

    async def test_a_takeover_may_come_at_the_very_end_of_a_lease(self, world: World) -> None:
        await world.running("run", "ana")
        world.advance(LEASE_FOR - 0.5)
        assert list(await world.do(world.take_over("ana"))) == []
        world.advance(0.5)
        assert list(await world.do(world.take_over("ana"))) == ["run"]

    async def test_a_takeover_may_come_after_a_reboot(self, world: World) -> None:
        await world.running("run", "ana")
        world.boot_id = "boot-2"
        assert list(await world.do(world.take_over("ana"))) == ["run"]

    async def test_a_takeover_of_a_worker_proven_dead_waits_for_no_lease(self, world: World) -> None:
        await world.running("run", "ana")
        assert list(await world.do(world.take_over("ana", proven=True))) == ["run"]
        assert await world.status() == "queued"

    async def test_a_takeover_leaves_a_worker_that_has_registered_again_since_it_was_found_dead(
        self, world: World
    ) -> None:
        await world.running("run", "ana")
        (dead,) = await world.store.workers.list()
        take = msgspec.structs.replace(world.take_over("ana", proven=True), registered=dead.started_at)
        world.advance(1)
        await world.worker("ana")
        lease = await world.lease("run", "ana")
        assert list(await world.do(take)) == []
        await world.do(world.step(), lease=lease)
        (alive,) = await world.store.workers.list()
        take = msgspec.structs.replace(take, registered=alive.started_at)
        assert list(await world.do(take)) == ["run"]

    async def test_a_takeover_leaves_the_runs_of_others(self, world: World) -> None:
        await world.running("one", "ana")
        lease = await world.running("two", "bob")
        await world.do(world.take_over("ana", proven=True))
        await world.do(world.step("two"), lease=lease)
        assert [worker.worker_id for worker in await world.store.workers.list()] == ["bob"]

    async def test_a_takeover_of_a_run_that_is_being_cancelled_cancels_it(self, world: World) -> None:
        lease = await world.running("run", "ana")
        await world.do(world.cancel())
        world.advance(LEASE_FOR)
        await world.do(world.take_over("ana"))
        run = await world.get()
        assert (run.status, run.completed_at, run.worker_id) == ("cancelled", world.at, None)
        assert run.token > lease.token

    async def test_a_dead_worker_without_runs_is_gone_after_its_takeover(self, world: World) -> None:
        await world.worker("ana")
        world.advance(LEASE_FOR)
        assert list(await world.do(world.take_over("ana"))) == []
        assert await world.store.workers.list() == []

    async def test_a_run_taken_over_too_often_is_poisoned(self, world: World) -> None:
        lease = await world.running("run", "ana")
        await die(world, lease)
        await die(world, await held_by(world, "bob"))
        assert await world.status() == "queued"
        await die(world, await held_by(world, "eve"))
        run = await world.get()
        assert run.status == "failed"
        assert run.failure is not None
        assert run.failure.reason == "poisoned"
        assert run.completed_at == world.at

    async def test_a_step_between_takeovers_starts_their_count_again(self, world: World) -> None:
        lease = await world.running("run", "ana")
        for number in range(6):
            await world.do(world.step(position=str(number)), lease=lease)
            assert (await world.get()).takeovers == 0
            await die(world, lease, max_takeovers=1)
            assert (await world.get()).takeovers == 1
            lease = await held_by(world, f"worker-{number}")
        assert await world.status() == "running"

    async def test_a_step_that_only_began_is_no_progress(self, world: World) -> None:
        lease = await world.running("run", "ana")
        await die(world, lease)
        lease = await held_by(world, "bob")
        await world.do(world.step(status="running"), lease=lease)
        await world.do(world.step(status="in_doubt"), lease=lease)
        assert (await world.get()).takeovers == 1

    async def test_a_lease_that_is_given_back_is_no_takeover(self, world: World) -> None:
        lease = await world.running("run", "ana")
        await world.do(world.release(), lease=lease)
        assert (await world.get()).takeovers == 0

    async def test_a_run_taken_from_a_dead_holder_counts_a_takeover(self, world: World) -> None:
        await world.running("run", "ana")
        world.advance(LEASE_FOR)
        await held_by(world, "bob")
        assert (await world.get()).takeovers == 1
