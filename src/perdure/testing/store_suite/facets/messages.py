"""Messages: every part comes back, of whatever kind, in its place, and older writes change nothing."""

from __future__ import annotations

import msgspec

from perdure.core.messages import Message, Part, TextPart, UnknownPart
from perdure.core.operations import AddMessage
from perdure.core.records import UsageRecord
from perdure.core.usage import Usage
from perdure.errors import MessageExists, ThreadNotFound
from perdure.testing.store_suite.base import Promises
from perdure.testing.store_suite.harness import StoreHarness
from perdure.testing.store_suite.thread_operations import PARTS, text


async def get(harness: StoreHarness, message_id: str = "reply-run") -> Message:
    """A message that is there."""
    message = await harness.store.messages.get("thread", message_id, tenant=None)
    assert message is not None
    return message


class AddMessagePromises(Promises):
    """AddMessage, and reading messages."""

    async def test_a_message_comes_back_as_it_was(self, harness: StoreHarness) -> None:
        await harness.thread()
        whole = Message(
            message_id="m1",
            thread_id="thread",
            turn=1,
            place=2,
            client_id="client's",
            role="assistant",
            status="stopped",
            parts=PARTS,
            metadata={"a": {"b": [1]}},
            finish_reason="stop",
            model="m",
            created_at=harness.at,
        )
        small = Message(message_id="m2", thread_id="thread", turn=2, role="user", created_at=harness.after(0.000001))
        await harness.do(AddMessage(whole))
        await harness.do(AddMessage(small))
        for message in (whole, small):
            stored = msgspec.structs.replace(message, updated_at=message.created_at)
            assert await get(harness, message.message_id) == stored
        assert await harness.store.messages.get("thread", "m3", tenant=None) is None

    async def test_a_holder_adds_a_message_of_its_run(self, harness: StoreHarness) -> None:
        lease = await harness.replying()
        await harness.commit(lease, harness.add_message("more", place=5, run_id="run", role="user", parts=text("a")))
        message = await get(harness, "more")
        assert (message.run_id, message.parts) == ("run", text("a"))

    async def test_a_part_of_an_unknown_kind_is_kept_as_it_is(self, harness: StoreHarness) -> None:
        lease = await harness.replying()
        raw = {"kind": "hologram", "depth": {"m": 3}, "text": "x"}
        unknown = UnknownPart(kind="hologram", raw=raw)
        await harness.commit(lease, harness.put_parts("reply-run", 0, TextPart(text="a"), unknown))
        assert (await get(harness)).parts == (TextPart(text="a"), unknown)

    async def test_a_message_that_is_added_again_is_the_same(self, harness: StoreHarness) -> None:
        await harness.thread()
        message = harness.message("m", parts=text("a"))
        await harness.do(AddMessage(message))
        before = await harness.everything()
        await harness.do(AddMessage(msgspec.structs.replace(message, parts=text("b"))))
        assert await harness.everything() == before

    async def test_a_message_id_is_taken_once_in_a_thread(self, harness: StoreHarness) -> None:
        await harness.thread("one")
        await harness.thread("two")
        await harness.do(harness.add_message("m", "one"))
        for other in (
            harness.add_message("m", "one", turn=2),
            harness.add_message("m", "one", role="assistant"),
        ):
            error = await harness.refused(MessageExists, other)
            assert isinstance(error, MessageExists)
            assert error.message_id == "m"
        await harness.do(harness.add_message("m", "two"))

    async def test_a_place_in_a_turn_is_taken_once(self, harness: StoreHarness) -> None:
        await harness.thread()
        await harness.do(harness.add_message("m", place=1))
        await harness.refused(MessageExists, harness.add_message("other", place=1))
        await harness.do(harness.add_message("other", turn=2, place=1))

    async def test_an_id_of_a_client_is_taken_once_in_a_thread(self, harness: StoreHarness) -> None:
        await harness.thread("one")
        await harness.thread("two")
        await harness.do(harness.add_message("a", "one", client_id="c"))
        await harness.refused(MessageExists, harness.add_message("b", "one", place=1, client_id="c"))
        await harness.do(harness.add_message("b", "one", place=1))
        await harness.do(harness.add_message("d", "one", place=2))
        await harness.do(harness.add_message("a", "two", client_id="c"))

    async def test_a_message_for_a_thread_that_is_not_there_is_refused(self, harness: StoreHarness) -> None:
        error = await harness.refused(ThreadNotFound, harness.add_message("m", "nowhere"))
        assert isinstance(error, ThreadNotFound)
        assert error.thread_id == "nowhere"


class WriteMessagePromises(Promises):
    """PutParts, SetMessage and PutUsage."""

    async def test_parts_are_replaced_and_added_from_a_place_on(self, harness: StoreHarness) -> None:
        lease = await harness.replying()
        await harness.commit(lease, harness.put_parts("reply-run", 0, *text("a", "b", "c")))
        await harness.commit(lease, harness.put_parts("reply-run", 1, *text("B")))
        assert (await get(harness)).parts == text("a", "B", "c")
        await harness.commit(lease, harness.put_parts("reply-run", 2, *text("C", "D")))
        assert (await get(harness)).parts == text("a", "B", "C", "D")
        await harness.commit(lease, harness.put_parts("reply-run", 4, *PARTS))
        assert (await get(harness)).parts == (*text("a", "B", "C", "D"), *PARTS)

    async def test_many_parts_keep_their_order(self, harness: StoreHarness) -> None:
        lease = await harness.replying()
        parts = text(*map(str, range(30)))
        for place in (0, 10, 20):
            await harness.commit(lease, harness.put_parts("reply-run", place, *parts[place : place + 10]))
        assert (await get(harness)).parts == parts

    async def test_a_part_is_replaced_by_a_later_version_only(self, harness: StoreHarness) -> None:
        lease = await harness.replying()
        await harness.commit(lease, harness.put_parts("reply-run", 0, *text("a", "b"), version=5))
        await harness.commit(lease, harness.put_parts("reply-run", 1, *text("c"), version=7))
        for version in (4, 5):
            await harness.commit(lease, harness.put_parts("reply-run", 0, *text("x", "x"), version=version))
            assert (await get(harness)).parts == text("a", "c")
        late: tuple[Part, ...] = text("d", "x", "e")
        await harness.commit(lease, harness.put_parts("reply-run", 0, *late, version=6))
        assert (await get(harness)).parts == text("d", "c", "e")

    async def test_what_is_not_given_of_a_message_stays(self, harness: StoreHarness) -> None:
        lease = await harness.replying()
        before = await get(harness)
        harness.advance(1)
        for change in (
            harness.set_message("reply-run", finish_reason="length"),
            harness.set_message("reply-run", model="m"),
            harness.set_message("reply-run", status="stopped"),
            last := harness.set_message("reply-run"),
        ):
            await harness.commit(lease, change)
        expected = msgspec.structs.replace(
            before,
            status="stopped",
            finish_reason="length",
            model="m",
            version=last.version,
            updated_at=harness.at,
        )
        assert await get(harness) == expected

    async def test_an_earlier_version_of_a_message_changes_nothing(self, harness: StoreHarness) -> None:
        lease = await harness.replying()
        await harness.commit(lease, harness.set_message("reply-run", model="new", version=9))
        before = await harness.everything()
        for version in (8, 9):
            await harness.commit(lease, harness.set_message("reply-run", model="old", version=version))
            assert await harness.everything() == before

    async def test_a_message_that_has_ended_is_not_streaming_again(self, harness: StoreHarness) -> None:
        lease = await harness.replying()
        await harness.commit(lease, harness.set_message("reply-run", status="complete"))
        await harness.commit(lease, harness.set_message("reply-run", status="streaming", model="m"))
        message = await get(harness)
        assert (message.status, message.model) == ("complete", "m")

    async def test_usage_is_a_row_for_each_attempt_inserted_once(self, harness: StoreHarness) -> None:
        lease = await harness.replying()
        for usage in (
            harness.usage("0", 1, tokens=5),
            harness.usage("0", 1, tokens=7),
            harness.usage("0", 2, tokens=11),
            harness.usage("1", 1, tokens=None),
        ):
            await harness.commit(lease, usage)
        rows = await harness.store.messages.usage("run", tenant=None)
        expected = [("0", 1, 5), ("0", 2, 11), ("1", 1, None)]
        found = [(row.position, row.attempt, row.usage and row.usage.input_tokens) for row in rows]
        assert sorted(found, key=str) == sorted(expected, key=str)
        assert UsageRecord(run_id="run", position="1", attempt=1, usage=None, model="m") in rows
        message = await get(harness)
        assert message.usage == Usage(requests=2, input_tokens=16)
        assert await harness.store.messages.of_run("run", tenant=None) == message
        assert await harness.store.messages.usage("nobody", tenant=None) == []

    async def test_a_message_of_a_run_without_usage_has_none(self, harness: StoreHarness) -> None:
        lease = await harness.replying()
        assert (await get(harness)).usage is None
        await harness.commit(lease, harness.usage(tokens=None))
        assert (await get(harness)).usage is None
