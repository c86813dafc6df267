"""A thread's status and its events: each edge exactly one, in order, without a gap."""

from __future__ import annotations

import asyncio

from perdure.core.threads import ThreadEvent
from perdure.core.values import Value
from perdure.errors import RunNotFound
from perdure.stores.port import AddMessage
from perdure.testing.store_suite.base import Promises
from perdure.testing.store_suite.world import LEASE_FOR, World


async def edges(world: World) -> list[Value]:
    """The statuses that the thread went through, by its events."""
    events = await world.store.threads.events("thread")
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    return [event.body["to"] for event in events if event.kind == "status"]


async def now(world: World) -> str:
    """The thread's status."""
    thread = await world.store.threads.get("thread")
    assert thread is not None
    return thread.status


async def turn_begun(world: World, run_id: str = "run") -> None:
    """A thread with a queued turn, and a worker."""
    await world.worker("ana")
    await world.thread()
    await world.do(world.turn(run_id))


class ThreadEventPromises(Promises):
    """AddThreadEvent, a thread's status, and its `status` events."""

    async def test_a_thread_is_what_its_latest_turn_is(self, world: World) -> None:
        await world.worker("ana")
        await world.thread()
        assert await now(world) == "idle"
        await world.do(world.turn("one"))
        thread = await world.store.threads.get("thread")
        assert thread is not None
        assert (thread.status, thread.turn, thread.run_id) == ("queued", 1, "one")
        lease = await world.lease("one")
        assert await now(world) == "running"
        await world.do(world.suspend("one", waiting_for=("event:go",)), lease=lease)
        assert await now(world) == "waiting"
        await world.do(world.emit("one"))
        lease = await world.lease("one")
        await world.do(world.cancel("one", reason="enough"))
        thread = await world.store.threads.get("thread")
        assert thread is not None
        assert (thread.status, thread.reason) == ("stopping", "enough")
        await world.do(world.finish("one", "cancelled"), lease=lease)
        thread = await world.store.threads.get("thread")
        assert thread is not None
        assert (thread.status, thread.reason) == ("stopped", "enough")

    async def test_a_thread_tells_why_its_turn_failed(self, world: World) -> None:
        await turn_begun(world)
        operation = world.finish("run", "failed")
        message = world.message("reply", turn=1, place=7, role="assistant", finish_reason="length")
        await world.do(AddMessage(message), operation, lease=await world.lease())
        thread = await world.store.threads.get("thread")
        assert thread is not None
        assert (thread.status, thread.reason, thread.finish_reason) == ("failed", "error", "length")
        assert thread.failure == operation.failure

    async def test_each_edge_is_exactly_one_event_in_order(self, world: World) -> None:
        await turn_begun(world)
        lease = await world.lease()
        await world.do(world.step(), world.append("run", 1), lease=lease)
        await world.do(world.suspend(waiting_for=("event:go",)), lease=lease)
        await world.do(world.emit())
        lease = await world.lease()
        await world.do(world.release(), lease=lease)
        [loaded] = await world.do(world.claim("ana"))
        world.advance(LEASE_FOR)
        await world.do(world.take_over("ana"))
        await world.worker("bob")
        lease = await world.lease("run", "bob")
        assert loaded.run.token < lease.token
        await world.do(world.finish(status="failed"), lease=lease)
        await world.do(world.restart())
        await world.do(world.finish(), lease=await world.lease("run", "bob"))
        expected = "queued running waiting queued running queued running queued running failed queued running completed"
        assert await edges(world) == expected.split()

    async def test_an_end_that_somebody_else_makes_is_an_edge_too(self, world: World) -> None:
        await turn_begun(world, "one")
        await world.do(world.cancel("one"))
        assert await edges(world) == ["queued", "stopped"]
        await world.do(world.turn("two"))
        await world.lease("two")
        await world.do(world.cancel("two", within=5))
        world.advance(5)
        await world.do(world.seal("two"))
        assert (await edges(world))[2:] == ["queued", "running", "stopping", "stopped"]
        await world.do(world.turn("three"))
        await world.lease("three")
        world.advance(LEASE_FOR)
        await world.do(world.take_over("ana", max_takeovers=0))
        assert (await edges(world))[6:] == ["queued", "running", "failed"]
        assert await now(world) == "failed"

    async def test_a_status_event_tells_from_where_and_of_which_turn(self, world: World) -> None:
        await turn_begun(world)
        world.advance(1)
        await world.do(world.cancel(reason="enough"))
        first, second = await world.store.threads.events("thread")
        assert (first.body["from"], first.body["to"]) == ("idle", "queued")
        assert (second.kind, second.at) == ("status", world.at)
        assert {name: second.body[name] for name in ("from", "to", "run_id", "turn", "reason")} == {
            "from": "queued",
            "to": "stopped",
            "run_id": "run",
            "turn": 1,
            "reason": "enough",
        }

    async def test_a_new_turn_comes_from_the_status_of_the_turn_before(self, world: World) -> None:
        await turn_begun(world, "one")
        await world.end_turn("one", "failed")
        await world.do(world.turn("two"))
        *_, last = await world.store.threads.events("thread")
        assert (last.body["from"], last.body["to"], last.body["turn"]) == ("failed", "queued", 2)

    async def test_what_does_not_change_the_status_is_no_event(self, world: World) -> None:
        await turn_begun(world)
        lease = await world.lease()
        before = await edges(world)
        await world.do(world.step(), lease=lease)
        await world.do(world.emit())
        await world.do(world.emit())
        lease = await world.lease()
        await world.do(world.suspend(inbox=1, due_in=60, waiting_for=("retry:1",)), lease=lease)
        assert await now(world) == "running"
        assert await edges(world) == before

    async def test_a_refused_edge_is_no_event(self, world: World) -> None:
        await turn_begun(world)
        lease = await world.lease()
        before = await world.store.threads.events("thread")
        await world.refused(RunNotFound, world.finish(), world.emit("nobody"), lease=lease)
        assert await world.store.threads.events("thread") == before
        await world.do(world.finish(), lease=lease)
        assert (await edges(world))[-1] == "completed"

    async def test_an_earlier_turn_changes_nothing_of_the_status(self, world: World) -> None:
        await turn_begun(world, "one")
        await world.end_turn("one", "failed")
        await world.do(world.turn("two"))
        await world.end_turn("two")
        before = await world.store.threads.events("thread")
        await world.do(world.restart("one"))
        await world.do(world.cancel("one"))
        assert await now(world) == "completed"
        assert await world.store.threads.events("thread") == before

    async def test_events_come_in_order_without_gaps(self, world: World) -> None:
        await world.thread()
        added = [await world.do(world.thread_event(body={"n": [number, None]})) for number in range(5)]
        first = ThreadEvent(thread_id="thread", seq=1, kind="note", body={"n": [0, None]}, at=world.at)
        assert added[0] == first
        assert [event.seq for event in added] == [1, 2, 3, 4, 5]
        events = world.store.threads.events
        assert await events("thread") == added
        assert await events("thread", after=3) == added[3:]
        assert await events("thread", after=1, limit=2) == added[1:3]
        assert await events("nowhere") == []

    async def test_events_of_many_writers_have_no_gap(self, world: World) -> None:
        await world.thread("thread")
        await world.thread("other")
        commits = [
            world.store.commit(world.thread_event("other" if number % 3 == 0 else "thread")) for number in range(30)
        ]
        refused = world.store.commit(world.thread_event("thread"), world.emit("nobody"))
        landed = await asyncio.gather(*commits, refused, return_exceptions=True)
        assert isinstance(landed[-1], RunNotFound)
        more = await world.do(world.thread_event("thread"))
        assert more.seq == 21
        assert [event.seq for event in await world.store.threads.events("thread")] == list(range(1, 22))
        assert [event.seq for event in await world.store.threads.events("other")] == list(range(1, 11))
