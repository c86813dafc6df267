"""Workers: a row for each incarnation, a lease that ends at an instant, renewals that only go forward."""

from __future__ import annotations

import asyncio
import threading

import pytest

from perdure.core.values import Value
from perdure.errors import LeaseLost, WorkerExpired
from perdure.testing.store_suite.base import Promises
from perdure.testing.store_suite.harness import SOON, StoreHarness
from perdure.testing.store_suite.worker_operations import LEASE_FOR, STALL_LIMIT


async def dead(harness: StoreHarness) -> list[str]:
    """The ids of the workers that are dead now."""
    return [one.worker.worker_id for one in await harness.store.workers.dead()]


class WorkerPromises(Promises):
    """RegisterWorker, RenewWorker, RetireWorker, and reading workers."""

    async def test_a_worker_comes_back_as_it_was_registered(self, harness: StoreHarness) -> None:
        operation = harness.register("ana")
        await harness.do(operation)
        [worker] = await harness.store.workers.list()
        assert (worker.worker_id, worker.incarnation) == ("ana", operation.incarnation)
        assert (worker.host, worker.pid, worker.process_token, worker.queues) == ("host", 1, "1", ("default",))
        assert (worker.started_at, worker.renewed_at, worker.beat) == (harness.at, harness.at, 0)
        assert worker.lease_until == harness.clock.lease_at + LEASE_FOR
        assert worker.stall_until == harness.clock.lease_at + STALL_LIMIT
        assert await harness.store.workers.lease_left("ana") == LEASE_FOR
        assert await harness.store.workers.lease_left("nobody") is None

    async def test_a_new_incarnation_replaces_the_row_of_the_earlier_one(self, harness: StoreHarness) -> None:
        await harness.worker("ana")
        harness.advance(1)
        await harness.worker("ana")
        [worker] = await harness.store.workers.list()
        assert (worker.incarnation, worker.started_at) == (harness.incarnation("ana"), harness.at)

    async def test_the_runs_of_an_earlier_incarnation_are_taken_over_first(self, harness: StoreHarness) -> None:
        lease = await harness.running("run", "ana")
        await harness.worker("ana")
        run = await harness.get()
        assert (run.status, run.worker_id, run.ready_at) == ("queued", None, harness.at)
        assert run.token > lease.token
        await harness.commit_refused(LeaseLost, lease, harness.step())

    async def test_an_operation_of_an_earlier_incarnation_is_refused_or_changes_nothing(
        self, harness: StoreHarness
    ) -> None:
        await harness.worker("ana")
        await harness.run()
        renew, claim, take = harness.renew("ana"), harness.claim("ana"), harness.take("run", "ana")
        retire, take_over = harness.retire("ana"), harness.take_over("ana")
        await harness.worker("ana")
        for operation in (renew, claim, take):
            await harness.refused(WorkerExpired, operation)
        harness.advance(STALL_LIMIT)
        before = await harness.everything()
        await harness.do(retire)
        assert await harness.do(take_over) == ()
        assert await harness.everything() == before

    async def test_workers_are_listed_the_oldest_first(self, harness: StoreHarness) -> None:
        for worker_id in ("eve", "ana", "bob"):
            await harness.worker(worker_id)
            harness.advance(1)
        assert [worker.worker_id for worker in await harness.store.workers.list()] == ["eve", "ana", "bob"]

    async def test_a_renewal_moves_the_lease(self, harness: StoreHarness) -> None:
        await harness.worker("ana")
        harness.advance(LEASE_FOR / 2)
        assert await harness.do(harness.renew("ana")) == ()
        harness.advance(LEASE_FOR / 2)
        assert await dead(harness) == []
        [worker] = await harness.store.workers.list()
        assert worker.lease_until == harness.clock.lease_at + LEASE_FOR / 2
        assert worker.stall_until == harness.clock.lease_at + STALL_LIMIT - LEASE_FOR / 2
        assert worker.renewed_at == harness.after(-LEASE_FOR / 2)

    async def test_a_jump_of_the_wall_clock_moves_no_lease(self, harness: StoreHarness) -> None:
        await harness.worker("ana")
        for jump in (3600, -7200):
            harness.jump(jump)
            assert await harness.store.workers.lease_left("ana") == LEASE_FOR
            assert await dead(harness) == []

    async def test_a_renewal_with_an_earlier_beat_changes_nothing(self, harness: StoreHarness) -> None:
        await harness.worker("ana")
        early, late = harness.renew("ana", lease_for=99), harness.renew("ana", lease_for=LEASE_FOR)
        await harness.do(late)
        before = await harness.everything()
        assert await harness.do(early) == ()
        assert await harness.everything() == before

    async def test_a_late_renewal_lands_where_nobody_has_taken_over(self, harness: StoreHarness) -> None:
        await harness.running("run", "ana")
        harness.advance(2 * STALL_LIMIT)
        assert await dead(harness) == ["ana"]
        await harness.do(harness.renew("ana"))
        assert await dead(harness) == []
        assert await harness.do(harness.take_over("ana")) == ()
        assert await harness.status() == "running"

    async def test_a_renewal_of_a_worker_that_is_gone_makes_none(self, harness: StoreHarness) -> None:
        lease = await harness.running(worker_id="ana")
        await harness.commit(lease, harness.finish())
        await harness.do(harness.retire("ana"))
        await harness.refused(WorkerExpired, harness.renew("ana"))
        await harness.refused(WorkerExpired, harness.renew("nobody"))
        assert await harness.store.workers.list() == []

    async def test_a_renewal_after_a_takeover_is_refused(self, harness: StoreHarness) -> None:
        lease = await harness.running(worker_id="ana")
        await harness.retaken(lease, "bob")
        await harness.refused(WorkerExpired, harness.renew("ana"))
        assert (await harness.get()).worker_id == "bob"

    async def test_a_renewal_names_the_runs_that_are_not_executed(self, harness: StoreHarness) -> None:
        for run_id in ("one", "two", "three"):
            await harness.running(run_id, "ana")
        await harness.running("other", "bob")
        named: Value = await harness.do(harness.renew("ana", executing=["two"]))
        assert sorted(named) == [(None, "one"), (None, "three")]
        assert await harness.do(harness.renew("ana", executing=["one", "two", "three", "other"])) == ()
        assert await harness.do(harness.renew("ana")) == ()

    async def test_a_renewal_changes_no_run(self, harness: StoreHarness) -> None:
        await harness.running("run", "ana")
        before = await harness.get()
        await harness.do(harness.renew("ana", executing=[]))
        assert await harness.get() == before

    async def test_a_lease_is_over_when_now_reaches_its_end(self, harness: StoreHarness) -> None:
        await harness.worker("ana", stall_limit=LEASE_FOR)
        harness.advance(LEASE_FOR - 0.5)
        assert await dead(harness) == []
        harness.advance(0.5)
        assert await dead(harness) == ["ana"]

    async def test_a_worker_that_is_proven_alive_is_dead_only_after_its_stall_limit(
        self, harness: StoreHarness
    ) -> None:
        harness.needs("proves_death")
        await harness.running("run", "ana")
        harness.advance(STALL_LIMIT - 0.5)
        assert await dead(harness) == []
        assert await harness.do(harness.take_over("ana")) == ()
        harness.advance(0.5)
        assert await dead(harness) == ["ana"]

    async def test_an_end_that_is_not_proven_is_not_called_proven(self, harness: StoreHarness) -> None:
        await harness.worker("ana")
        harness.advance(STALL_LIMIT)
        assert [one.proven for one in await harness.store.workers.dead()] == [False]

    async def test_the_runs_of_a_worker_that_retires_are_queued_again(self, harness: StoreHarness) -> None:
        lease = await harness.running("run", "ana")
        await harness.running("stopping", "ana")
        await harness.do(harness.cancel("stopping"))
        harness.advance(1)
        await harness.do(harness.retire("ana"))
        run = await harness.get()
        assert (run.status, run.worker_id, run.ready_at, run.suspicion) == ("queued", None, harness.at, None)
        assert run.token > lease.token
        assert await harness.status("stopping") == "cancelled"
        assert await harness.store.workers.list() == []
        await harness.commit_refused(LeaseLost, lease, harness.step())

    async def test_a_worker_that_retires_gives_back_so_many_runs_at_a_time_and_is_gone_with_the_last(
        self, harness: StoreHarness
    ) -> None:
        for run_id in ("a", "b", "c"):
            await harness.running(run_id, "ana")
            harness.advance(1)
        assert await harness.do(harness.retire("ana", limit=2)) is True
        assert [await harness.status(one) for one in "abc"] == ["queued", "queued", "running"]
        assert [worker.worker_id for worker in await harness.store.workers.list()] == ["ana"]
        assert await harness.do(harness.retire("ana", limit=2)) is False
        assert [await harness.status(one) for one in "abc"] == ["queued"] * 3
        assert await harness.store.workers.list() == []
        assert await harness.do(harness.retire("ana", limit=2)) is False

    async def test_a_worker_that_registers_again_is_there_once_its_earlier_runs_are_taken_over(
        self, harness: StoreHarness
    ) -> None:
        for run_id in ("a", "b", "c"):
            await harness.running(run_id, "ana")
            harness.advance(1)
        earlier = harness.incarnation("ana")
        harness.advance(STALL_LIMIT)
        again = harness.register("ana", limit=2)
        assert await harness.do(again) is True
        assert [await harness.status(one) for one in "abc"] == ["queued", "queued", "running"]
        assert [worker.incarnation for worker in await harness.store.workers.list()] == [earlier]
        assert await harness.do(again) is False
        assert [await harness.status(one) for one in "abc"] == ["queued"] * 3
        assert [worker.incarnation for worker in await harness.store.workers.list()] == [again.incarnation]
        assert await harness.do(again) is False

    async def test_a_worker_that_retires_leaves_the_runs_of_others(self, harness: StoreHarness) -> None:
        await harness.worker("ana")
        lease = await harness.running("run", "bob")
        await harness.do(harness.retire("ana"))
        await harness.commit(lease, harness.step())
        assert (await harness.get()).worker_id == "bob"


class ThreadedRenewalPromises(Promises):
    """Store.renew, from another thread than the loop's."""

    async def test_a_renewal_from_another_thread_lands_while_the_loop_is_busy(self, harness: StoreHarness) -> None:
        harness.needs("renews_off_the_loop")
        await harness.running("run", "ana")
        found: list[Value] = []
        operation = harness.renew("ana", lease_for=99, executing=[])
        thread = threading.Thread(target=lambda: found.append(harness.store.renew(operation)), daemon=True)
        thread.start()
        thread.join(SOON)  # the loop stands still
        assert found == [((None, "run"),)]
        assert await harness.store.workers.lease_left("ana") == 99

    async def test_a_renewal_from_another_thread_of_a_worker_that_is_gone_is_refused(
        self, harness: StoreHarness
    ) -> None:
        harness.needs("renews_off_the_loop")
        await harness.worker("ana")
        await harness.do(harness.retire("ana"))
        with pytest.raises(WorkerExpired):
            await asyncio.to_thread(harness.store.renew, harness.renew("ana"))

    async def test_renewals_from_other_threads_and_commits_do_not_disturb_each_other(
        self, harness: StoreHarness
    ) -> None:
        harness.needs("renews_off_the_loop")
        lease = await harness.running("run", "ana")
        operations = [harness.renew("ana", executing=[]) for _ in range(20)]
        renewals = [asyncio.to_thread(harness.store.renew, operation) for operation in operations]
        commits = [harness.store.commit(lease, harness.append(seq)) for seq in range(1, 51)]
        renewed = asyncio.gather(*renewals)
        await asyncio.gather(*commits)
        assert await renewed == [((None, "run"),)] * 20
        assert (await harness.store.streams.read("run", tenant=None)).head == 50
