"""A thread's status and its events: each edge exactly one, in order, without a gap."""

from __future__ import annotations

import asyncio

from perdure.core.threads import ThreadEvent
from perdure.core.values import Value
from perdure.errors import RunNotFound
from perdure.stores.port import AddMessage
from perdure.testing.store_suite.base import Promises
from perdure.testing.store_suite.harness import LEASE_FOR, StoreHarness


async def edges(harness: StoreHarness) -> list[Value]:
    """The statuses that the thread went through, by its events."""
    events = await harness.store.threads.events("thread")
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    return [event.body["to"] for event in events if event.kind == "status"]


async def now(harness: StoreHarness) -> str:
    """The thread's status."""
    thread = await harness.store.threads.get("thread")
    assert thread is not None
    return thread.status


async def turn_begun(harness: StoreHarness, run_id: str = "run") -> None:
    """A thread with a queued turn, and a worker."""
    await harness.worker("ana")
    await harness.thread()
    await harness.do(harness.turn(run_id))


class ThreadEventPromises(Promises):
    """AddThreadEvent, a thread's status, and its `status` events."""

    async def test_a_thread_is_what_its_latest_turn_is(self, harness: StoreHarness) -> None:
        await harness.worker("ana")
        await harness.thread()
        assert await now(harness) == "idle"
        await harness.do(harness.turn("one"))
        thread = await harness.store.threads.get("thread")
        assert thread is not None
        assert (thread.status, thread.turn, thread.run_id) == ("queued", 1, "one")
        lease = await harness.lease("one")
        assert await now(harness) == "running"
        await harness.do(harness.suspend("one", waiting_for=("event:go",)), lease=lease)
        assert await now(harness) == "waiting"
        await harness.do(harness.emit("one"))
        lease = await harness.lease("one")
        await harness.do(harness.cancel("one", reason="enough"))
        thread = await harness.store.threads.get("thread")
        assert thread is not None
        assert (thread.status, thread.reason) == ("stopping", "enough")
        await harness.do(harness.finish("one", "cancelled"), lease=lease)
        thread = await harness.store.threads.get("thread")
        assert thread is not None
        assert (thread.status, thread.reason) == ("stopped", "enough")

    async def test_a_thread_tells_why_its_turn_failed(self, harness: StoreHarness) -> None:
        await turn_begun(harness)
        operation = harness.finish("run", "failed")
        message = harness.message("reply", turn=1, place=7, role="assistant", finish_reason="length")
        await harness.do(AddMessage(message), operation, lease=await harness.lease())
        thread = await harness.store.threads.get("thread")
        assert thread is not None
        assert (thread.status, thread.reason, thread.finish_reason) == ("failed", "error", "length")
        assert thread.failure == operation.failure

    async def test_each_edge_is_exactly_one_event_in_order(self, harness: StoreHarness) -> None:
        await turn_begun(harness)
        lease = await harness.lease()
        await harness.do(harness.step(), harness.append("run", 1), lease=lease)
        await harness.do(harness.suspend(waiting_for=("event:go",)), lease=lease)
        await harness.do(harness.emit())
        lease = await harness.lease()
        await harness.do(harness.release(), lease=lease)
        [loaded] = await harness.do(harness.claim("ana"))
        harness.advance(LEASE_FOR)
        await harness.do(harness.take_over("ana"))
        await harness.worker("bob")
        lease = await harness.lease("run", "bob")
        assert loaded.run.token < lease.token
        await harness.do(harness.finish(status="failed"), lease=lease)
        await harness.do(harness.restart())
        await harness.do(harness.finish(), lease=await harness.lease("run", "bob"))
        expected = "queued running waiting queued running queued running queued running failed queued running completed"
        assert await edges(harness) == expected.split()

    async def test_an_end_that_somebody_else_makes_is_an_edge_too(self, harness: StoreHarness) -> None:
        await turn_begun(harness, "one")
        await harness.do(harness.cancel("one"))
        assert await edges(harness) == ["queued", "stopped"]
        await harness.do(harness.turn("two"))
        await harness.lease("two")
        await harness.do(harness.cancel("two", within=5))
        harness.advance(5)
        await harness.do(harness.seal("two"))
        assert (await edges(harness))[2:] == ["queued", "running", "stopping", "stopped"]
        await harness.do(harness.turn("three"))
        await harness.lease("three")
        harness.advance(LEASE_FOR)
        await harness.do(harness.take_over("ana", max_takeovers=0))
        assert (await edges(harness))[6:] == ["queued", "running", "failed"]
        assert await now(harness) == "failed"

    async def test_a_status_event_tells_from_where_and_of_which_turn(self, harness: StoreHarness) -> None:
        await turn_begun(harness)
        harness.advance(1)
        await harness.do(harness.cancel(reason="enough"))
        first, second = await harness.store.threads.events("thread")
        assert (first.body["from"], first.body["to"]) == ("idle", "queued")
        assert (second.kind, second.at) == ("status", harness.at)
        assert {name: second.body[name] for name in ("from", "to", "run_id", "turn", "reason")} == {
            "from": "queued",
            "to": "stopped",
            "run_id": "run",
            "turn": 1,
            "reason": "enough",
        }

    async def test_a_new_turn_comes_from_the_status_of_the_turn_before(self, harness: StoreHarness) -> None:
        await turn_begun(harness, "one")
        await harness.end_turn("one", "failed")
        await harness.do(harness.turn("two"))
        *_, last = await harness.store.threads.events("thread")
        assert (last.body["from"], last.body["to"], last.body["turn"]) == ("failed", "queued", 2)

    async def test_what_does_not_change_the_status_is_no_event(self, harness: StoreHarness) -> None:
        await turn_begun(harness)
        lease = await harness.lease()
        before = await edges(harness)
        await harness.do(harness.step(), lease=lease)
        await harness.do(harness.emit())
        await harness.do(harness.emit())
        lease = await harness.lease()
        await harness.do(harness.suspend(inbox=1, due_in=60, waiting_for=("retry:1",)), lease=lease)
        assert await now(harness) == "running"
        assert await edges(harness) == before

    async def test_a_refused_edge_is_no_event(self, harness: StoreHarness) -> None:
        await turn_begun(harness)
        lease = await harness.lease()
        before = await harness.store.threads.events("thread")
        await harness.refused(RunNotFound, harness.finish(), harness.emit("nobody"), lease=lease)
        assert await harness.store.threads.events("thread") == before
        await harness.do(harness.finish(), lease=lease)
        assert (await edges(harness))[-1] == "completed"

    async def test_an_earlier_turn_changes_nothing_of_the_status(self, harness: StoreHarness) -> None:
        await turn_begun(harness, "one")
        await harness.end_turn("one", "failed")
        await harness.do(harness.turn("two"))
        await harness.end_turn("two")
        before = await harness.store.threads.events("thread")
        await harness.do(harness.restart("one"))
        await harness.do(harness.cancel("one"))
        assert await now(harness) == "completed"
        assert await harness.store.threads.events("thread") == before

    async def test_events_come_in_order_without_gaps(self, harness: StoreHarness) -> None:
        await harness.thread()
        added = [await harness.do(harness.thread_event(body={"n": [number, None]})) for number in range(5)]
        first = ThreadEvent(thread_id="thread", seq=1, kind="note", body={"n": [0, None]}, at=harness.at)
        assert added[0] == first
        assert [event.seq for event in added] == [1, 2, 3, 4, 5]
        events = harness.store.threads.events
        assert await events("thread") == added
        assert await events("thread", after=3) == added[3:]
        assert await events("thread", after=1, limit=2) == added[1:3]
        assert await events("nowhere") == []

    async def test_events_of_many_writers_have_no_gap(self, harness: StoreHarness) -> None:
        await harness.thread("thread")
        await harness.thread("other")
        commits = [
            harness.store.commit(harness.thread_event("other" if number % 3 == 0 else "thread")) for number in range(30)
        ]
        refused = harness.store.commit(harness.thread_event("thread"), harness.emit("nobody"))
        landed = await asyncio.gather(*commits, refused, return_exceptions=True)
        assert isinstance(landed[-1], RunNotFound)
        more = await harness.do(harness.thread_event("thread"))
        assert more.seq == 21
        assert [event.seq for event in await harness.store.threads.events("thread")] == list(range(1, 22))
        assert [event.seq for event in await harness.store.threads.events("other")] == list(range(1, 11))
