"""Events: the first emit of a key stays, every emit of a channel does, and each grows the inbox."""

from __future__ import annotations

import asyncio

import msgspec

from perdure.core import keys
from perdure.core.operations import Emitted
from perdure.core.records import EventRecord
from perdure.errors import InputError, RunNotFound, StepFinal
from perdure.testing.store_suite.base import Promises
from perdure.testing.store_suite.harness import StoreHarness
from perdure.testing.store_suite.run_operations import GO, keys_of


class EventPromises(Promises):
    """Emit, and reading events."""

    async def test_the_first_emit_of_a_key_stays(self, harness: StoreHarness) -> None:
        await harness.run()
        operation = harness.emit(payload=b'"first"', by="eve")
        first = EventRecord(
            run_id="run",
            key=GO,
            seq=1,
            payload=b'"first"',
            emitted_at=harness.at,
            emit_id=operation.emit_id,
            by="eve",
        )
        assert await harness.do(operation) == Emitted(accepted=True, event=first)
        harness.advance(1)
        before = await harness.everything()
        assert await harness.do(harness.emit(payload=b'"second"', by="eve")) == Emitted(accepted=False, event=first)
        assert await harness.everything() == before
        assert await harness.store.events.get("run", GO, tenant=None) == first
        assert await harness.store.events.list("run", tenant=None) == [first]

    async def test_of_many_who_emit_one_key_one_is_accepted(self, harness: StoreHarness) -> None:
        await harness.run()
        emits = [harness.emit(payload=b"%d" % number) for number in range(50)]
        emitted = await asyncio.gather(*map(harness.store.execute, emits))
        [accepted] = [one.event for one in emitted if one.accepted]
        assert {one.event for one in emitted} == {accepted}
        assert await harness.store.events.list("run", tenant=None) == [accepted]

    async def test_every_emit_of_a_channel_stays(self, harness: StoreHarness) -> None:
        await harness.run()
        channel = keys.channel("c")
        emits = [harness.emit(key=channel, payload=b"%d" % number, many=True) for number in range(5)]
        for seq, operation in enumerate(emits, 1):
            emitted = await harness.do(operation)
            assert (emitted.accepted, emitted.event.seq) == (True, seq)
        events = await harness.store.events.list("run", tenant=None)
        assert [event.payload for event in events] == [b"0", b"1", b"2", b"3", b"4"]
        assert await harness.store.events.get("run", channel, tenant=None) == events[0]
        before = await harness.everything()
        again = await harness.do(msgspec.structs.replace(emits[2], payload=b"another"))
        assert (again.accepted, again.event) == (True, events[2])
        assert await harness.everything() == before

    async def test_an_emit_that_is_a_step_has_what_it_answers_as_its_result(self, harness: StoreHarness) -> None:
        await harness.run("other")
        lease = await harness.running()
        for number, (run_id, accepted) in enumerate((("other", True), ("other", False), ("run", True))):
            emit = harness.emit(run_id, step=harness.step(str(number), result=b"null").step)
            (emitted,) = await harness.store.commit(lease, emit)
            assert emitted.accepted is accepted
            *_, step = await harness.store.steps.list("run", tenant=None)
            assert (step.status, step.result) == ("completed", b"true" if accepted else b"false")
        assert await harness.store.steps.count("run", tenant=None) == 3

    async def test_an_emit_that_is_a_step_is_refused_whole_where_the_step_has_another_outcome(
        self, harness: StoreHarness
    ) -> None:
        await harness.run("other")
        lease = await harness.running()
        await harness.commit(lease, harness.step("0", "failed"))
        await harness.commit_refused(StepFinal, lease, harness.emit("other", step=harness.step("0").step))
        assert await harness.store.events.list("other", tenant=None) == []

    async def test_a_step_of_an_emit_is_refused_from_outside_and_where_it_does_not_complete(
        self, harness: StoreHarness
    ) -> None:
        lease = await harness.running()
        error = await harness.refused(InputError, harness.emit(step=harness.step().step))
        assert isinstance(error, InputError)
        assert error.field == "step"
        await harness.commit_refused(InputError, lease, harness.emit(step=harness.step("0", "failed").step))
        assert await harness.store.events.list("run", tenant=None) == []

    async def test_an_emit_to_a_run_that_is_not_there_is_refused_by_name(self, harness: StoreHarness) -> None:
        error = await harness.refused(RunNotFound, harness.emit("nobody"))
        assert isinstance(error, RunNotFound)
        assert error.run_id == "nobody"
        await harness.run("nobody")
        assert await harness.store.events.list("nobody", tenant=None) == []

    async def test_an_ended_run_keeps_an_event_and_stays_ended(self, harness: StoreHarness) -> None:
        for status in ("completed", "failed", "cancelled"):
            await harness.ended(status, status)
            before = await harness.get(status)
            assert (await harness.do(harness.emit(status))).accepted
            assert await harness.store.events.get(status, GO, tenant=None) is not None
            after = await harness.get(status)
            assert (after.status, after.ready_at, after.completed_at) == (status, None, before.completed_at)

    async def test_an_accepted_emit_grows_the_inbox_and_another_does_not(self, harness: StoreHarness) -> None:
        await harness.run()
        one, two = keys_of(("one", "two"))
        for key, seq in ((one, 1), (one, 1), (two, 2)):
            emitted = await harness.do(harness.emit(key=key))
            assert (emitted.event.seq, (await harness.get()).inbox) == (seq, seq)

    async def test_what_else_comes_in_leaves_a_gap_between_the_seqs_of_events(self, harness: StoreHarness) -> None:
        await harness.running()
        await harness.do(harness.emit(key="event:one"))
        await harness.do(harness.cancel())
        emitted = await harness.do(harness.emit(key="event:two"))
        assert (emitted.event.seq, (await harness.get()).inbox) == (3, 3)
        assert [event.seq for event in await harness.store.events.list("run", tenant=None)] == [1, 3]

    async def test_an_emit_changes_no_other_run(self, harness: StoreHarness) -> None:
        await harness.suspended("one")
        await harness.suspended("two")
        before = await harness.get("two")
        await harness.do(harness.emit("one"))
        assert await harness.get("two") == before

    async def test_events_come_in_the_order_in_which_they_came(self, harness: StoreHarness) -> None:
        await harness.run()
        expected = list(keys_of(["b", "a", "c", "a b"]))
        for key in expected:
            await harness.do(harness.emit(key=key))
        assert [event.key for event in await harness.store.events.list("run", tenant=None)] == expected

    async def test_each_run_has_events_of_its_own(self, harness: StoreHarness) -> None:
        await harness.run("one")
        await harness.run("two")
        await harness.do(harness.emit("one", payload=b"1"))
        assert (await harness.do(harness.emit("two", payload=b"2"))).accepted
        assert await harness.store.events.get("one", keys.event("stop"), tenant=None) is None
        assert await harness.store.events.get("three", GO, tenant=None) is None
        assert await harness.store.events.list("three", tenant=None) == []
