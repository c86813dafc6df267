"""A thread's status and its events: each edge exactly one, in order, without a gap."""

from __future__ import annotations

import asyncio

from perdure.core import keys
from perdure.core.operations import StartTurn
from perdure.core.suspicion import POISONED_AT, SUSPECT_AT
from perdure.core.threads import ThreadEvent
from perdure.core.values import Value
from perdure.errors import RunNotFound, StepFinal, ThreadNotFound, TurnSuperseded
from perdure.testing.store_suite.base import Promises
from perdure.testing.store_suite.facets.suspicion import killed, killed_alone
from perdure.testing.store_suite.harness import StoreHarness
from perdure.testing.store_suite.run_operations import GO


async def edges(harness: StoreHarness) -> list[Value]:
    """The statuses that the thread went through, by its events."""
    events = await harness.store.threads.events("thread", tenant=None)
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    return [event.body["to"] for event in events if event.kind == "status"]


async def now(harness: StoreHarness) -> str:
    """The thread's status."""
    return (await harness.get_thread()).status


async def turn_begun(harness: StoreHarness, run_id: str = "run") -> StartTurn:
    """A thread with a queued turn, and a worker."""
    operation = harness.turn_with_reply(run_id)
    await harness.worker("ana")
    await harness.thread()
    await harness.do(operation)
    return operation


class ThreadStatusPromises(Promises):
    """A thread's status, and its `status` events."""

    async def test_a_thread_is_what_the_turn_at_its_head_is(self, harness: StoreHarness) -> None:
        await harness.worker("ana")
        await harness.thread()
        assert await now(harness) == "idle"
        await harness.do(harness.turn("one"))
        thread = await harness.get_thread()
        assert (thread.status, thread.turn, thread.run_id) == ("queued", 1, "one")
        lease = await harness.lease("one")
        assert await now(harness) == "running"
        await harness.commit(lease, harness.suspend(GO))
        assert await now(harness) == "waiting"
        await harness.do(harness.emit("one"))
        lease = await harness.lease("one")
        await harness.do(harness.cancel("one", reason="enough"))
        thread = await harness.get_thread()
        assert (thread.status, thread.reason) == ("stopping", "enough")
        await harness.commit(lease, harness.finish("cancelled"))
        thread = await harness.get_thread()
        assert (thread.status, thread.reason) == ("stopped", "enough")

    async def test_a_thread_tells_why_its_turn_failed(self, harness: StoreHarness) -> None:
        await turn_begun(harness)
        operation = harness.finish("failed")
        last = harness.set_message("reply-run", status="failed", finish_reason="length")
        await harness.store.commit(await harness.lease(), last, operation)
        thread = await harness.get_thread()
        assert (thread.status, thread.reason, thread.finish_reason) == ("failed", "error", "length")
        assert thread.failure == operation.failure

    async def test_each_edge_is_exactly_one_event_in_order(self, harness: StoreHarness) -> None:
        await turn_begun(harness)
        lease = await harness.lease()
        await harness.store.commit(lease, harness.step(), harness.append(1))
        await harness.commit(lease, harness.suspend(GO))
        await harness.do(harness.emit())
        lease = await harness.lease()
        await harness.commit(lease, harness.release())
        [claimed] = await harness.do(harness.claim("ana"))
        await harness.lapse("ana")
        await harness.worker("bob")
        lease = await harness.lease("run", "bob")
        assert claimed.run.token < lease.token
        await harness.commit(lease, harness.finish("failed"))
        await harness.do(harness.restart())
        await harness.commit(await harness.lease("run", "bob"), harness.finish())
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
        await killed(harness, "three", times=SUSPECT_AT)
        await killed_alone(harness, "three", times=POISONED_AT)
        deaths = ["running", "queued"] * (SUSPECT_AT + POISONED_AT - 1)
        assert (await edges(harness))[6:] == ["queued", *deaths, "running", "failed"]
        assert await now(harness) == "failed"

    async def test_a_status_event_tells_from_where_and_of_which_turn(self, harness: StoreHarness) -> None:
        await turn_begun(harness)
        harness.advance(1)
        await harness.do(harness.cancel(reason="enough"))
        first, second = await harness.store.threads.events("thread", tenant=None)
        assert (first.body["from"], first.body["to"]) == ("idle", "queued")
        assert (second.kind, second.at) == ("status", harness.at)
        assert {name: second.body[name] for name in ("from", "to", "run_id", "turn", "reason")} == {
            "from": "queued",
            "to": "stopped",
            "run_id": "run",
            "turn": 1,
            "reason": "enough",
        }

    async def test_a_new_turn_comes_from_the_status_of_the_turn_at_the_head(self, harness: StoreHarness) -> None:
        await turn_begun(harness, "one")
        await harness.end_turn("one", "failed")
        await harness.do(harness.turn("two"))
        *_, last = await harness.store.threads.events("thread", tenant=None)
        assert (last.body["from"], last.body["to"], last.body["turn"]) == ("failed", "queued", 2)

    async def test_what_does_not_change_the_status_is_no_event(self, harness: StoreHarness) -> None:
        await turn_begun(harness)
        lease = await harness.lease()
        before = await edges(harness)
        await harness.commit(lease, harness.step())
        await harness.do(harness.emit())
        await harness.do(harness.emit())
        lease = await harness.lease()
        assert await edges(harness) == before

    async def test_a_turn_that_waits_for_its_next_attempt_tells_until_when_and_why(self, harness: StoreHarness) -> None:
        await turn_begun(harness)
        lease = await harness.lease()
        before, until = await edges(harness), harness.after(5)
        await harness.commit(lease, harness.suspend(keys.retry("1"), due_in=5))
        thread = await harness.get_thread()
        assert (thread.status, thread.reason, thread.waiting_until) == ("waiting", "retry", until)
        assert await edges(harness) == [*before, "waiting"]
        told = (await harness.store.threads.events("thread", tenant=None))[-1].body
        assert (told["reason"], told["until"]) == ("retry", until.isoformat())
        harness.advance(5)
        await harness.lease()
        thread = await harness.get_thread()
        assert (thread.status, thread.reason, thread.waiting_until) == ("running", None, None)

    async def test_a_turn_that_waits_for_an_event_tells_until_when(self, harness: StoreHarness) -> None:
        await turn_begun(harness)
        await harness.commit(await harness.lease(), harness.suspend(GO, keys.retry("1"), due_in=30))
        thread = await harness.get_thread()
        assert (thread.status, thread.reason, thread.waiting_until) == ("waiting", None, harness.after(30))
        await harness.do(harness.emit())
        await harness.commit(await harness.lease(), harness.suspend(GO, inbox=1))
        thread = await harness.get_thread()
        assert (thread.status, thread.waiting_until) == ("waiting", None)
        last = (await harness.store.threads.events("thread", tenant=None))[-1].body
        assert "until" not in last
        await harness.do(harness.cancel("run", reason="enough"))
        thread = await harness.get_thread()
        assert (thread.status, thread.reason, thread.waiting_until) == ("stopped", "enough", None)

    async def test_a_refused_edge_is_no_event(self, harness: StoreHarness) -> None:
        await turn_begun(harness)
        lease = await harness.lease()
        await harness.commit(lease, harness.step())
        await harness.commit_refused(StepFinal, lease, harness.step(result=b"2"), harness.finish())
        await harness.commit_refused(RunNotFound, lease, harness.emit("nobody"), harness.finish())
        await harness.commit(lease, harness.finish())
        assert await edges(harness) == ["queued", "running", "completed"]

    async def test_a_turn_that_is_not_at_the_head_changes_nothing_of_the_status(self, harness: StoreHarness) -> None:
        await turn_begun(harness, "one")
        await harness.end_turn("one", "failed")
        await harness.do(harness.turn("two", after=0))
        await harness.end_turn("two")
        before = await harness.store.threads.events("thread", tenant=None)
        await harness.refused(TurnSuperseded, harness.restart("one"))
        await harness.do(harness.cancel("one"))
        assert await now(harness) == "completed"
        assert await harness.store.threads.events("thread", tenant=None) == before


class ThreadEventPromises(Promises):
    """AddThreadEvent, and reading events."""

    async def test_events_come_in_order_without_gaps(self, harness: StoreHarness) -> None:
        await harness.thread()
        operations = [harness.thread_event(body={"n": [number, None]}) for number in range(5)]
        added = [await harness.do(operation) for operation in operations]
        assert added[0] == ThreadEvent(
            thread_id="thread",
            seq=1,
            event_id=operations[0].event_id,
            kind="note",
            body={"n": [0, None]},
            at=harness.at,
        )
        assert [event.seq for event in added] == [1, 2, 3, 4, 5]
        events = harness.store.threads.events
        assert await events("thread", tenant=None) == added
        assert await events("thread", tenant=None, after=3) == added[3:]
        assert await events("thread", tenant=None, after=1, limit=2) == added[1:3]
        assert await events("nowhere", tenant=None) == []

    async def test_an_event_that_is_added_again_is_the_same(self, harness: StoreHarness) -> None:
        await harness.thread()
        first, second = harness.thread_event(), harness.thread_event()
        added = await harness.do(first)
        await harness.do(second)
        before = await harness.everything()
        assert await harness.do(first) == added
        assert await harness.everything() == before

    async def test_events_of_many_writers_have_no_gap(self, harness: StoreHarness) -> None:
        await harness.thread("thread")
        await harness.thread("other")
        operations = [harness.thread_event("other" if number % 3 == 0 else "thread") for number in range(30)]
        operations.append(harness.thread_event("nowhere"))
        landed = await asyncio.gather(*map(harness.store.execute, operations), return_exceptions=True)
        assert isinstance(landed[-1], ThreadNotFound)
        more = await harness.do(harness.thread_event("thread"))
        assert more.seq == 21
        for thread_id, count in (("thread", 21), ("other", 10)):
            events = await harness.store.threads.events(thread_id, tenant=None)
            assert [event.seq for event in events] == list(range(1, count + 1))
