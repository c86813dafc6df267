"""Messages: every part comes back, of whatever kind, and in its place."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from perdure.core.messages import Message, Part, TextPart, UnknownPart, Usage
from perdure.errors import MessageExists, MessageNotFound, ThreadNotFound
from perdure.stores.port import AddMessage, PutParts, SetMessage
from perdure.testing.store_suite.base import Promises
from perdure.testing.store_suite.harness import StoreHarness
from perdure.testing.store_suite.thread_operations import PARTS, text


class MessagePromises(Promises):
    """AddMessage, PutParts, SetMessage, and reading messages."""

    async def test_a_message_comes_back_as_it_was(self, harness: StoreHarness) -> None:
        await harness.thread()
        whole = Message(
            message_id="m1",
            thread_id="thread",
            turn=1,
            place=2,
            role="assistant",
            status="streaming",
            parts=PARTS,
            metadata={"a": {"b": [1]}},
            usage=Usage(requests=1, input_tokens=2, output_tokens=3),
            finish_reason="stop",
            model="m",
            created_at=harness.at,
        )
        small = Message(message_id="m2", thread_id="thread", turn=2, role="user", created_at=harness.after(0.000001))
        await harness.do(AddMessage(whole), AddMessage(small))
        assert await harness.store.messages.get("m1") == whole
        assert await harness.store.messages.list("thread") == [whole, small]

    async def test_a_part_of_an_unknown_kind_is_kept_as_it_is(self, harness: StoreHarness) -> None:
        await harness.thread()
        raw = {"kind": "hologram", "depth": {"m": 3}, "text": "x"}
        await harness.do(AddMessage(harness.message("m", parts=text("a"))))
        await harness.do(PutParts(message_id="m", first=1, parts=(UnknownPart(kind="hologram", raw=raw),)))
        message = await harness.store.messages.get("m")
        assert message is not None
        assert message.parts == (TextPart(text="a"), UnknownPart(kind="hologram", raw=raw))

    async def test_a_message_id_is_taken_once(self, harness: StoreHarness) -> None:
        await harness.thread("one")
        await harness.thread("two")
        message = harness.message("m", "one", parts=text("a"))
        await harness.do(AddMessage(message))
        for other in (harness.message("m", "one", place=1), harness.message("m", "two")):
            error = await harness.refused(MessageExists, AddMessage(other))
            assert isinstance(error, MessageExists)
            assert error.message_id == "m"
        assert await harness.store.messages.list("one") == [message]
        assert await harness.store.messages.list("two") == []

    async def test_a_place_in_a_thread_is_taken_once(self, harness: StoreHarness) -> None:
        await harness.thread()
        await harness.do(AddMessage(harness.message("m", place=1)))
        await harness.refused(MessageExists, AddMessage(harness.message("other", place=1)))
        assert await harness.store.messages.get("other") is None

    async def test_a_message_for_a_thread_that_is_not_there_is_refused(self, harness: StoreHarness) -> None:
        error = await harness.refused(ThreadNotFound, AddMessage(harness.message("m", "nowhere")))
        assert isinstance(error, ThreadNotFound)
        assert error.thread_id == "nowhere"
        assert await harness.store.messages.get("m") is None

    async def test_parts_are_replaced_and_added_from_a_place_on(self, harness: StoreHarness) -> None:
        await harness.thread()
        await harness.do(AddMessage(harness.message("m", parts=text("a", "b", "c"))))
        await harness.do(PutParts(message_id="m", first=1, parts=text("B")))
        assert await self._parts(harness) == text("a", "B", "c")
        await harness.do(PutParts(message_id="m", first=2, parts=text("C", "D")))
        assert await self._parts(harness) == text("a", "B", "C", "D")
        await harness.do(PutParts(message_id="m", first=4, parts=PARTS))
        assert await self._parts(harness) == (*text("a", "B", "C", "D"), *PARTS)

    async def test_many_parts_keep_their_order(self, harness: StoreHarness) -> None:
        await harness.thread()
        await harness.do(AddMessage(harness.message("m")))
        parts = text(*map(str, range(30)))
        for place in (20, 10, 0):
            await harness.do(PutParts(message_id="m", first=place, parts=parts[place : place + 10]))
        assert await self._parts(harness) == parts

    async def test_what_is_not_given_of_a_message_stays(self, harness: StoreHarness) -> None:
        await harness.thread()
        message = harness.message("m", parts=text("a"))
        await harness.do(AddMessage(message))
        changes: tuple[SetMessage, ...] = (
            SetMessage(message_id="m", status="stopped"),
            SetMessage(message_id="m", finish_reason="length"),
            SetMessage(message_id="m", model="m"),
            SetMessage(message_id="m"),
        )
        await harness.do(*changes)
        expected = msgspec.structs.replace(message, status="stopped", finish_reason="length", model="m")
        assert await harness.store.messages.get("m") == expected

    async def test_usage_is_added_to_what_is_there(self, harness: StoreHarness) -> None:
        await harness.thread()
        await harness.do(AddMessage(harness.message("m")))
        await harness.do(SetMessage(message_id="m", add_usage=Usage(requests=1, input_tokens=5)))
        await harness.do(SetMessage(message_id="m", add_usage=Usage(requests=1, output_tokens=7)))
        message = await harness.store.messages.get("m")
        assert message is not None
        assert message.usage == Usage(requests=2, input_tokens=5, output_tokens=7)

    async def test_a_message_that_is_not_there_is_refused_by_name(self, harness: StoreHarness) -> None:
        for operation in (PutParts(message_id="m", first=0, parts=()), SetMessage(message_id="m", status="failed")):
            error = await harness.refused(MessageNotFound, operation)
            assert isinstance(error, MessageNotFound)
            assert error.message_id == "m"
        assert await harness.store.messages.get("m") is None

    async def test_messages_are_listed_by_turn_and_place(self, harness: StoreHarness) -> None:
        await harness.thread()
        await harness.thread("other")
        await harness.do(AddMessage(harness.message("x", "other")))
        order = [(2, 1), (1, 0), (10, 0), (2, 0), (1, 1)]
        for turn, place in order:
            await harness.do(AddMessage(harness.message(f"{turn}.{place}", turn=turn, place=place)))
        listed = harness.store.messages.list
        assert _ids(await listed("thread")) == ["1.0", "1.1", "2.0", "2.1", "10.0"]
        assert _ids(await listed("thread", up_to_turn=2)) == ["1.0", "1.1", "2.0", "2.1"]
        assert _ids(await listed("thread", after=(1, 1))) == ["2.0", "2.1", "10.0"]
        assert _ids(await listed("thread", after=(1, 0), up_to_turn=2, limit=2)) == ["1.1", "2.0"]
        assert await listed("nowhere") == []

    @staticmethod
    async def _parts(harness: StoreHarness) -> tuple[Part, ...]:
        message = await harness.store.messages.get("m")
        assert message is not None
        return message.parts


def _ids(messages: Sequence[Message]) -> list[str]:
    return [message.message_id for message in messages]
