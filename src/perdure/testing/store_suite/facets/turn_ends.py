"""The end of a turn without its holder: nothing of it is left open, whoever ends it, and however."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from perdure.core import keys
from perdure.core.chunks import RUN_LANE, Chunk, chunk_entry, reset_entry
from perdure.core.compaction import expand
from perdure.core.fold import Fold, Reader
from perdure.core.messages import Message, MessageStatus, TextPart, ToolCallPart, write_version
from perdure.core.operations import AppendEntries
from perdure.core.records import Lease
from perdure.core.suspicion import POISONED_AT, SUSPECT_AT
from perdure.testing.store_suite.base import Promises
from perdure.testing.store_suite.facets.suspicion import killed, killed_alone
from perdure.testing.store_suite.harness import StoreHarness

SAID = TextPart(text="It rains", step=2)
CALL = ToolCallPart(call_id="c", tool="refund", step=1)
FIRST = (TextPart(text="Let me see", step=1), CALL)
LANE = "1"


async def _cancel_when_suspended(harness: StoreHarness, lease: Lease) -> None:
    await harness.commit(lease, harness.suspend(keys.event("never")))
    await harness.do(harness.cancel())


async def _cancel_when_queued(harness: StoreHarness, lease: Lease) -> None:
    await harness.commit(lease, harness.release())
    await harness.do(harness.cancel())


async def _seal(harness: StoreHarness, _: Lease) -> None:
    await harness.do(harness.cancel(within=5))
    harness.advance(5)
    await harness.do(harness.seal())


async def _take_over(harness: StoreHarness, _: Lease) -> None:
    await harness.do(harness.cancel(within=5))
    await harness.lapse("ana")


async def _retire(harness: StoreHarness, _: Lease) -> None:
    await harness.do(harness.cancel(within=5))
    await harness.do(harness.retire("ana"))


async def _fail(harness: StoreHarness, lease: Lease) -> None:
    await harness.commit(lease, harness.suspend())
    await harness.do(harness.fail())


async def _poison(harness: StoreHarness, lease: Lease) -> None:
    await harness.commit(lease, harness.release())
    await killed(harness, "run", times=SUSPECT_AT)
    await killed_alone(harness, "run", times=POISONED_AT)


async def _holder_says_nothing(harness: StoreHarness, lease: Lease) -> None:
    await harness.commit(lease, harness.finish("failed"))


ENDS: dict[Callable[[StoreHarness, Lease], Awaitable[None]], MessageStatus] = {
    _cancel_when_suspended: "stopped",
    _cancel_when_queued: "stopped",
    _seal: "stopped",
    _take_over: "stopped",
    _retire: "stopped",
    _fail: "failed",
    _poison: "failed",
    _holder_says_nothing: "failed",
}


def delta(text: str, part: int, lane: str, seq: int) -> AppendEntries:
    """A delta of a lane, which covers nothing but itself."""
    chunk = Chunk(kind="text", text=text, part=part, step=2)
    return AppendEntries((chunk_entry(chunk, lane, seq, seq),))


async def half_said(harness: StoreHarness) -> Lease:
    """A turn with a parent, a concurrency key, a call that is pending, and a model step that is not over."""
    await harness.suspended("parent", "zoe", keys.child("run"))
    await harness.thread()
    operation = harness.turn_with_reply("run", key="k")
    of_parent = msgspec.structs.replace(operation.run, parent_id="parent", parent_key=keys.child("run"))
    await harness.worker("ana")
    await harness.do(msgspec.structs.replace(operation, run=of_parent))
    lease = await harness.lease()
    await harness.do(harness.create("next", key="k"))
    start = chunk_entry(Chunk(kind="start", message_id="reply-run"), RUN_LANE, 1, 1)
    await harness.store.commit(
        lease,
        AppendEntries((start,)),
        harness.put_parts("reply-run", 0, *FIRST, version=write_version(lease.token, 1)),
        delta("It ", 2, LANE, 2),
        delta("rains", 2, LANE, 3),
        harness.ask(),
        harness.create("child", parent_id="run"),
    )
    return lease


async def reply(harness: StoreHarness) -> Message:
    """The turn's reply."""
    message = await harness.store.messages.get("thread", "reply-run", tenant=None)
    assert message is not None
    return message


async def follow(harness: StoreHarness, reader: Fold) -> Fold:
    """Read the turn's stream to its end."""
    parts = (await reply(harness)).parts
    page, reading = await harness.store.streams.read("run", tenant=None, after=reader.cursor.seq), Reader(reader.cursor)
    for entry in page.entries:
        reader.add_all(reading.new(expand(entry, parts), page.head))
    return reader


class TurnEndPromises(Promises):
    """What CancelRun, SealRun, TakeOver, RetireWorker, FailRun and a bare FinishRun make of a turn."""

    async def _each(
        self, harness: StoreHarness, check: Callable[[StoreHarness, MessageStatus], Awaitable[None]], number: int
    ) -> None:
        end, status = list(ENDS.items())[number]
        await end(harness, await half_said(harness))
        await check(harness, status)

    async def test_a_turn_cancelled_when_suspended_leaves_nothing_open(self, harness: StoreHarness) -> None:
        await self._each(harness, self._nothing_is_open, 0)

    async def test_a_turn_cancelled_when_queued_leaves_nothing_open(self, harness: StoreHarness) -> None:
        await self._each(harness, self._nothing_is_open, 1)

    async def test_a_turn_that_was_sealed_leaves_nothing_open(self, harness: StoreHarness) -> None:
        await self._each(harness, self._nothing_is_open, 2)

    async def test_a_turn_whose_owner_died_while_it_was_cancelled_leaves_nothing_open(
        self, harness: StoreHarness
    ) -> None:
        await self._each(harness, self._nothing_is_open, 3)

    async def test_a_turn_whose_worker_retired_while_it_was_cancelled_leaves_nothing_open(
        self, harness: StoreHarness
    ) -> None:
        await self._each(harness, self._nothing_is_open, 4)

    async def test_a_turn_failed_by_a_person_leaves_nothing_open(self, harness: StoreHarness) -> None:
        await self._each(harness, self._nothing_is_open, 5)

    async def test_a_poisoned_turn_leaves_nothing_open(self, harness: StoreHarness) -> None:
        await self._each(harness, self._nothing_is_open, 6)

    async def test_a_turn_whose_holder_leaves_its_message_open_leaves_nothing_open(self, harness: StoreHarness) -> None:
        await self._each(harness, self._nothing_is_open, 7)

    @staticmethod
    async def _nothing_is_open(harness: StoreHarness, status: MessageStatus) -> None:
        message = await reply(harness)
        assert message.status == status
        assert len(message.parts) == len(FIRST) + 1
        assert message.parts[0] == FIRST[0]
        call = message.parts[1]
        assert isinstance(call, ToolCallPart)
        assert (call.state, call.error_code) == ("in_doubt", "tool_in_doubt")
        assert message.parts[2] == SAID
        question = await harness.store.questions.get("why", tenant=None)
        assert question is not None
        assert question.closed_at is not None
        assert (await harness.get("next")).has_key
        assert await harness.status("parent") == "queued"
        is_cancelled = (await harness.get()).status == "cancelled"
        assert await harness.store.runs.cancelling_children() == ([(None, "run")] if is_cancelled else [])
        reader = await follow(harness, Fold())
        kinds = [(chunk.lane, chunk.kind) for chunk in reader.chunks]
        closed = [(LANE, "text"), (LANE, "text"), (LANE, "step_end")]
        assert kinds == [(RUN_LANE, "start"), *closed, (RUN_LANE, "finish")]
        assert (reader.text, reader.gaps) == (SAID.text, 0)
        assert reader.chunks[-1].finish_reason == (await harness.get()).status
        assert (await harness.store.streams.read("run", tenant=None)).ended

    async def test_a_reader_that_saw_the_turn_as_it_was_said_ends_with_the_same(self, harness: StoreHarness) -> None:
        lease = await half_said(harness)
        reader = await follow(harness, Fold())
        await harness.commit(lease, harness.suspend())
        await harness.do(harness.cancel())
        await follow(harness, reader)
        assert [chunk.kind for chunk in reader.chunks] == [
            chunk.kind for chunk in (await follow(harness, Fold())).chunks
        ]
        assert (reader.text, reader.gaps) == (SAID.text, 0)

    async def test_what_an_attempt_before_the_last_had_said_is_kept_where_the_last_said_nothing(
        self, harness: StoreHarness
    ) -> None:
        lease = await half_said(harness)
        await harness.store.commit(lease, AppendEntries((reset_entry(LANE, 4),)), harness.suspend())
        await harness.do(harness.cancel())
        assert (await reply(harness)).parts[2] == SAID
        assert (await follow(harness, Fold())).text == SAID.text

    async def test_several_lanes_are_closed_each_for_itself(self, harness: StoreHarness) -> None:
        lease = await half_said(harness)
        await harness.store.commit(
            lease, delta("and ", 3, "2", 4), delta(" a lot", 2, LANE, 5), delta("snows", 3, "2", 6), harness.suspend()
        )
        await harness.do(harness.cancel())
        parts = (await reply(harness)).parts
        assert [part.text for part in parts[2:] if isinstance(part, TextPart)] == ["It rains a lot", "and snows"]
        reader = await follow(harness, Fold())
        assert [chunk.lane for chunk in reader.chunks if chunk.kind == "step_end"] == [LANE, "2"]
        assert reader.gaps == 0

    async def test_a_turn_without_a_word_is_finished_too(self, harness: StoreHarness) -> None:
        await harness.thread()
        await harness.do(harness.turn_with_reply("run"))
        await harness.do(harness.cancel())
        message = await reply(harness)
        assert (message.status, message.parts) == ("stopped", ())
        assert [chunk.kind for chunk in (await follow(harness, Fold())).chunks] == ["finish"]

    async def test_a_message_that_its_holder_has_finished_stays_as_it_is(self, harness: StoreHarness) -> None:
        lease = await half_said(harness)
        version = write_version(lease.token, 2)
        done = harness.set_message("reply-run", status="complete", version=version)
        await harness.store.commit(lease, done, harness.finish())
        message = await reply(harness)
        assert (message.status, message.parts) == ("complete", FIRST)

    async def test_a_failed_turn_that_is_restarted_is_written_again(self, harness: StoreHarness) -> None:
        """What was salvaged does not stand in the way of what the next holder writes."""
        lease = await half_said(harness)
        await harness.commit(lease, harness.suspend())
        await harness.do(harness.fail())
        await harness.do(harness.restart())
        assert (await reply(harness)).status == "streaming"
        await harness.do(harness.cancel("next"))
        lease = await harness.lease()
        parts = (TextPart(text="It snows", step=2),)
        await harness.store.commit(
            lease,
            harness.put_parts("reply-run", 2, *parts, version=write_version(lease.token, 1)),
            harness.set_message("reply-run", status="complete", version=write_version(lease.token, 1)),
            harness.finish(),
        )
        message = await reply(harness)
        assert (message.status, message.parts[2:]) == ("complete", parts)
