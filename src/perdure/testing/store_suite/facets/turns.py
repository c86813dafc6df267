"""Turns: a tree of them in each thread, each sent once, one at a time."""

from __future__ import annotations

import asyncio

import msgspec

from perdure.core.threads import TurnRecord, TurnRef
from perdure.errors import MessageExists, RunInputMismatch, ThreadBusy, ThreadChanged, TurnNotFound
from perdure.testing.store_suite.base import Promises
from perdure.testing.store_suite.harness import StoreHarness
from perdure.testing.store_suite.thread_operations import PARTS


async def path(harness: StoreHarness, thread_id: str = "thread", turn: int | None = None) -> list[int]:
    """The turns from the root to one."""
    found = await harness.store.threads.path(thread_id, tenant=harness.tenant, turn=turn)
    return [one.turn for one in found]


async def messages(harness: StoreHarness, thread_id: str = "thread", turn: int | None = None) -> list[str]:
    """The messages from the root to a turn."""
    found = await harness.store.messages.path(thread_id, tenant=harness.tenant, turn=turn)
    return [one.message_id for one in found]


async def taken(harness: StoreHarness, run_id: str, *, after: int | None = None) -> None:
    """A turn with a message of its name, sent and ended."""
    await harness.do(harness.turn(run_id, f"m-{run_id}", after=after))
    await harness.end_turn(run_id)


class TurnPromises(Promises):
    """StartTurn, and reading turns."""

    async def test_turns_are_numbered_from_1_and_messages_get_their_places(self, harness: StoreHarness) -> None:
        await harness.thread()
        for turn in (1, 2, 3):
            sent = await harness.do(harness.turn(f"run-{turn}", f"a{turn}", f"b{turn}"))
            parent = TurnRef("thread", turn - 1) if turn > 1 else None
            expected = TurnRecord(
                thread_id="thread", turn=turn, parent=parent, run_id=f"run-{turn}", created_at=harness.at
            )
            assert sent == expected
            await harness.end_turn(f"run-{turn}")
        found = await harness.store.messages.path("thread", tenant=None)
        places = [(message.message_id, message.turn, message.place) for message in found]
        assert places == [("a1", 1, 0), ("b1", 1, 1), ("a2", 2, 0), ("b2", 2, 1), ("a3", 3, 0), ("b3", 3, 1)]
        turns = await harness.store.threads.turns("thread", tenant=None)
        assert [(turn.turn, turn.run_id) for turn in turns] == [(1, "run-1"), (2, "run-2"), (3, "run-3")]
        assert await harness.store.threads.turns("thread", tenant=None, after=2) == turns[2:]
        assert await harness.store.threads.turns("nowhere", tenant=None) == []
        assert await path(harness, "nowhere") == []

    async def test_a_turn_is_a_queued_run_of_the_thread(self, harness: StoreHarness) -> None:
        await harness.thread()
        await harness.do(harness.turn_with_reply("run"))
        run = await harness.get()
        assert (run.status, run.thread_id, run.turn, run.ready_at) == ("queued", "thread", 1, harness.at)
        assert run.reply_id == "reply-run"
        listed = await harness.store.runs.list(tenant=None, thread_id="thread")
        assert [run.run_id for run in listed] == ["run"]
        reply = await harness.store.messages.of_run("run", tenant=None)
        assert reply is not None
        assert (reply.message_id, reply.run_id, reply.status) == ("reply-run", "run", "streaming")
        asked = await harness.store.messages.get("thread", "ask-run", tenant=None)
        assert asked is not None
        assert asked.run_id is None

    async def test_a_message_of_a_turn_has_its_parts(self, harness: StoreHarness) -> None:
        await harness.thread()
        await harness.do(harness.turn("run", "hello"))
        message = await harness.store.messages.get("thread", "hello", tenant=None)
        assert message is not None
        assert message.parts == PARTS

    async def test_the_head_moves_with_each_turn(self, harness: StoreHarness) -> None:
        await harness.thread()
        await taken(harness, "one")
        await taken(harness, "two")
        thread = await harness.get_thread()
        assert (thread.head, thread.turn, thread.run_id, thread.next_turn) == (2, 2, "two", 3)
        assert await path(harness) == [1, 2]

    async def test_an_edit_is_a_sibling_of_the_turn_that_it_replaces(self, harness: StoreHarness) -> None:
        await harness.thread()
        for run_id in ("one", "two", "three"):
            await taken(harness, run_id)
        await taken(harness, "other two", after=1)
        assert await path(harness) == [1, 4]
        assert await path(harness, turn=3) == [1, 2, 3]
        assert await path(harness, turn=2) == [1, 2]
        assert await messages(harness) == ["m-one", "m-other two"]
        assert await messages(harness, turn=3) == ["m-one", "m-two", "m-three"]
        await taken(harness, "other one", after=0)
        assert await path(harness) == [5]
        await taken(harness, "after other one")
        assert await path(harness) == [5, 6]
        assert await messages(harness) == ["m-other one", "m-after other one"]
        assert len(await harness.store.threads.turns("thread", tenant=None)) == 6

    async def test_a_turn_after_one_that_is_not_there_is_refused(self, harness: StoreHarness) -> None:
        await harness.thread()
        await taken(harness, "one")
        error = await harness.refused(TurnNotFound, harness.turn("two", after=7))
        assert isinstance(error, TurnNotFound)
        assert (error.thread_id, error.turn) == ("thread", 7)

    async def test_a_turn_for_a_head_that_has_moved_is_refused(self, harness: StoreHarness) -> None:
        await harness.thread()
        await taken(harness, "one")
        error = await harness.refused(ThreadChanged, harness.turn("two", after=0, head=0))
        assert isinstance(error, ThreadChanged)
        assert (error.thread_id, error.seen, error.found) == ("thread", 0, 1)
        await harness.do(harness.turn("two", after=0, head=1))
        assert await path(harness) == [2]

    async def test_the_last_messages_of_a_path_can_be_read_alone(self, harness: StoreHarness) -> None:
        await harness.thread()
        for run_id in ("one", "two", "three"):
            await taken(harness, run_id)
        found = harness.store.messages.path
        assert [one.message_id for one in await found("thread", tenant=None, limit=2)] == ["m-two", "m-three"]
        assert [one.message_id for one in await found("thread", tenant=None, turn=2, limit=1)] == ["m-two"]
        assert await found("thread", tenant=None, limit=0) == []
        assert await found("nowhere", tenant=None) == []

    async def test_a_turn_that_is_sent_again_changes_nothing(self, harness: StoreHarness) -> None:
        await harness.thread()
        for number in (1, 2):
            operation = harness.turn(f"run-{number}", f"hello-{number}")
            sent = await harness.do(operation)
            before = await harness.everything()
            assert await harness.do(operation) == sent
            assert await harness.everything() == before
            await harness.end_turn(f"run-{number}")
        before = await harness.everything()
        assert (await harness.do(harness.turn("run-1", "hello-1"))).turn == 1
        assert await harness.everything() == before

    async def test_a_second_turn_on_a_busy_thread_is_refused(self, harness: StoreHarness) -> None:
        await harness.thread()
        await harness.do(harness.turn("first", "hello"))
        await self._is_busy(harness, "queued")
        await harness.worker("ana")
        lease = await harness.lease("first", "ana")
        await self._is_busy(harness, "running")
        await harness.commit(lease, harness.suspend())
        await self._is_busy(harness, "waiting")

    @staticmethod
    async def _is_busy(harness: StoreHarness, status: str) -> None:
        for after in (None, 0):
            error = await harness.refused(ThreadBusy, harness.turn("second", "again", after=after))
            assert isinstance(error, ThreadBusy)
            assert (error.thread_id, error.run_id, error.status) == ("thread", "first", status)

    async def test_a_thread_is_free_however_its_turn_ended(self, harness: StoreHarness) -> None:
        await harness.thread()
        for turn, status in enumerate(("completed", "failed", "cancelled"), 1):
            assert (await harness.do(harness.turn(status))).turn == turn
            await harness.end_turn(status, status)
        assert (await harness.do(harness.turn("last"))).turn == 4

    async def test_one_turn_id_is_one_input(self, harness: StoreHarness) -> None:
        await harness.thread()
        await taken(harness, "run")
        other = msgspec.structs.replace(harness.turn("run").run, manifest_hash="another")
        await harness.refused(RunInputMismatch, msgspec.structs.replace(harness.turn("run"), run=other))

    async def test_a_turn_with_a_message_that_exists_is_refused_whole(self, harness: StoreHarness) -> None:
        await harness.thread()
        await taken(harness, "first")
        await harness.refused(MessageExists, harness.turn("second", "new", "m-first"))

    async def test_of_many_who_send_one_turn_begins(self, harness: StoreHarness) -> None:
        await harness.thread()
        sends = [harness.store.execute(harness.turn(f"run-{number}", f"hello-{number}")) for number in range(20)]
        settled = await asyncio.gather(*sends, return_exceptions=True)
        assert [one.turn for one in settled if not isinstance(one, BaseException)] == [1]
        assert [type(one) for one in settled if isinstance(one, BaseException)] == [ThreadBusy] * 19
        assert len(await messages(harness)) == 1

    async def test_a_turn_whose_run_was_deleted_is_not_sent_again(self, harness: StoreHarness) -> None:
        await harness.thread()
        await taken(harness, "run")
        await harness.do(harness.delete())
        before = await harness.everything()
        assert (await harness.do(harness.turn("run", "m-run"))).turn == 1
        assert await harness.everything() == before
        assert (await harness.do(harness.turn("next"))).turn == 2

    async def test_a_run_of_somebody_else_becomes_no_turn(self, harness: StoreHarness) -> None:
        await harness.thread("thread")
        await harness.thread("other")
        await harness.ended("plain")
        await harness.do(harness.turn("turn", thread_id="other"))
        for run_id in ("plain", "turn"):
            await harness.refused(RunInputMismatch, harness.turn(run_id))
