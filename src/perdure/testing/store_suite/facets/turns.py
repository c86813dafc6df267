"""Turns: one after the other, each sent once."""

from __future__ import annotations

import asyncio

import msgspec

from perdure.errors import MessageExists, RunInputMismatch, ThreadBusy
from perdure.testing.store_suite.base import Promises
from perdure.testing.store_suite.facets.threads import all_of
from perdure.testing.store_suite.harness import StoreHarness
from perdure.testing.store_suite.thread_operations import PARTS


class TurnPromises(Promises):
    """StartTurn, and reading turns."""

    async def test_turns_are_numbered_from_1_and_messages_get_their_places(self, harness: StoreHarness) -> None:
        await harness.thread()
        for turn in (1, 2, 3):
            assert await harness.do(harness.turn(f"run-{turn}", f"a{turn}", f"b{turn}")) == turn
            await harness.end_turn(f"run-{turn}")
        messages = await harness.store.messages.list("thread")
        found = [(message.message_id, message.turn, message.place) for message in messages]
        assert found == [("a1", 1, 0), ("b1", 1, 1), ("a2", 2, 0), ("b2", 2, 1), ("a3", 3, 0), ("b3", 3, 1)]
        assert await harness.store.threads.turns("thread") == [(1, "run-1"), (2, "run-2"), (3, "run-3")]
        assert await harness.store.threads.turns("thread", after=2) == [(3, "run-3")]
        assert await harness.store.threads.turns("nowhere") == []

    async def test_a_turn_is_a_queued_run_of_the_thread(self, harness: StoreHarness) -> None:
        await harness.thread()
        await harness.do(harness.turn("run", "hello"))
        run = await harness.get()
        assert (run.status, run.thread_id, run.due_at) == ("queued", "thread", harness.at)
        assert [run.run_id for run in await harness.store.runs.list(thread_id="thread")] == ["run"]
        message = await harness.store.messages.get("hello")
        assert message is not None
        assert message.parts == PARTS

    async def test_a_turn_that_is_sent_again_changes_nothing(self, harness: StoreHarness) -> None:
        await harness.thread()
        for number in (1, 2):
            assert await harness.do(harness.turn(f"run-{number}", f"hello-{number}")) == number
            before = await all_of(harness)
            assert await harness.do(harness.turn(f"run-{number}", f"hello-{number}")) == number
            assert await all_of(harness) == before
            await harness.end_turn(f"run-{number}")
        before = await all_of(harness)
        assert await harness.do(harness.turn("run-1", "hello-1")) == 1
        assert await all_of(harness) == before

    async def test_a_second_turn_on_a_busy_thread_is_refused(self, harness: StoreHarness) -> None:
        await harness.thread()
        await harness.do(harness.turn("first", "hello"))
        lease = None
        for status in ("queued", "running", "suspended"):
            if status == "running":
                await harness.worker("ana")
                lease = await harness.lease("first", "ana")
            if status == "suspended":
                await harness.do(harness.suspend("first"), lease=lease)
            assert await harness.status("first") == status
            before = await all_of(harness)
            error = await harness.refused(ThreadBusy, harness.turn("second", "again"))
            assert isinstance(error, ThreadBusy)
            assert (error.thread_id, error.run_id) == ("thread", "first")
            assert await all_of(harness) == before
            assert await harness.store.runs.get("second") is None

    async def test_a_thread_is_free_however_its_turn_ended(self, harness: StoreHarness) -> None:
        await harness.thread()
        for turn, status in enumerate(("completed", "failed", "cancelled"), 1):
            assert await harness.do(harness.turn(status)) == turn
            await harness.end_turn(status, status)
        assert await harness.do(harness.turn("last")) == 4

    async def test_one_turn_id_is_one_input(self, harness: StoreHarness) -> None:
        await harness.thread()
        await harness.do(harness.turn("run"))
        await harness.end_turn("run")
        before = await all_of(harness)
        other = msgspec.structs.replace(harness.turn("run").run, manifest_hash="another")
        await harness.refused(RunInputMismatch, msgspec.structs.replace(harness.turn("run"), run=other))
        assert await all_of(harness) == before

    async def test_a_turn_with_a_message_that_exists_is_refused_whole(self, harness: StoreHarness) -> None:
        await harness.thread()
        await harness.do(harness.turn("first", "hello"))
        await harness.end_turn("first")
        before = await all_of(harness)
        await harness.refused(MessageExists, harness.turn("second", "new", "hello"))
        assert await all_of(harness) == before
        assert await harness.store.runs.get("second") is None

    async def test_of_many_who_send_one_turn_begins(self, harness: StoreHarness) -> None:
        await harness.thread()
        sends = [harness.store.commit(harness.turn(f"run-{number}", f"hello-{number}")) for number in range(20)]
        settled = await asyncio.gather(*sends, return_exceptions=True)
        assert [one[0] for one in settled if not isinstance(one, BaseException)] == [1]
        assert [type(one) for one in settled if isinstance(one, BaseException)] == [ThreadBusy] * 19
        assert len(await harness.store.messages.list("thread")) == 1

    async def test_a_turn_whose_run_was_deleted_is_not_sent_again(self, harness: StoreHarness) -> None:
        await harness.thread()
        await harness.do(harness.turn("run", "hello"))
        await harness.end_turn("run")
        await harness.do(harness.delete())
        before = await all_of(harness)
        assert await harness.do(harness.turn("run", "hello")) == 1
        assert await all_of(harness) == before
        assert await harness.do(harness.turn("next")) == 2

    async def test_a_run_of_somebody_else_becomes_no_turn(self, harness: StoreHarness) -> None:
        await harness.thread("thread")
        await harness.thread("other")
        await harness.ended("plain")
        await harness.do(harness.turn("turn", thread_id="other"))
        before = await all_of(harness)
        for run_id in ("plain", "turn"):
            await harness.refused(RunInputMismatch, harness.turn(run_id))
        assert await all_of(harness) == before
