"""Events: the first emit per key stays, and every one that stays is noticed."""

from __future__ import annotations

import asyncio

import msgspec

from perdure.core.records import EventRecord
from perdure.errors import RunNotFound
from perdure.stores.port import Emitted
from perdure.testing.store_suite.base import Promises
from perdure.testing.store_suite.harness import StoreHarness


class EventPromises(Promises):
    """Emit, and reading events."""

    async def test_the_first_emit_of_a_key_stays(self, harness: StoreHarness) -> None:
        await harness.run()
        first = EventRecord(run_id="run", key="go", payload=b'"first"', emitted_at=harness.at, by="eve")
        emit = msgspec.structs.replace(harness.emit(payload=b'"first"'), by="eve")
        assert await harness.do(emit) == Emitted(accepted=True, event=first)
        harness.advance(1)
        assert await harness.do(harness.emit(payload=b'"second"')) == Emitted(accepted=False, event=first)
        assert await harness.store.events.get("run", "go") == first
        assert await harness.store.events.list("run") == [first]

    async def test_of_many_who_emit_one_key_one_is_accepted(self, harness: StoreHarness) -> None:
        await harness.run()
        emits = [harness.emit(payload=b"%d" % number) for number in range(50)]
        emitted = [landed[0] for landed in await asyncio.gather(*map(harness.store.commit, emits))]
        [accepted] = [one.event for one in emitted if one.accepted]
        assert {one.event for one in emitted} == {accepted}
        assert await harness.store.events.list("run") == [accepted]

    async def test_an_emit_to_a_run_that_is_not_there_is_refused_by_name(self, harness: StoreHarness) -> None:
        error = await harness.refused(RunNotFound, harness.emit("nobody"))
        assert isinstance(error, RunNotFound)
        assert error.run_id == "nobody"
        await harness.run("nobody")
        assert await harness.store.events.list("nobody") == []

    async def test_an_ended_run_keeps_an_event_and_stays_ended(self, harness: StoreHarness) -> None:
        for status in ("completed", "failed", "cancelled"):
            await harness.ended(status, status)
            before = await harness.get(status)
            assert (await harness.do(harness.emit(status))).accepted
            assert await harness.store.events.get(status, "go") is not None
            after = await harness.get(status)
            assert (after.status, after.due_at, after.completed_at) == (status, None, before.completed_at)

    async def test_an_accepted_emit_grows_the_inbox_and_another_does_not(self, harness: StoreHarness) -> None:
        await harness.run()
        before = (await harness.get()).inbox
        await harness.do(harness.emit(key="one"))
        await harness.do(harness.emit(key="one"))
        await harness.do(harness.emit(key="two"))
        assert (await harness.get()).inbox == before + 2

    async def test_an_emit_wakes_a_suspended_run(self, harness: StoreHarness) -> None:
        await harness.suspended()
        harness.advance(60)
        await harness.do(harness.emit())
        run = await harness.get()
        assert (run.status, run.due_at, run.worker_id) == ("queued", harness.at, None)
        [loaded] = await harness.do(harness.claim(await harness.worker("bob")))
        assert [event.key for event in loaded.events] == ["go"]

    async def test_an_emit_wakes_a_run_before_its_timer(self, harness: StoreHarness) -> None:
        await harness.suspended(due_in=3600)
        await harness.do(harness.emit())
        run = await harness.get()
        assert (run.status, run.due_at) == ("queued", harness.at)

    async def test_an_emit_wakes_nobody_else(self, harness: StoreHarness) -> None:
        await harness.suspended("one")
        await harness.suspended("two")
        before = await harness.get("two")
        await harness.do(harness.emit("one"))
        assert await harness.get("two") == before

    async def test_an_emit_of_a_taken_key_wakes_nobody(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        await harness.do(harness.emit())
        await harness.do(harness.suspend(inbox=1), lease=lease)
        assert not (await harness.do(harness.emit())).accepted
        run = await harness.get()
        assert (run.status, run.inbox) == ("suspended", 1)

    async def test_an_emit_leaves_an_owner_its_run(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        await harness.do(harness.emit())
        await harness.do(harness.step(), lease=lease)
        run = await harness.get()
        assert (run.status, run.token, run.worker_id) == ("running", lease.token, "ana")

    async def test_events_come_in_the_order_in_which_they_came(self, harness: StoreHarness) -> None:
        await harness.run()
        keys = ["b", "a", "c", "a b"]
        for key in keys:
            await harness.do(harness.emit(key=key))
        assert [event.key for event in await harness.store.events.list("run")] == keys

    async def test_each_run_has_events_of_its_own(self, harness: StoreHarness) -> None:
        await harness.run("one")
        await harness.run("two")
        await harness.do(harness.emit("one", payload=b"1"))
        assert (await harness.do(harness.emit("two", payload=b"2"))).accepted
        assert await harness.store.events.get("one", "stop") is None
        assert await harness.store.events.get("three", "go") is None
        assert await harness.store.events.list("three") == []
