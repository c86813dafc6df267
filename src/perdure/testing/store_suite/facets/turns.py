"""Turns: one after the other, each sent once."""

from __future__ import annotations

import asyncio

import msgspec

from perdure.errors import MessageExists, RunInputMismatch, ThreadBusy
from perdure.testing.store_suite.base import Promises
from perdure.testing.store_suite.conversing import PARTS
from perdure.testing.store_suite.facets.threads import all_of
from perdure.testing.store_suite.world import World


class TurnPromises(Promises):
    """StartTurn, and reading turns."""

    async def test_turns_are_numbered_from_1_and_messages_get_their_places(self, world: World) -> None:
        await world.thread()
        for turn in (1, 2, 3):
            assert await world.do(world.turn(f"run-{turn}", f"a{turn}", f"b{turn}")) == turn
            await world.end_turn(f"run-{turn}")
        messages = await world.store.messages.list("thread")
        found = [(message.message_id, message.turn, message.place) for message in messages]
        assert found == [("a1", 1, 0), ("b1", 1, 1), ("a2", 2, 0), ("b2", 2, 1), ("a3", 3, 0), ("b3", 3, 1)]
        assert await world.store.threads.turns("thread") == [(1, "run-1"), (2, "run-2"), (3, "run-3")]
        assert await world.store.threads.turns("thread", after=2) == [(3, "run-3")]
        assert await world.store.threads.turns("nowhere") == []

    async def test_a_turn_is_a_queued_run_of_the_thread(self, world: World) -> None:
        await world.thread()
        await world.do(world.turn("run", "hello"))
        run = await world.get()
        assert (run.status, run.thread_id, run.due_at) == ("queued", "thread", world.at)
        assert [run.run_id for run in await world.store.runs.list(thread_id="thread")] == ["run"]
        message = await world.store.messages.get("hello")
        assert message is not None
        assert message.parts == PARTS

    async def test_a_turn_that_is_sent_again_changes_nothing(self, world: World) -> None:
        await world.thread()
        for number in (1, 2):
            assert await world.do(world.turn(f"run-{number}", f"hello-{number}")) == number
            before = await all_of(world)
            assert await world.do(world.turn(f"run-{number}", f"hello-{number}")) == number
            assert await all_of(world) == before
            await world.end_turn(f"run-{number}")
        before = await all_of(world)
        assert await world.do(world.turn("run-1", "hello-1")) == 1
        assert await all_of(world) == before

    async def test_a_second_turn_on_a_busy_thread_is_refused(self, world: World) -> None:
        await world.thread()
        await world.do(world.turn("first", "hello"))
        lease = None
        for status in ("queued", "running", "suspended"):
            if status == "running":
                await world.worker("ana")
                lease = await world.lease("first", "ana")
            if status == "suspended":
                await world.do(world.suspend("first"), lease=lease)
            assert await world.status("first") == status
            before = await all_of(world)
            error = await world.refused(ThreadBusy, world.turn("second", "again"))
            assert isinstance(error, ThreadBusy)
            assert (error.thread_id, error.run_id) == ("thread", "first")
            assert await all_of(world) == before
            assert await world.store.runs.get("second") is None

    async def test_a_thread_is_free_however_its_turn_ended(self, world: World) -> None:
        await world.thread()
        for turn, status in enumerate(("completed", "failed", "cancelled"), 1):
            assert await world.do(world.turn(status)) == turn
            await world.end_turn(status, status)
        assert await world.do(world.turn("last")) == 4

    async def test_one_turn_id_is_one_input(self, world: World) -> None:
        await world.thread()
        await world.do(world.turn("run"))
        await world.end_turn("run")
        before = await all_of(world)
        other = msgspec.structs.replace(world.turn("run").run, manifest_hash="another")
        await world.refused(RunInputMismatch, msgspec.structs.replace(world.turn("run"), run=other))
        assert await all_of(world) == before

    async def test_a_turn_with_a_message_that_exists_is_refused_whole(self, world: World) -> None:
        await world.thread()
        await world.do(world.turn("first", "hello"))
        await world.end_turn("first")
        before = await all_of(world)
        await world.refused(MessageExists, world.turn("second", "new", "hello"))
        assert await all_of(world) == before
        assert await world.store.runs.get("second") is None

    async def test_of_many_who_send_one_turn_begins(self, world: World) -> None:
        await world.thread()
        sends = [world.store.commit(world.turn(f"run-{number}", f"hello-{number}")) for number in range(20)]
        settled = await asyncio.gather(*sends, return_exceptions=True)
        assert [one[0] for one in settled if not isinstance(one, BaseException)] == [1]
        assert [type(one) for one in settled if isinstance(one, BaseException)] == [ThreadBusy] * 19
        assert len(await world.store.messages.list("thread")) == 1

    async def test_a_turn_whose_run_was_deleted_is_not_sent_again(self, world: World) -> None:
        await world.thread()
        await world.do(world.turn("run", "hello"))
        await world.end_turn("run")
        await world.do(world.delete())
        before = await all_of(world)
        assert await world.do(world.turn("run", "hello")) == 1
        assert await all_of(world) == before
        assert await world.do(world.turn("next")) == 2

    async def test_a_run_of_somebody_else_becomes_no_turn(self, world: World) -> None:
        await world.thread("thread")
        await world.thread("other")
        await world.ended("plain")
        await world.do(world.turn("turn", thread_id="other"))
        before = await all_of(world)
        for run_id in ("plain", "turn"):
            await world.refused(RunInputMismatch, world.turn(run_id))
        assert await all_of(world) == before
