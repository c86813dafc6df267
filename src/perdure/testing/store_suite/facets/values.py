"""Values: any bytes come back, too many are refused by name, and what was given or got is nobody else's."""

from __future__ import annotations

import msgspec

from perdure.core.chunks import Entry
from perdure.core.failures import Failure
from perdure.core.messages import Part, TextPart, ToolCallPart
from perdure.core.operations import AddMessage, AppendEntries, HolderOperation, OutsideOperation, PutStep
from perdure.core.values import Value
from perdure.errors import TooLarge
from perdure.testing.store_suite.base import Promises
from perdure.testing.store_suite.harness import StoreHarness
from perdure.testing.store_suite.run_operations import GO
from perdure.testing.store_suite.thread_operations import text

EVERY_BYTE = b'"\x00' + bytes(range(256)) + b'"'


class ValuePromises(Promises):
    """What is stored of a value."""

    async def test_any_bytes_come_back(self, harness: StoreHarness) -> None:
        await harness.do(harness.create(manifest=EVERY_BYTE))
        await harness.worker("ana")
        lease = await harness.lease()
        await harness.store.commit(lease, harness.step(result=EVERY_BYTE), harness.ask())
        await harness.commit(lease, AppendEntries((Entry("", 1, 1, EVERY_BYTE),)))
        await harness.do(harness.emit(payload=EVERY_BYTE))
        await harness.do(harness.answer(answer=EVERY_BYTE))
        await harness.commit(lease, msgspec.structs.replace(harness.finish(), result=EVERY_BYTE))
        [journal] = await harness.store.runs.journals([await harness.get()])
        assert (await harness.get()).result == EVERY_BYTE
        assert await harness.store.runs.manifest("run", tenant=None) == EVERY_BYTE
        assert [step.result for step in journal.steps] == [EVERY_BYTE]
        assert [event.payload for event in journal.events] == [EVERY_BYTE, EVERY_BYTE]
        assert (await harness.store.streams.read("run", tenant=None)).entries == (Entry("", 1, 1, EVERY_BYTE),)
        question = await harness.store.questions.get("why", tenant=None)
        assert question is not None
        assert question.answer == EVERY_BYTE

    async def test_an_empty_value_is_not_none(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        await harness.store.commit(lease, harness.step(result=b""), harness.emit(payload=b""))
        [step] = await harness.store.steps.list("run", tenant=None)
        event = await harness.store.events.get("run", GO, tenant=None)
        assert event is not None
        assert (step.result, event.payload) == (b"", b"")

    async def test_what_a_holder_writes_over_the_limit_is_refused_before_anything_changed(
        self, harness: StoreHarness
    ) -> None:
        lease = await harness.replying()
        await harness.commit(lease, harness.append(1))
        huge, words = self._too_large(harness)
        call: Part = ToolCallPart(call_id="c", tool="t", output=words)
        operations: tuple[HolderOperation, ...] = (
            harness.create("new", manifest=huge),
            harness.emit(payload=huge),
            harness.step(result=huge),
            msgspec.structs.replace(harness.finish(), result=huge),
            AppendEntries((harness.entry(2), Entry("", 3, 3, huge))),
            harness.add_message("n", place=3, run_id="run", parts=text(words)),
            harness.put_parts("reply-run", 0, TextPart(text="a"), call),
        )
        for operation in operations:
            self._names_it(harness, await harness.commit_refused(TooLarge, lease, operation))

    async def test_what_others_write_over_the_limit_is_refused_before_anything_changed(
        self, harness: StoreHarness
    ) -> None:
        lease = await harness.replying()
        await harness.commit(lease, harness.ask())
        huge, words = self._too_large(harness)
        turn = harness.turn("new", "n")
        long = (msgspec.structs.replace(turn.messages[0], parts=text(words)),)
        operations: tuple[OutsideOperation, ...] = (
            harness.create("new", manifest=huge),
            harness.emit(payload=huge),
            harness.answer(answer=huge),
            harness.add_message("n", place=3, parts=text(words)),
            msgspec.structs.replace(turn, messages=long),
            msgspec.structs.replace(turn, run=harness.create("new", manifest=huge)),
        )
        for operation in operations:
            self._names_it(harness, await harness.refused(TooLarge, operation))

    async def test_a_value_of_the_limit_is_kept(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        value = b'"' + bytes(harness.abilities.max_value - 2) + b'"'
        await harness.commit(lease, harness.step(result=value))
        [step] = await harness.store.steps.list("run", tenant=None)
        assert step.result == value

    async def test_what_was_given_may_change_afterwards(self, harness: StoreHarness) -> None:
        data: dict[str, Value] = {"a": [1]}
        await self._give(harness, data)
        data["a"].append(2)
        assert await self._kept(harness) == [{"a": [1]}] * 5

    async def test_what_was_got_may_change_afterwards(self, harness: StoreHarness) -> None:
        await self._give(harness, {"a": [1]})
        for got in await self._kept(harness):
            got["a"].append(2)
            got["b"] = 3
        (await harness.get()).tags["k"] = "w"
        assert await self._kept(harness) == [{"a": [1]}] * 5
        assert (await harness.get()).tags == {"k": "v"}

    @staticmethod
    async def _give(harness: StoreHarness, data: dict[str, Value]) -> None:
        """The same dict to everything that takes one."""
        lease = await harness.running(like=msgspec.structs.replace(harness.create(), tags={"k": "v"}))
        failure = Failure(cause_type="E", message="m", data=data)
        step = msgspec.structs.replace(harness.step(status="failed").step, failure=failure)
        part = ToolCallPart(call_id="c", tool="t", output=data)
        await harness.thread()
        message = msgspec.structs.replace(harness.message("m", parts=(part,)), metadata=data)
        await harness.do(AddMessage(message))
        await harness.do(harness.update_thread(metadata=data))
        await harness.do(harness.thread_event(body=data))
        await harness.commit(lease, PutStep(step))

    @staticmethod
    async def _kept(harness: StoreHarness) -> list[Value]:
        [step] = await harness.store.steps.list("run", tenant=None)
        [event] = await harness.store.threads.events("thread", tenant=None)
        message = await harness.store.messages.get("thread", "m", tenant=None)
        thread = await harness.get_thread()
        assert step.failure is not None
        assert message is not None
        [part] = message.parts
        assert isinstance(part, ToolCallPart)
        return [step.failure.data, message.metadata, part.output, thread.metadata, event.body]

    @staticmethod
    def _too_large(harness: StoreHarness) -> tuple[bytes, str]:
        huge = bytes(harness.abilities.max_value + 1)
        return huge, "x" * len(huge)

    @staticmethod
    def _names_it(harness: StoreHarness, error: Exception) -> None:
        assert isinstance(error, TooLarge)
        assert error.limit == harness.abilities.max_value
        assert error.size > error.limit
        assert error.field
