"""Events: the first emit per key stays, and every one that stays is noticed."""

from __future__ import annotations

import asyncio

import msgspec

from perdure.core.records import EventRecord
from perdure.errors import RunNotFound
from perdure.stores.port import Emitted
from perdure.testing.store_suite.base import Promises
from perdure.testing.store_suite.world import World


class EventPromises(Promises):
    """Emit, and reading events."""

    async def test_the_first_emit_of_a_key_stays(self, world: World) -> None:
        await world.run()
        first = EventRecord(run_id="run", key="go", payload=b'"first"', emitted_at=world.at, by="eve")
        emit = msgspec.structs.replace(world.emit(payload=b'"first"'), by="eve")
        assert await world.do(emit) == Emitted(accepted=True, event=first)
        world.advance(1)
        assert await world.do(world.emit(payload=b'"second"')) == Emitted(accepted=False, event=first)
        assert await world.store.events.get("run", "go") == first
        assert await world.store.events.list("run") == [first]

    async def test_of_many_who_emit_one_key_one_is_accepted(self, world: World) -> None:
        await world.run()
        emits = [world.emit(payload=b"%d" % number) for number in range(50)]
        emitted = [landed[0] for landed in await asyncio.gather(*map(world.store.commit, emits))]
        [accepted] = [one.event for one in emitted if one.accepted]
        assert {one.event for one in emitted} == {accepted}
        assert await world.store.events.list("run") == [accepted]

    async def test_an_emit_to_a_run_that_is_not_there_is_refused_by_name(self, world: World) -> None:
        error = await world.refused(RunNotFound, world.emit("nobody"))
        assert isinstance(error, RunNotFound)
        assert error.run_id == "nobody"
        await world.run("nobody")
        assert await world.store.events.list("nobody") == []

    async def test_an_ended_run_keeps_an_event_and_stays_ended(self, world: World) -> None:
        for status in ("completed", "failed", "cancelled"):
            await world.ended(status, status)
            before = await world.get(status)
            assert (await world.do(world.emit(status))).accepted
            assert await world.store.events.get(status, "go") is not None
            after = await world.get(status)
            assert (after.status, after.due_at, after.completed_at) == (status, None, before.completed_at)

    async def test_an_accepted_emit_grows_the_inbox_and_another_does_not(self, world: World) -> None:
        await world.run()
        before = (await world.get()).inbox
        await world.do(world.emit(key="one"))
        await world.do(world.emit(key="one"))
        await world.do(world.emit(key="two"))
        assert (await world.get()).inbox == before + 2

    async def test_an_emit_wakes_a_suspended_run(self, world: World) -> None:
        await world.suspended()
        world.advance(60)
        await world.do(world.emit())
        run = await world.get()
        assert (run.status, run.due_at, run.worker_id) == ("queued", world.at, None)
        [loaded] = await world.do(world.claim(await world.worker("bob")))
        assert [event.key for event in loaded.events] == ["go"]

    async def test_an_emit_wakes_a_run_before_its_timer(self, world: World) -> None:
        await world.suspended(due_in=3600)
        await world.do(world.emit())
        run = await world.get()
        assert (run.status, run.due_at) == ("queued", world.at)

    async def test_an_emit_wakes_nobody_else(self, world: World) -> None:
        await world.suspended("one")
        await world.suspended("two")
        before = await world.get("two")
        await world.do(world.emit("one"))
        assert await world.get("two") == before

    async def test_an_emit_of_a_taken_key_wakes_nobody(self, world: World) -> None:
        lease = await world.running()
        await world.do(world.emit())
        await world.do(world.suspend(inbox=1), lease=lease)
        assert not (await world.do(world.emit())).accepted
        run = await world.get()
        assert (run.status, run.inbox) == ("suspended", 1)

    async def test_an_emit_leaves_an_owner_its_run(self, world: World) -> None:
        lease = await world.running()
        await world.do(world.emit())
        await world.do(world.step(), lease=lease)
        run = await world.get()
        assert (run.status, run.token, run.worker_id) == ("running", lease.token, "ana")

    async def test_events_come_in_the_order_in_which_they_came(self, world: World) -> None:
        await world.run()
        keys = ["b", "a", "c", "a b"]
        for key in keys:
            await world.do(world.emit(key=key))
        assert [event.key for event in await world.store.events.list("run")] == keys

    async def test_each_run_has_events_of_its_own(self, world: World) -> None:
        await world.run("one")
        await world.run("two")
        await world.do(world.emit("one", payload=b"1"))
        assert (await world.do(world.emit("two", payload=b"2"))).accepted
        assert await world.store.events.get("one", "stop") is None
        assert await world.store.events.get("three", "go") is None
        assert await world.store.events.list("three") == []
