"""Queues: never more runs than may run, and when the next timer is due."""

from __future__ import annotations

import msgspec

from perdure.core.records import Lease
from perdure.core.values import Value
from perdure.testing.store_suite.base import Promises
from perdure.testing.store_suite.facets.claims import queue_up
from perdure.testing.store_suite.harness import StoreHarness


class QueuePromises(Promises):
    """The limits of a Claim, and reading queues."""

    async def test_the_limit_of_a_queue_holds_over_all_workers(self, harness: StoreHarness) -> None:
        await queue_up(harness, "a", "b", "c", "d")
        await queue_up(harness, "x", queue="other")
        limited = (("default", 3), ("other", None))
        await harness.worker("ana")
        await harness.worker("bob")
        assert len(await harness.claimed("ana", queues=limited, limit=2)) == 2
        assert await harness.claimed("bob", queues=limited) == ["c", "x"]
        assert await harness.claimed("ana", queues=limited) == []

    async def test_the_limit_of_a_queue_holds_over_all_tenants(self, harness: StoreHarness) -> None:
        await queue_up(harness, "a")
        harness.tenant = "t"
        await queue_up(harness, "a", "b")
        await harness.worker("ana")
        assert await harness.claimed("ana", queues=(("default", 2),)) == ["a", "a"]
        assert await harness.claimed("ana", queues=(("default", 2),)) == []

    async def test_a_run_taken_by_name_has_its_place_in_the_limit(self, harness: StoreHarness) -> None:
        await harness.running("named")
        await queue_up(harness, "a")
        assert await harness.claimed("ana", queues=(("default", 1),)) == []

    async def test_a_run_that_is_being_cancelled_keeps_its_place_in_the_limit(self, harness: StoreHarness) -> None:
        await harness.running("slow")
        await harness.do(harness.cancel("slow"))
        await queue_up(harness, "a")
        assert await harness.claimed("ana", queues=(("default", 1),)) == []

    async def test_a_place_is_free_again_when_its_run_stops_running(self, harness: StoreHarness) -> None:
        limited = (("default", 1),)
        await harness.worker("ana")
        stops = (
            harness.suspend(),
            harness.finish(),
            harness.finish("failed"),
            harness.suspend(due_in=3600),
        )
        for number, stop in enumerate(stops):
            run_id = f"run-{number}"
            await queue_up(harness, run_id)
            [claimed] = await harness.do(harness.claim("ana", queues=limited))
            await harness.commit(Lease(None, run_id, claimed.run.token), stop)
        await queue_up(harness, "last")
        assert await harness.claimed("ana", queues=limited) == ["last"]

    async def test_the_next_time_that_something_is_due_is_known(self, harness: StoreHarness) -> None:
        async def next_due(*queues: str, workflow: str = "flow") -> Value:
            return await harness.store.queues.next_due(queues, (workflow,), harness.at)

        assert await next_due("default") is None
        await harness.suspended("late", due_in=60)
        await harness.suspended("soon", due_in=30)
        await harness.suspended("never")
        await harness.run("queued")
        other = msgspec.structs.replace(harness.create(), queue="other", workflow="another")
        lease = await harness.running("elsewhere", like=other)
        await harness.commit(lease, harness.suspend(due_in=10))
        assert await next_due("default") == harness.after(30)
        assert await next_due("default", "other", workflow="another") == harness.after(10)
        assert await next_due("other") is None
        harness.advance(30)
        assert await next_due("default") == harness.after(30)

    async def test_what_has_not_ended_is_counted(self, harness: StoreHarness) -> None:
        await queue_up(harness, "a", "b")
        await queue_up(harness, "c", queue="other")
        await harness.suspended("d")
        await harness.running("e")
        await harness.ended("f")
        assert await harness.store.queues.counts() == {
            "default": {"queued": 2, "suspended": 1, "running": 1},
            "other": {"queued": 1},
        }
