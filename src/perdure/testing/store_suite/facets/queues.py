"""Queues: what is due is claimed in order, once, and never more than may run."""

from __future__ import annotations

import asyncio

import msgspec

from perdure.core.records import Lease
from perdure.core.values import Value
from perdure.errors import WorkerExpired
from perdure.testing.store_suite.base import Promises
from perdure.testing.store_suite.world import LEASE_FOR, World


def ids(loaded: Value) -> list[str]:
    """The ids of what was claimed, in its order."""
    return [one.run.run_id for one in loaded]


async def queue_up(world: World, *run_ids: str, queue: str = "default", workflow: str = "flow") -> None:
    """Make runs, a second apart."""
    for run_id in run_ids:
        await world.do(world.create(run_id, queue=queue, workflow=workflow))
        world.advance(1)


class QueuePromises(Promises):
    """Claim, and reading queues."""

    async def test_the_longest_due_is_claimed_first(self, world: World) -> None:
        await queue_up(world, "b", "a")
        await world.suspended("timer", "bob", due_in=1)
        world.advance(1)
        await queue_up(world, "c")
        await world.worker("ana")
        assert ids(await world.do(world.claim("ana"))) == ["b", "a", "timer", "c"]

    async def test_the_longest_due_of_all_queues_is_claimed_first(self, world: World) -> None:
        await queue_up(world, "old", queue="two")
        await queue_up(world, "new", queue="one")
        await world.worker("ana")
        both = (("one", None), ("two", None))
        assert ids(await world.do(world.claim("ana", queues=both, limit=1))) == ["old"]
        assert ids(await world.do(world.claim("ana", queues=both, limit=1))) == ["new"]

    async def test_what_is_claimed_is_leased_under_a_raised_token(self, world: World) -> None:
        await world.do(world.create(manifest=b"[1]"))
        await world.do(world.emit())
        before = await world.get()
        [loaded] = await world.do(world.claim(await world.worker("ana")))
        assert loaded.run == await world.get()
        assert (loaded.run.status, loaded.run.worker_id, loaded.run.due_at) == ("running", "ana", None)
        assert loaded.run.token > before.token
        assert (loaded.manifest, [event.key for event in loaded.events]) == (b"[1]", ["go"])
        await world.do(world.step(), lease=Lease("run", "ana", loaded.run.token))

    async def test_what_is_not_due_yet_is_not_claimed(self, world: World) -> None:
        await world.suspended("timer", due_in=5)
        await world.suspended("event")
        world.advance(4.5)
        assert ids(await world.do(world.claim("ana"))) == []
        world.advance(0.5)
        assert ids(await world.do(world.claim("ana"))) == ["timer"]
        assert await world.status("event") == "suspended"

    async def test_only_the_workflows_that_are_named_are_claimed(self, world: World) -> None:
        for workflow in ("one", "two", "three"):
            await queue_up(world, workflow, workflow=workflow)
        await world.worker("ana")
        assert ids(await world.do(world.claim("ana", workflows=("three", "one")))) == ["one", "three"]
        assert ids(await world.do(world.claim("ana", workflows=()))) == []
        assert await world.status("two") == "queued"

    async def test_only_the_queues_that_are_named_are_claimed(self, world: World) -> None:
        await queue_up(world, "one", queue="one")
        await queue_up(world, "two", queue="two")
        await world.worker("ana")
        assert ids(await world.do(world.claim("ana", queues=(("two", None),)))) == ["two"]
        assert ids(await world.do(world.claim("ana", queues=()))) == []

    async def test_no_more_are_claimed_than_were_asked_for(self, world: World) -> None:
        await queue_up(world, "a", "b", "c")
        await world.worker("ana")
        assert ids(await world.do(world.claim("ana", limit=2))) == ["a", "b"]
        assert ids(await world.do(world.claim("ana", limit=0))) == []

    async def test_the_limit_of_a_queue_holds_over_all_workers(self, world: World) -> None:
        await queue_up(world, "a", "b", "c", "d")
        await queue_up(world, "x", queue="other")
        limited = (("default", 3), ("other", None))
        await world.worker("ana")
        await world.worker("bob")
        assert len(ids(await world.do(world.claim("ana", queues=limited, limit=2)))) == 2
        assert ids(await world.do(world.claim("bob", queues=limited))) == ["c", "x"]
        assert ids(await world.do(world.claim("ana", queues=limited))) == []

    async def test_a_run_taken_by_name_has_its_place_in_the_limit(self, world: World) -> None:
        await world.running("named")
        await queue_up(world, "a")
        assert ids(await world.do(world.claim("ana", queues=(("default", 1),)))) == []

    async def test_a_run_that_is_being_cancelled_keeps_its_place_in_the_limit(self, world: World) -> None:
        await world.running("slow")
        await world.do(world.cancel("slow"))
        await queue_up(world, "a")
        assert ids(await world.do(world.claim("ana", queues=(("default", 1),)))) == []

    async def test_a_place_is_free_again_when_its_run_stops_running(self, world: World) -> None:
        limited = (("default", 1),)
        await world.worker("ana")
        for number in range(4):
            run_id = f"run-{number}"
            await queue_up(world, run_id)
            [loaded] = await world.do(world.claim("ana", queues=limited))
            lease = Lease(run_id, "ana", loaded.run.token)
            stops = (
                world.suspend(run_id, inbox=0),
                world.finish(run_id),
                world.finish(run_id, "failed"),
                world.suspend(run_id, inbox=0, due_in=3600),
            )
            await world.do(stops[number], lease=lease)
        await queue_up(world, "last")
        assert ids(await world.do(world.claim("ana", queues=limited))) == ["last"]

    async def test_each_run_is_claimed_once(self, world: World) -> None:
        await queue_up(world, *(f"run-{number}" for number in range(20)))
        workers = [await world.worker(f"worker-{number}") for number in range(8)]
        claims = [world.store.commit(world.claim(worker_id, limit=4)) for worker_id in workers]
        claimed = [run_id for landed in await asyncio.gather(*claims) for run_id in ids(landed[0])]
        assert sorted(claimed) == sorted(f"run-{number}" for number in range(20))

    async def test_a_worker_without_a_live_lease_claims_nothing(self, world: World) -> None:
        await world.run()
        await world.worker("ana")
        world.advance(LEASE_FOR)
        await world.refused(WorkerExpired, world.claim("ana"))
        await world.refused(WorkerExpired, world.claim("nobody"))
        assert await world.status() == "queued"

    async def test_the_next_time_that_something_is_due_is_known(self, world: World) -> None:
        async def next_due(*queues: str, workflow: str = "flow") -> Value:
            return await world.store.queues.next_due(queues, (workflow,), world.at)

        assert await next_due("default") is None
        await world.suspended("late", due_in=60)
        await world.suspended("soon", due_in=30)
        await world.suspended("never")
        other = msgspec.structs.replace(world.create(), queue="other", workflow="another")
        lease = await world.running("elsewhere", like=other)
        await world.do(world.suspend("elsewhere", due_in=10), lease=lease)
        assert await next_due("default") == world.after(30)
        assert await next_due("default", "other", workflow="another") == world.after(10)
        assert await next_due("other") is None
        world.advance(30)
        assert await next_due("default") == world.after(30)

    async def test_what_is_not_ended_is_counted(self, world: World) -> None:
        await queue_up(world, "a", "b")
        await queue_up(world, "c", queue="other")
        await world.suspended("d")
        await world.running("e")
        await world.ended("f")
        assert await world.store.queues.counts() == {
            "default": {"queued": 2, "suspended": 1, "running": 1},
            "other": {"queued": 1},
        }
