"""Leases: who takes a run, who may not, and that the token grows each time."""

from __future__ import annotations

import asyncio

from perdure.core.records import Lease
from perdure.errors import LeaseHeld, LeaseLost, RunNotFound, RunStateWrong, WorkerExpired
from perdure.testing.store_suite.base import Promises
from perdure.testing.store_suite.world import LEASE_FOR, World


class LeasePromises(Promises):
    """TakeRun."""

    async def test_a_run_that_is_taken_is_loaded_under_a_raised_token(self, world: World) -> None:
        await world.worker("ana")
        await world.do(world.create(manifest=b'{"n":1}'))
        await world.do(world.emit(key="early"))
        before = await world.get()
        loaded = await world.do(world.take("run", "ana"))
        assert (loaded.run.status, loaded.run.worker_id, loaded.run.due_at) == ("running", "ana", None)
        assert loaded.run.token > before.token
        assert loaded.manifest == b'{"n":1}'
        assert [event.key for event in loaded.events] == ["early"]
        assert (loaded.steps, loaded.head) == ((), 0)
        assert await world.get() == loaded.run

    async def test_what_was_committed_is_loaded(self, world: World) -> None:
        lease = await world.running()
        await world.do(world.step(position="0"), world.step(position="1"), world.append("run", 1, 2), lease=lease)
        loaded = await world.do(world.take("run", "ana"))
        assert sorted(step.position for step in loaded.steps) == ["0", "1"]
        assert loaded.head == 2
        assert await world.store.runs.load("run") == loaded

    async def test_a_run_that_waits_is_taken_all_the_same(self, world: World) -> None:
        await world.suspended("timer", due_in=3600)
        await world.suspended("event")
        for run_id in ("timer", "event"):
            run = (await world.do(world.take(run_id, "ana"))).run
            assert (run.status, run.due_at, run.waiting_for) == ("running", None, ())

    async def test_a_run_of_a_live_worker_is_held(self, world: World) -> None:
        await world.running("run", "ana")
        await world.worker("bob")
        world.advance(LEASE_FOR - 1)
        await world.do(world.renew("bob"))
        before = await world.everything()
        error = await world.refused(LeaseHeld, world.take("run", "bob"))
        assert isinstance(error, LeaseHeld)
        assert (error.run_id, error.holder, error.expires_at) == ("run", "ana", world.after(1))
        assert await world.everything() == before

    async def test_a_run_is_free_when_the_lease_of_its_holder_ends_now(self, world: World) -> None:
        lease = await world.running("run", "ana")
        world.advance(LEASE_FOR)
        await world.worker("bob")
        taken = await world.lease("run", "bob")
        assert taken.token > lease.token
        await world.refused(LeaseLost, world.step(), lease=lease)

    async def test_a_run_is_free_when_the_machine_of_its_holder_has_booted_since(self, world: World) -> None:
        lease = await world.running("run", "ana")
        world.boot_id = "boot-2"
        await world.worker("bob")
        assert (await world.lease("run", "bob")).token > lease.token

    async def test_the_same_worker_takes_again_under_a_raised_token(self, world: World) -> None:
        first = await world.running("run", "ana")
        second = await world.lease("run", "ana")
        assert second.token > first.token
        await world.refused(LeaseLost, world.step(), lease=first)
        await world.do(world.step(), lease=second)

    async def test_a_worker_without_a_live_lease_takes_nothing(self, world: World) -> None:
        await world.run()
        await world.worker("ana")
        world.advance(LEASE_FOR)
        await world.refused(WorkerExpired, world.take("run", "ana"))
        await world.refused(WorkerExpired, world.take("run", "nobody"))
        assert await world.status() == "queued"

    async def test_an_ended_run_is_not_taken(self, world: World) -> None:
        for status in ("completed", "failed", "cancelled"):
            await world.ended(status, status)
            before = await world.everything(status)
            await world.refused(RunStateWrong, world.take(status, "ana"))
            assert await world.everything(status) == before

    async def test_a_run_that_is_being_cancelled_is_not_taken(self, world: World) -> None:
        await world.running("run", "ana")
        await world.do(world.cancel())
        world.advance(LEASE_FOR)
        await world.worker("bob")
        await world.refused(RunStateWrong, world.take("run", "bob"))

    async def test_a_run_that_is_not_there_is_not_taken(self, world: World) -> None:
        await world.worker("ana")
        await world.refused(RunNotFound, world.take("run", "ana"))

    async def test_of_many_who_start_a_run_one_holds_it(self, world: World) -> None:
        workers = [await world.worker(f"worker-{number}") for number in range(20)]
        started = await asyncio.gather(
            *(world.store.commit(world.create(), world.take("run", worker_id)) for worker_id in workers),
            return_exceptions=True,
        )
        holders = [one[1].run.worker_id for one in started if not isinstance(one, BaseException)]
        refusals = [type(one) for one in started if isinstance(one, BaseException)]
        assert len(holders) == 1
        assert refusals == [LeaseHeld] * 19
        assert (await world.get()).worker_id == holders[0]

    async def test_a_token_only_grows(self, world: World) -> None:
        lease = await world.running("run", "ana")
        tokens = [lease.token]
        await world.do(world.release(), lease=lease)
        [loaded] = await world.do(world.claim("ana"))
        tokens.append(loaded.run.token)
        await world.do(world.suspend(due_in=0), lease=Lease("run", "ana", loaded.run.token))
        [loaded] = await world.do(world.claim("ana"))
        tokens.append(loaded.run.token)
        lease = await world.lease("run", "ana")
        tokens.append(lease.token)
        lease = await world.retaken(lease, "bob")
        tokens.append(lease.token)
        assert tokens == sorted(set(tokens))
