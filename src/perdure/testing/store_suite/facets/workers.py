"""Workers: one row each; a lease that ends at an instant, and a late renewal that is none."""

from __future__ import annotations

import asyncio
import threading

import msgspec
import pytest

from perdure.errors import LeaseLost, WorkerExpired
from perdure.stores.port import RegisterWorker
from perdure.testing.store_suite.base import Promises
from perdure.testing.store_suite.world import LEASE_FOR, SOON, World


async def dead(world: World) -> list[str]:
    """The ids of the workers that are dead now."""
    return [worker.worker_id for worker, _ in await world.store.workers.dead(world.lease_now, world.boot_id)]


class WorkerPromises(Promises):
    """RegisterWorker, RenewWorker, RetireWorker, and reading workers."""

    async def test_a_worker_comes_back_as_it_was(self, world: World) -> None:
        operation = world.register("ana")
        await world.do(operation)
        assert await world.store.workers.list() == [operation.worker]

    async def test_a_worker_that_registers_again_is_the_new_process_in_everything(self, world: World) -> None:
        await world.worker("ana")
        world.advance(1)
        again = msgspec.structs.replace(world.register("ana").worker, host="elsewhere", pid=7)
        await world.do(RegisterWorker(worker=again))
        assert await world.store.workers.list() == [again]

    async def test_workers_are_listed_the_oldest_first(self, world: World) -> None:
        for worker_id in ("eve", "ana", "bob"):
            await world.worker(worker_id)
            world.advance(1)
        assert [worker.worker_id for worker in await world.store.workers.list()] == ["eve", "ana", "bob"]

    async def test_a_renewal_moves_the_lease(self, world: World) -> None:
        await world.worker("ana")
        world.advance(LEASE_FOR / 2)
        assert await world.do(world.renew("ana")) == []
        world.advance(LEASE_FOR / 2)
        assert await dead(world) == []
        [worker] = await world.store.workers.list()
        assert worker.lease_until == world.lease_now + LEASE_FOR / 2
        assert worker.renewed_at == world.after(-LEASE_FOR / 2)

    async def test_a_renewal_that_comes_late_is_refused(self, world: World) -> None:
        await world.worker("ana")
        before = await world.store.workers.list()
        world.advance(LEASE_FOR)
        await world.refused(WorkerExpired, world.renew("ana"))
        world.advance(1)
        await world.refused(WorkerExpired, world.renew("ana"))
        assert await world.store.workers.list() == before

    async def test_a_renewal_of_a_worker_that_is_gone_makes_none(self, world: World) -> None:
        lease = await world.running(worker_id="ana")
        await world.do(world.finish(), lease=lease)
        await world.do(world.retire("ana"))
        await world.refused(WorkerExpired, world.renew("ana"))
        await world.refused(WorkerExpired, world.renew("nobody"))
        assert await world.store.workers.list() == []
        assert (await world.get()).worker_id is None

    async def test_a_renewal_after_a_takeover_is_refused(self, world: World) -> None:
        lease = await world.running(worker_id="ana")
        await world.retaken(lease, "bob")
        await world.refused(WorkerExpired, world.renew("ana"))
        assert (await world.get()).worker_id == "bob"

    async def test_a_renewal_names_the_runs_that_are_not_executed(self, world: World) -> None:
        for run_id in ("one", "two", "three"):
            await world.running(run_id, "ana")
        await world.running("other", "bob")
        assert sorted(await world.do(world.renew("ana", executing=["two"]))) == ["one", "three"]
        assert await world.do(world.renew("ana", executing=["one", "two", "three", "other"])) == []
        assert await world.do(world.renew("ana")) == []

    async def test_a_renewal_changes_no_run(self, world: World) -> None:
        await world.running("run", "ana")
        before = await world.get()
        await world.do(world.renew("ana", executing=[]))
        assert await world.get() == before

    async def test_a_renewal_from_another_thread_lands_while_the_loop_is_busy(self, world: World) -> None:
        await world.running("run", "ana")
        found: list[list[str]] = []
        operation = world.renew("ana", lease_for=99, executing=[])
        thread = threading.Thread(target=lambda: found.append(world.store.renew(operation)), daemon=True)
        thread.start()
        thread.join(SOON)  # the loop stands still
        assert found == [["run"]]
        [worker] = await world.store.workers.list()
        assert worker.lease_until == operation.lease_until

    async def test_a_late_renewal_from_another_thread_is_refused(self, world: World) -> None:
        await world.worker("ana")
        world.advance(LEASE_FOR)
        with pytest.raises(WorkerExpired):
            await asyncio.to_thread(world.store.renew, world.renew("ana"))

    async def test_renewals_from_other_threads_and_commits_disturb_nobody(self, world: World) -> None:
        lease = await world.running("run", "ana")
        renewals = [
            asyncio.to_thread(world.store.renew, world.renew("ana", lease_for=LEASE_FOR + number, executing=[]))
            for number in range(20)
        ]
        commits = [world.store.commit(world.append("run", seq), lease=lease) for seq in range(1, 51)]
        renewed = asyncio.gather(*renewals)
        await asyncio.gather(*commits)
        assert await renewed == [["run"]] * 20
        assert (await world.store.streams.read("run")).head == 50

    async def test_a_lease_is_over_when_now_reaches_its_end(self, world: World) -> None:
        await world.worker("ana")
        world.advance(LEASE_FOR - 0.5)
        assert await dead(world) == []
        world.advance(0.5)
        assert await dead(world) == ["ana"]

    async def test_a_reboot_ends_every_lease(self, world: World) -> None:
        await world.worker("ana")
        world.boot_id = "boot-2"
        await world.worker("bob")
        assert await dead(world) == ["ana"]

    async def test_an_end_that_nobody_proved_is_not_called_proven(self, world: World) -> None:
        await world.worker("ana")
        world.advance(LEASE_FOR)
        assert [proven for _, proven in await world.store.workers.dead(world.lease_now, world.boot_id)] == [False]

    async def test_the_runs_of_a_worker_that_retires_are_queued_again(self, world: World) -> None:
        lease = await world.running("run", "ana")
        await world.do(world.cancel(await world.run("other")))
        await world.running("stopping", "ana")
        await world.do(world.cancel("stopping"))
        world.advance(1)
        await world.do(world.retire("ana"))
        run = await world.get()
        assert (run.status, run.worker_id, run.due_at, run.takeovers) == ("queued", None, world.at, 0)
        assert await world.status("stopping") == "cancelled"
        assert await world.store.workers.list() == []
        await world.refused(LeaseLost, world.step(), lease=lease)

    async def test_a_worker_that_retires_leaves_the_runs_of_others(self, world: World) -> None:
        await world.worker("ana")
        lease = await world.running("run", "bob")
        await world.do(world.retire("ana"))
        await world.do(world.step(), lease=lease)
        assert (await world.get()).worker_id == "bob"
