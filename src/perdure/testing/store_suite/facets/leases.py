"""Leases: who takes a run, who may not, and that the token grows each time."""

from __future__ import annotations

import asyncio

from perdure.core.records import Lease
from perdure.errors import LeaseHeld, LeaseLost, RunNotFound, RunStateWrong, WorkerExpired
from perdure.testing.store_suite.base import Promises
from perdure.testing.store_suite.harness import LEASE_FOR, StoreHarness


class LeasePromises(Promises):
    """TakeRun."""

    async def test_a_run_that_is_taken_is_loaded_under_a_raised_token(self, harness: StoreHarness) -> None:
        await harness.worker("ana")
        await harness.do(harness.create(manifest=b'{"n":1}'))
        await harness.do(harness.emit(key="early"))
        before = await harness.get()
        loaded = await harness.do(harness.take("run", "ana"))
        assert (loaded.run.status, loaded.run.worker_id, loaded.run.due_at) == ("running", "ana", None)
        assert loaded.run.token > before.token
        assert loaded.manifest == b'{"n":1}'
        assert [event.key for event in loaded.events] == ["early"]
        assert (loaded.steps, loaded.head) == ((), 0)
        assert await harness.get() == loaded.run

    async def test_what_was_committed_is_loaded(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        await harness.do(
            harness.step(position="0"), harness.step(position="1"), harness.append("run", 1, 2), lease=lease
        )
        loaded = await harness.do(harness.take("run", "ana"))
        assert sorted(step.position for step in loaded.steps) == ["0", "1"]
        assert loaded.head == 2
        assert await harness.store.runs.load("run") == loaded

    async def test_a_run_that_waits_is_taken_all_the_same(self, harness: StoreHarness) -> None:
        await harness.suspended("timer", due_in=3600)
        await harness.suspended("event")
        for run_id in ("timer", "event"):
            run = (await harness.do(harness.take(run_id, "ana"))).run
            assert (run.status, run.due_at, run.waiting_for) == ("running", None, ())

    async def test_a_run_of_a_live_worker_is_held(self, harness: StoreHarness) -> None:
        await harness.running("run", "ana")
        await harness.worker("bob")
        harness.advance(LEASE_FOR - 1)
        await harness.do(harness.renew("bob"))
        before = await harness.everything()
        error = await harness.refused(LeaseHeld, harness.take("run", "bob"))
        assert isinstance(error, LeaseHeld)
        assert (error.run_id, error.holder, error.expires_at) == ("run", "ana", harness.after(1))
        assert await harness.everything() == before

    async def test_a_run_is_free_when_the_lease_of_its_holder_ends_now(self, harness: StoreHarness) -> None:
        lease = await harness.running("run", "ana")
        harness.advance(LEASE_FOR)
        await harness.worker("bob")
        taken = await harness.lease("run", "bob")
        assert taken.token > lease.token
        await harness.refused(LeaseLost, harness.step(), lease=lease)

    async def test_a_run_is_free_when_the_machine_of_its_holder_has_booted_since(self, harness: StoreHarness) -> None:
        lease = await harness.running("run", "ana")
        harness.boot_id = "boot-2"
        await harness.worker("bob")
        assert (await harness.lease("run", "bob")).token > lease.token

    async def test_the_same_worker_takes_again_under_a_raised_token(self, harness: StoreHarness) -> None:
        first = await harness.running("run", "ana")
        second = await harness.lease("run", "ana")
        assert second.token > first.token
        await harness.refused(LeaseLost, harness.step(), lease=first)
        await harness.do(harness.step(), lease=second)

    async def test_a_worker_without_a_live_lease_takes_nothing(self, harness: StoreHarness) -> None:
        await harness.run()
        await harness.worker("ana")
        harness.advance(LEASE_FOR)
        await harness.refused(WorkerExpired, harness.take("run", "ana"))
        await harness.refused(WorkerExpired, harness.take("run", "nobody"))
        assert await harness.status() == "queued"

    async def test_an_ended_run_is_not_taken(self, harness: StoreHarness) -> None:
        for status in ("completed", "failed", "cancelled"):
            await harness.ended(status, status)
            before = await harness.everything(status)
            await harness.refused(RunStateWrong, harness.take(status, "ana"))
            assert await harness.everything(status) == before

    async def test_a_run_that_is_being_cancelled_is_not_taken(self, harness: StoreHarness) -> None:
        await harness.running("run", "ana")
        await harness.do(harness.cancel())
        harness.advance(LEASE_FOR)
        await harness.worker("bob")
        await harness.refused(RunStateWrong, harness.take("run", "bob"))

    async def test_a_run_that_is_not_there_is_not_taken(self, harness: StoreHarness) -> None:
        await harness.worker("ana")
        await harness.refused(RunNotFound, harness.take("run", "ana"))

    async def test_of_many_who_start_a_run_one_holds_it(self, harness: StoreHarness) -> None:
        workers = [await harness.worker(f"worker-{number}") for number in range(20)]
        started = await asyncio.gather(
            *(harness.store.commit(harness.create(), harness.take("run", worker_id)) for worker_id in workers),
            return_exceptions=True,
        )
        holders = [one[1].run.worker_id for one in started if not isinstance(one, BaseException)]
        refusals = [type(one) for one in started if isinstance(one, BaseException)]
        assert len(holders) == 1
        assert refusals == [LeaseHeld] * 19
        assert (await harness.get()).worker_id == holders[0]

    async def test_a_token_only_grows(self, harness: StoreHarness) -> None:
        lease = await harness.running("run", "ana")
        tokens = [lease.token]
        await harness.do(harness.release(), lease=lease)
        [loaded] = await harness.do(harness.claim("ana"))
        tokens.append(loaded.run.token)
        await harness.do(harness.suspend(due_in=0), lease=Lease("run", "ana", loaded.run.token))
        [loaded] = await harness.do(harness.claim("ana"))
        tokens.append(loaded.run.token)
        lease = await harness.lease("run", "ana")
        tokens.append(lease.token)
        lease = await harness.retaken(lease, "bob")
        tokens.append(lease.token)
        assert tokens == sorted(set(tokens))
