"""Queues: what is due is claimed in order, once, and never more than may run."""

from __future__ import annotations

import asyncio

import msgspec

from perdure.core.records import Lease
from perdure.core.values import Value
from perdure.errors import WorkerExpired
from perdure.testing.store_suite.base import Promises
from perdure.testing.store_suite.harness import LEASE_FOR, StoreHarness


def ids(loaded: Value) -> list[str]:
    """The ids of what was claimed, in its order."""
    return [one.run.run_id for one in loaded]


async def queue_up(harness: StoreHarness, *run_ids: str, queue: str = "default", workflow: str = "flow") -> None:
    """Make runs, a second apart."""
    for run_id in run_ids:
        await harness.do(harness.create(run_id, queue=queue, workflow=workflow))
        harness.advance(1)


class QueuePromises(Promises):
    """Claim, and reading queues."""

    async def test_the_longest_due_is_claimed_first(self, harness: StoreHarness) -> None:
        await queue_up(harness, "b", "a")
        await harness.suspended("timer", "bob", due_in=1)
        harness.advance(1)
        await queue_up(harness, "c")
        await harness.worker("ana")
        assert ids(await harness.do(harness.claim("ana"))) == ["b", "a", "timer", "c"]

    async def test_the_longest_due_of_all_queues_is_claimed_first(self, harness: StoreHarness) -> None:
        await queue_up(harness, "old", queue="two")
        await queue_up(harness, "new", queue="one")
        await harness.worker("ana")
        both = (("one", None), ("two", None))
        assert ids(await harness.do(harness.claim("ana", queues=both, limit=1))) == ["old"]
        assert ids(await harness.do(harness.claim("ana", queues=both, limit=1))) == ["new"]

    async def test_what_is_claimed_is_leased_under_a_raised_token(self, harness: StoreHarness) -> None:
        await harness.do(harness.create(manifest=b"[1]"))
        await harness.do(harness.emit())
        before = await harness.get()
        [loaded] = await harness.do(harness.claim(await harness.worker("ana")))
        assert loaded.run == await harness.get()
        assert (loaded.run.status, loaded.run.worker_id, loaded.run.due_at) == ("running", "ana", None)
        assert loaded.run.token > before.token
        assert (loaded.manifest, [event.key for event in loaded.events]) == (b"[1]", ["go"])
        await harness.do(harness.step(), lease=Lease("run", "ana", loaded.run.token))

    async def test_what_is_not_due_yet_is_not_claimed(self, harness: StoreHarness) -> None:
        await harness.suspended("timer", due_in=5)
        await harness.suspended("event")
        harness.advance(4.5)
        assert ids(await harness.do(harness.claim("ana"))) == []
        harness.advance(0.5)
        assert ids(await harness.do(harness.claim("ana"))) == ["timer"]
        assert await harness.status("event") == "suspended"

    async def test_only_the_workflows_that_are_named_are_claimed(self, harness: StoreHarness) -> None:
        for workflow in ("one", "two", "three"):
            await queue_up(harness, workflow, workflow=workflow)
        await harness.worker("ana")
        assert ids(await harness.do(harness.claim("ana", workflows=("three", "one")))) == ["one", "three"]
        assert ids(await harness.do(harness.claim("ana", workflows=()))) == []
        assert await harness.status("two") == "queued"

    async def test_only_the_queues_that_are_named_are_claimed(self, harness: StoreHarness) -> None:
        await queue_up(harness, "one", queue="one")
        await queue_up(harness, "two", queue="two")
        await harness.worker("ana")
        assert ids(await harness.do(harness.claim("ana", queues=(("two", None),)))) == ["two"]
        assert ids(await harness.do(harness.claim("ana", queues=()))) == []

    async def test_no_more_are_claimed_than_were_asked_for(self, harness: StoreHarness) -> None:
        await queue_up(harness, "a", "b", "c")
        await harness.worker("ana")
        assert ids(await harness.do(harness.claim("ana", limit=2))) == ["a", "b"]
        assert ids(await harness.do(harness.claim("ana", limit=0))) == []

    async def test_the_limit_of_a_queue_holds_over_all_workers(self, harness: StoreHarness) -> None:
        await queue_up(harness, "a", "b", "c", "d")
        await queue_up(harness, "x", queue="other")
        limited = (("default", 3), ("other", None))
        await harness.worker("ana")
        await harness.worker("bob")
        assert len(ids(await harness.do(harness.claim("ana", queues=limited, limit=2)))) == 2
        assert ids(await harness.do(harness.claim("bob", queues=limited))) == ["c", "x"]
        assert ids(await harness.do(harness.claim("ana", queues=limited))) == []

    async def test_a_run_taken_by_name_has_its_place_in_the_limit(self, harness: StoreHarness) -> None:
        await harness.running("named")
        await queue_up(harness, "a")
        assert ids(await harness.do(harness.claim("ana", queues=(("default", 1),)))) == []

    async def test_a_run_that_is_being_cancelled_keeps_its_place_in_the_limit(self, harness: StoreHarness) -> None:
        await harness.running("slow")
        await harness.do(harness.cancel("slow"))
        await queue_up(harness, "a")
        assert ids(await harness.do(harness.claim("ana", queues=(("default", 1),)))) == []

    async def test_a_place_is_free_again_when_its_run_stops_running(self, harness: StoreHarness) -> None:
        limited = (("default", 1),)
        await harness.worker("ana")
        for number in range(4):
            run_id = f"run-{number}"
            await queue_up(harness, run_id)
            [loaded] = await harness.do(harness.claim("ana", queues=limited))
            lease = Lease(run_id, "ana", loaded.run.token)
            stops = (
                harness.suspend(run_id, inbox=0),
                harness.finish(run_id),
                harness.finish(run_id, "failed"),
                harness.suspend(run_id, inbox=0, due_in=3600),
            )
            await harness.do(stops[number], lease=lease)
        await queue_up(harness, "last")
        assert ids(await harness.do(harness.claim("ana", queues=limited))) == ["last"]

    async def test_each_run_is_claimed_once(self, harness: StoreHarness) -> None:
        await queue_up(harness, *(f"run-{number}" for number in range(20)))
        workers = [await harness.worker(f"worker-{number}") for number in range(8)]
        claims = [harness.store.commit(harness.claim(worker_id, limit=4)) for worker_id in workers]
        claimed = [run_id for landed in await asyncio.gather(*claims) for run_id in ids(landed[0])]
        assert sorted(claimed) == sorted(f"run-{number}" for number in range(20))

    async def test_a_worker_without_a_live_lease_claims_nothing(self, harness: StoreHarness) -> None:
        await harness.run()
        await harness.worker("ana")
        harness.advance(LEASE_FOR)
        await harness.refused(WorkerExpired, harness.claim("ana"))
        await harness.refused(WorkerExpired, harness.claim("nobody"))
        assert await harness.status() == "queued"

    async def test_the_next_time_that_something_is_due_is_known(self, harness: StoreHarness) -> None:
        async def next_due(*queues: str, workflow: str = "flow") -> Value:
            return await harness.store.queues.next_due(queues, (workflow,), harness.at)

        assert await next_due("default") is None
        await harness.suspended("late", due_in=60)
        await harness.suspended("soon", due_in=30)
        await harness.suspended("never")
        other = msgspec.structs.replace(harness.create(), queue="other", workflow="another")
        lease = await harness.running("elsewhere", like=other)
        await harness.do(harness.suspend("elsewhere", due_in=10), lease=lease)
        assert await next_due("default") == harness.after(30)
        assert await next_due("default", "other", workflow="another") == harness.after(10)
        assert await next_due("other") is None
        harness.advance(30)
        assert await next_due("default") == harness.after(30)

    async def test_what_is_not_ended_is_counted(self, harness: StoreHarness) -> None:
        await queue_up(harness, "a", "b")
        await queue_up(harness, "c", queue="other")
        await harness.suspended("d")
        await harness.running("e")
        await harness.ended("f")
        assert await harness.store.queues.counts() == {
            "default": {"queued": 2, "suspended": 1, "running": 1},
            "other": {"queued": 1},
        }
