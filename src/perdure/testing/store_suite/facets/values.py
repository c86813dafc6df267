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
from perdure.testing.store_suite.conversing import text
from perdure.testing.store_suite.world import World

EVERY_BYTE = b'"\x00' + bytes(range(256)) + b'"'


class ValuePromises(Promises):
    """What is stored of a value."""

    async def test_any_bytes_come_back(self, world: World) -> None:
        await world.do(world.create(manifest=EVERY_BYTE))
        await world.worker("ana")
        lease = await world.lease()
        await world.do(world.step(result=EVERY_BYTE), world.ask(), lease=lease)
        await world.do(AppendEntries("run", (Entry(1, 1, EVERY_BYTE),)), lease=lease)
        await world.do(world.emit(payload=EVERY_BYTE), world.answer(answer=EVERY_BYTE))
        ending = msgspec.structs.replace(world.finish(), result=EVERY_BYTE)
        await world.do(ending, lease=lease)
        loaded = await world.store.runs.load("run")
        assert loaded is not None
        assert (loaded.manifest, loaded.run.result) == (EVERY_BYTE, EVERY_BYTE)
        assert [step.result for step in loaded.steps] == [EVERY_BYTE]
        assert [event.payload for event in loaded.events] == [EVERY_BYTE, EVERY_BYTE]
        assert (await world.store.streams.read("run")).entries == (Entry(1, 1, EVERY_BYTE),)
        question = await world.store.questions.get("why")
        assert question is not None
        assert question.answer == EVERY_BYTE

    async def test_an_empty_value_is_not_none(self, world: World) -> None:
        lease = await world.running()
        await world.do(world.step(result=b""), world.emit(payload=b""), lease=lease)
        [step] = await world.store.steps.list("run")
        event = await world.store.events.get("run", "go")
        assert event is not None
        assert (step.result, event.payload) == (b"", b"")

    async def test_a_value_over_the_limit_is_refused_before_anything_changed(self, world: World) -> None:
        lease = await world.running()
        await world.do(world.ask(), world.append("run", 1), lease=lease)
        await world.thread()
        await world.do(AddMessage(world.message("m")))
        before = await self._all(world)
        for operation, holder in self._too_large(world, lease):
            error = await world.refused(TooLarge, operation, lease=holder)
            assert isinstance(error, TooLarge)
            assert error.limit == world.abilities.max_value
            assert error.size > error.limit
            assert error.field
            assert await self._all(world) == before

    async def test_a_value_of_the_limit_is_kept(self, world: World) -> None:
        lease = await world.running()
        value = b'"' + bytes(world.abilities.max_value - 2) + b'"'
        await world.do(world.step(result=value), lease=lease)
        [step] = await world.store.steps.list("run")
        assert step.result == value

    async def test_what_was_given_may_change_afterwards(self, world: World) -> None:
        data: dict[str, Value] = {"a": [1]}
        lease = await world.running(like=msgspec.structs.replace(world.create(), tags={"k": "v"}))
        failure = Failure(cause_type="E", message="m", data=data)
        step = msgspec.structs.replace(world.step(status="failed").step, failure=failure)
        part = ToolCallPart(call_id="c", tool="t", output=data)
        await world.thread()
        await world.do(
            PutStep("run", step),
            AddMessage(msgspec.structs.replace(world.message("m", parts=(part,)), metadata=data)),
            UpdateThread(thread_id="thread", at=world.at, metadata=data),
            world.thread_event(body=data),
            lease=lease,
        )
        data["a"].append(2)
        assert await self._kept(world) == [{"a": [1]}] * 5

    async def test_what_was_got_may_change_afterwards(self, world: World) -> None:
        await self.test_what_was_given_may_change_afterwards(world)
        for got in await self._kept(world):
            got["a"].append(2)
            got["b"] = 3
        (await world.get()).tags["k"] = "w"
        assert await self._kept(world) == [{"a": [1]}] * 5
        assert (await world.get()).tags == {"k": "v"}

    @staticmethod
    def _too_large(world: World, lease: Lease) -> list[tuple[Operation, Lease | None]]:
        huge = bytes(world.abilities.max_value + 1)
        words = "x" * len(huge)
        turn = world.turn("new", "n")
        long = (msgspec.structs.replace(turn.messages[0], parts=text(words)),)
        return [
            (world.create("new", manifest=huge), None),
            (world.emit(payload=huge), None),
            (world.answer(answer=huge), None),
            (world.step(result=huge), lease),
            (msgspec.structs.replace(world.finish(), result=huge), lease),
            (AppendEntries("run", (Entry(2, 2, b"[]"), Entry(3, 3, huge))), lease),
            (AddMessage(world.message("n", place=1, parts=text(words))), None),
            (
                PutParts(
                    message_id="m",
                    first=0,
                    parts=(TextPart(text="a"), ToolCallPart(call_id="c", tool="t", output=words)),
                ),
                None,
            ),
            (msgspec.structs.replace(turn, messages=long), None),
            (msgspec.structs.replace(turn, run=world.create("new", thread_id="thread", manifest=huge)), None),
        ]

    @staticmethod
    async def _all(world: World) -> tuple[object, ...]:
        threads, messages = world.store.threads, world.store.messages
        thread = await threads.get("thread"), await threads.events("thread"), await messages.list("thread")
        return (await world.everything(), *thread)

    @staticmethod
    async def _kept(world: World) -> list[Value]:
        [step] = await world.store.steps.list("run")
        [message] = await world.store.messages.list("thread")
        thread = await world.store.threads.get("thread")
        [event] = await world.store.threads.events("thread")
        assert step.failure is not None
        assert thread is not None
        [part] = message.parts
        assert isinstance(part, ToolCallPart)
        return [step.failure.data, message.metadata, part.output, thread.metadata, event.body]
