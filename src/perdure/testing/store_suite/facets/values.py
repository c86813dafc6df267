"""Values: any bytes come back, too many are refused by name, and what was given or got is nobody else's."""

from __future__ import annotations

import msgspec

from perdure.core.chunks import Entry
from perdure.core.failures import Failure
from perdure.core.messages import TextPart, ToolCallPart
from perdure.core.records import Lease
from perdure.core.values import Value
from perdure.errors import TooLarge
from perdure.stores.port import AddMessage, AppendEntries, Operation, PutParts, PutStep, UpdateThread
from perdure.testing.store_suite.base import Promises
from perdure.testing.store_suite.harness import StoreHarness
from perdure.testing.store_suite.thread_operations import text

EVERY_BYTE = b'"\x00' + bytes(range(256)) + b'"'


class ValuePromises(Promises):
    """What is stored of a value."""

    async def test_any_bytes_come_back(self, harness: StoreHarness) -> None:
        await harness.do(harness.create(manifest=EVERY_BYTE))
        await harness.worker("ana")
        lease = await harness.lease()
        await harness.do(harness.step(result=EVERY_BYTE), harness.ask(), lease=lease)
        await harness.do(AppendEntries("run", (Entry(1, 1, EVERY_BYTE),)), lease=lease)
        await harness.do(harness.emit(payload=EVERY_BYTE), harness.answer(answer=EVERY_BYTE))
        ending = msgspec.structs.replace(harness.finish(), result=EVERY_BYTE)
        await harness.do(ending, lease=lease)
        loaded = await harness.store.runs.load("run")
        assert loaded is not None
        assert (loaded.manifest, loaded.run.result) == (EVERY_BYTE, EVERY_BYTE)
        assert [step.result for step in loaded.steps] == [EVERY_BYTE]
        assert [event.payload for event in loaded.events] == [EVERY_BYTE, EVERY_BYTE]
        assert (await harness.store.streams.read("run")).entries == (Entry(1, 1, EVERY_BYTE),)
        question = await harness.store.questions.get("why")
        assert question is not None
        assert question.answer == EVERY_BYTE

    async def test_an_empty_value_is_not_none(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        await harness.do(harness.step(result=b""), harness.emit(payload=b""), lease=lease)
        [step] = await harness.store.steps.list("run")
        event = await harness.store.events.get("run", "go")
        assert event is not None
        assert (step.result, event.payload) == (b"", b"")

    async def test_a_value_over_the_limit_is_refused_before_anything_changed(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        await harness.do(harness.ask(), harness.append("run", 1), lease=lease)
        await harness.thread()
        await harness.do(AddMessage(harness.message("m")))
        before = await self._all(harness)
        for operation, holder in self._too_large(harness, lease):
            error = await harness.refused(TooLarge, operation, lease=holder)
            assert isinstance(error, TooLarge)
            assert error.limit == harness.abilities.max_value
            assert error.size > error.limit
            assert error.field
            assert await self._all(harness) == before

    async def test_a_value_of_the_limit_is_kept(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        value = b'"' + bytes(harness.abilities.max_value - 2) + b'"'
        await harness.do(harness.step(result=value), lease=lease)
        [step] = await harness.store.steps.list("run")
        assert step.result == value

    async def test_what_was_given_may_change_afterwards(self, harness: StoreHarness) -> None:
        data: dict[str, Value] = {"a": [1]}
        lease = await harness.running(like=msgspec.structs.replace(harness.create(), tags={"k": "v"}))
        failure = Failure(cause_type="E", message="m", data=data)
        step = msgspec.structs.replace(harness.step(status="failed").step, failure=failure)
        part = ToolCallPart(call_id="c", tool="t", output=data)
        await harness.thread()
        await harness.do(
            PutStep("run", step),
            AddMessage(msgspec.structs.replace(harness.message("m", parts=(part,)), metadata=data)),
            UpdateThread(thread_id="thread", at=harness.at, metadata=data),
            harness.thread_event(body=data),
            lease=lease,
        )
        data["a"].append(2)
        assert await self._kept(harness) == [{"a": [1]}] * 5

    async def test_what_was_got_may_change_afterwards(self, harness: StoreHarness) -> None:
        await self.test_what_was_given_may_change_afterwards(harness)
        for got in await self._kept(harness):
            got["a"].append(2)
            got["b"] = 3
        (await harness.get()).tags["k"] = "w"
        assert await self._kept(harness) == [{"a": [1]}] * 5
        assert (await harness.get()).tags == {"k": "v"}

    @staticmethod
    def _too_large(harness: StoreHarness, lease: Lease) -> list[tuple[Operation, Lease | None]]:
        huge = bytes(harness.abilities.max_value + 1)
        words = "x" * len(huge)
        turn = harness.turn("new", "n")
        long = (msgspec.structs.replace(turn.messages[0], parts=text(words)),)
        return [
            (harness.create("new", manifest=huge), None),
            (harness.emit(payload=huge), None),
            (harness.answer(answer=huge), None),
            (harness.step(result=huge), lease),
            (msgspec.structs.replace(harness.finish(), result=huge), lease),
            (AppendEntries("run", (Entry(2, 2, b"[]"), Entry(3, 3, huge))), lease),
            (AddMessage(harness.message("n", place=1, parts=text(words))), None),
            (
                PutParts(
                    message_id="m",
                    first=0,
                    parts=(TextPart(text="a"), ToolCallPart(call_id="c", tool="t", output=words)),
                ),
                None,
            ),
            (msgspec.structs.replace(turn, messages=long), None),
            (msgspec.structs.replace(turn, run=harness.create("new", thread_id="thread", manifest=huge)), None),
        ]

    @staticmethod
    async def _all(harness: StoreHarness) -> tuple[object, ...]:
        threads, messages = harness.store.threads, harness.store.messages
        thread = await threads.get("thread"), await threads.events("thread"), await messages.list("thread")
        return (await harness.everything(), *thread)

    @staticmethod
    async def _kept(harness: StoreHarness) -> list[Value]:
        [step] = await harness.store.steps.list("run")
        [message] = await harness.store.messages.list("thread")
        thread = await harness.store.threads.get("thread")
        [event] = await harness.store.threads.events("thread")
        assert step.failure is not None
        assert thread is not None
        [part] = message.parts
        assert isinstance(part, ToolCallPart)
        return [step.failure.data, message.metadata, part.output, thread.metadata, event.body]
