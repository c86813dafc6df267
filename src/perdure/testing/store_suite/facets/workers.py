"""Workers: one row each; a lease that ends at an instant, and a late renewal that is none."""

from __future__ import annotations

import asyncio
import threading

import msgspec
import pytest

from perdure.errors import LeaseLost, WorkerExpired
from perdure.stores.port import RegisterWorker
from perdure.testing.store_suite.base import Promises
from perdure.testing.store_suite.harness import LEASE_FOR, SOON, StoreHarness


async def dead(harness: StoreHarness) -> list[str]:
    """The ids of the workers that are dead now."""
    return [worker.worker_id for worker, _ in await harness.store.workers.dead(harness.lease_now, harness.boot_id)]


class WorkerPromises(Promises):
    """RegisterWorker, RenewWorker, RetireWorker, and reading workers."""

    async def test_a_worker_comes_back_as_it_was(self, harness: StoreHarness) -> None:
        operation = harness.register("ana")
        await harness.do(operation)
        assert await harness.store.workers.list() == [operation.worker]

    async def test_a_worker_that_registers_again_is_the_new_process_in_everything(self, harness: StoreHarness) -> None:
        await harness.worker("ana")
        harness.advance(1)
        again = msgspec.structs.replace(harness.register("ana").worker, host="elsewhere", pid=7)
        await harness.do(RegisterWorker(worker=again))
        assert await harness.store.workers.list() == [again]

    async def test_workers_are_listed_the_oldest_first(self, harness: StoreHarness) -> None:
        for worker_id in ("eve", "ana", "bob"):
            await harness.worker(worker_id)
            harness.advance(1)
        assert [worker.worker_id for worker in await harness.store.workers.list()] == ["eve", "ana", "bob"]

    async def test_a_renewal_moves_the_lease(self, harness: StoreHarness) -> None:
        await harness.worker("ana")
        harness.advance(LEASE_FOR / 2)
        assert await harness.do(harness.renew("ana")) == []
        harness.advance(LEASE_FOR / 2)
        assert await dead(harness) == []
        [worker] = await harness.store.workers.list()
        assert worker.lease_until == harness.lease_now + LEASE_FOR / 2
        assert worker.renewed_at == harness.after(-LEASE_FOR / 2)

    async def test_a_renewal_that_comes_late_is_refused(self, harness: StoreHarness) -> None:
        await harness.worker("ana")
        before = await harness.store.workers.list()
        harness.advance(LEASE_FOR)
        await harness.refused(WorkerExpired, harness.renew("ana"))
        harness.advance(1)
        await harness.refused(WorkerExpired, harness.renew("ana"))
        assert await harness.store.workers.list() == before

    async def test_a_renewal_of_a_worker_that_is_gone_makes_none(self, harness: StoreHarness) -> None:
        lease = await harness.running(worker_id="ana")
        await harness.do(harness.finish(), lease=lease)
        await harness.do(harness.retire("ana"))
        await harness.refused(WorkerExpired, harness.renew("ana"))
        await harness.refused(WorkerExpired, harness.renew("nobody"))
        assert await harness.store.workers.list() == []
        assert (await harness.get()).worker_id is None

    async def test_a_renewal_after_a_takeover_is_refused(self, harness: StoreHarness) -> None:
        lease = await harness.running(worker_id="ana")
        await harness.retaken(lease, "bob")
        await harness.refused(WorkerExpired, harness.renew("ana"))
        assert (await harness.get()).worker_id == "bob"

    async def test_a_renewal_names_the_runs_that_are_not_executed(self, harness: StoreHarness) -> None:
        for run_id in ("one", "two", "three"):
            await harness.running(run_id, "ana")
        await harness.running("other", "bob")
        assert sorted(await harness.do(harness.renew("ana", executing=["two"]))) == ["one", "three"]
        assert await harness.do(harness.renew("ana", executing=["one", "two", "three", "other"])) == []
        assert await harness.do(harness.renew("ana")) == []

    async def test_a_renewal_changes_no_run(self, harness: StoreHarness) -> None:
        await harness.running("run", "ana")
        before = await harness.get()
        await harness.do(harness.renew("ana", executing=[]))
        assert await harness.get() == before

    async def test_a_renewal_from_another_thread_lands_while_the_loop_is_busy(self, harness: StoreHarness) -> None:
        await harness.running("run", "ana")
        found: list[list[str]] = []
        operation = harness.renew("ana", lease_for=99, executing=[])
        thread = threading.Thread(target=lambda: found.append(harness.store.renew(operation)), daemon=True)
        thread.start()
        thread.join(SOON)  # the loop stands still
        assert found == [["run"]]
        [worker] = await harness.store.workers.list()
        assert worker.lease_until == operation.lease_until

    async def test_a_late_renewal_from_another_thread_is_refused(self, harness: StoreHarness) -> None:
        await harness.worker("ana")
        harness.advance(LEASE_FOR)
        with pytest.raises(WorkerExpired):
            await asyncio.to_thread(harness.store.renew, harness.renew("ana"))

    async def test_renewals_from_other_threads_and_commits_disturb_nobody(self, harness: StoreHarness) -> None:
        lease = await harness.running("run", "ana")
        renewals = [
            asyncio.to_thread(harness.store.renew, harness.renew("ana", lease_for=LEASE_FOR + number, executing=[]))
            for number in range(20)
        ]
        commits = [harness.store.commit(harness.append("run", seq), lease=lease) for seq in range(1, 51)]
        renewed = asyncio.gather(*renewals)
        await asyncio.gather(*commits)
        assert await renewed == [["run"]] * 20
        assert (await harness.store.streams.read("run")).head == 50

    async def test_a_lease_is_over_when_now_reaches_its_end(self, harness: StoreHarness) -> None:
        await harness.worker("ana")
        harness.advance(LEASE_FOR - 0.5)
        assert await dead(harness) == []
        harness.advance(0.5)
        assert await dead(harness) == ["ana"]

    async def test_a_reboot_ends_every_lease(self, harness: StoreHarness) -> None:
        await harness.worker("ana")
        harness.boot_id = "boot-2"
        await harness.worker("bob")
        assert await dead(harness) == ["ana"]

    async def test_an_end_that_nobody_proved_is_not_called_proven(self, harness: StoreHarness) -> None:
        await harness.worker("ana")
        harness.advance(LEASE_FOR)
        assert [proven for _, proven in await harness.store.workers.dead(harness.lease_now, harness.boot_id)] == [False]

    async def test_the_runs_of_a_worker_that_retires_are_queued_again(self, harness: StoreHarness) -> None:
        lease = await harness.running("run", "ana")
        await harness.do(harness.cancel(await harness.run("other")))
        await harness.running("stopping", "ana")
        await harness.do(harness.cancel("stopping"))
        harness.advance(1)
        await harness.do(harness.retire("ana"))
        run = await harness.get()
        assert (run.status, run.worker_id, run.due_at, run.takeovers) == ("queued", None, harness.at, 0)
        assert await harness.status("stopping") == "cancelled"
        assert await harness.store.workers.list() == []
        await harness.refused(LeaseLost, harness.step(), lease=lease)

    async def test_a_worker_that_retires_leaves_the_runs_of_others(self, harness: StoreHarness) -> None:
        await harness.worker("ana")
        lease = await harness.running("run", "bob")
        await harness.do(harness.retire("ana"))
        await harness.do(harness.step(), lease=lease)
        assert (await harness.get()).worker_id == "bob"
