"""A reply of any Model, one of the user's own too, is stored as what it is, or fails as one that can't be used."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

import pytest

from perdure import Agent, Retry
from perdure.core.messages import TextPart, ToolCallPart, UnknownPart, Usage
from perdure.errors import RunFailed
from perdure.models.protocol import ModelDelta, ModelReply, ModelRequest
from tests.agents.conftest import Stage


class Own:
    """A model of one's own that yields the given events, once for each request."""

    name = "test:own"

    def __init__(self, *replies: list[Any]) -> None:
        self.replies = list(replies)
        self.asked = 0

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Any, None]:
        self.asked += 1
        for event in self.replies.pop(0):
            yield event


def reply(*parts: Any, finish: Any = "stop", usage: Any = Usage(), model: Any = "") -> ModelReply:  # noqa: B008
    return ModelReply(parts=parts, finish_reason=finish, usage=usage, model=model)


YES = [ModelDelta(index=0, kind="text", text="Yes."), reply(TextPart(text="Yes."))]
odd: Any = object()

UNUSABLE: dict[str, list[Any]] = {
    "a text that is a number": [reply(TextPart(text=5))],  # pyright: ignore[reportArgumentType]
    "a call's id that is a number": [reply(ToolCallPart(call_id=7, tool="pay"))],  # pyright: ignore[reportArgumentType]
    "a call's name that is none": [reply(ToolCallPart(call_id="c", tool=None))],  # pyright: ignore[reportArgumentType]
    "arguments that are an object": [reply(ToolCallPart(call_id="c", tool="pay", arguments={}))],  # pyright: ignore[reportArgumentType]
    "a state that is none": [reply(ToolCallPart(call_id="c", tool="pay", state="odd"))],  # pyright: ignore[reportArgumentType]
    "what no JSON can hold": [reply(TextPart(text="x", provider={"a": odd}))],
    "an unknown part that is none": [reply(UnknownPart(kind="odd", raw={"kind": "odd", "a": odd}))],
    "a part that is none": [reply({"kind": "text", "text": "x"})],
    "parts that are none": [ModelReply(parts=5, finish_reason="stop", usage=Usage())],  # pyright: ignore[reportArgumentType]
    "a finish reason that is a number": [reply(TextPart(text="x"), finish=1)],
    "a model that is a number": [reply(TextPart(text="x"), model=5)],
    "a usage that is none": [reply(TextPart(text="x"), usage={"input_tokens": 5})],
    "a count that is a text": [reply(TextPart(text="x"), usage=Usage(input_tokens="7"))],  # pyright: ignore[reportArgumentType]
    "a count below none": [reply(TextPart(text="x"), usage=Usage(input_tokens=-1))],
    "a count of 30 digits": [reply(TextPart(text="x"), usage=Usage(input_tokens=10**30))],
    "a delta that is a text": ["Hel"],
    "a delta whose text is a number": [ModelDelta(index=0, kind="text", text=5)],  # pyright: ignore[reportArgumentType]
    "a delta without a place": [ModelDelta(index=None, kind="text", text="Hel")],  # pyright: ignore[reportArgumentType]
    "a delta of no kind": [ModelDelta(index=0, kind="odd", text="Hel")],  # pyright: ignore[reportArgumentType]
    "nothing at all": [None],
    "calls that are not there": [reply(TextPart(text="x"), finish="tool_calls")],
    "an answer that was given up": [reply(TextPart(text="x"), finish="abort")],
}


def pay() -> str:
    raise AssertionError("a call of an unusable reply ran")


@pytest.mark.parametrize("events", UNUSABLE.values(), ids=UNUSABLE)
async def test_an_unusable_reply_is_asked_for_again(stage: Stage, events: list[Any]) -> None:
    model = Own(events, YES)
    agent = Agent("assistant", model=model, tools=[pay], retry=Retry(attempts=2, initial=0.001))
    thread = await stage.open(agent)
    message = await (await thread.send("Well?")).result()
    assert (message.status, message.text, model.asked) == ("complete", "Yes.", 2)


async def test_a_reply_that_stays_unusable_fails_the_turn_by_its_name(stage: Stage) -> None:
    model = Own([reply(ToolCallPart(call_id=7, tool="pay"))])  # pyright: ignore[reportArgumentType]
    thread = await stage.open(Agent("assistant", model=model, tools=[pay], retry=Retry(attempts=1)))
    with pytest.raises(RunFailed, match="test:own") as failed:
        await (await thread.send("Well?")).result()
    assert failed.value.cause_type == "ModelReplyInvalid"
    assert "call_id" in str(failed.value)


class NoGenerator:
    """Its stream is what somebody writes who does not know that it has to be a generator."""

    name = "test:no-generator"

    async def stream(self, request: ModelRequest) -> ModelReply:
        return reply(TextPart(text="Hi"))


async def test_a_stream_that_is_no_async_generator_is_named(stage: Stage) -> None:
    agent = Agent("assistant", model=NoGenerator(), retry=Retry(attempts=1))  # type: ignore[arg-type]
    thread = await stage.open(agent)
    with pytest.raises(RunFailed, match="its stream is a coroutine, and no async generator") as failed:
        await (await thread.send("Well?")).result()
    assert failed.value.cause_type == "ModelReplyInvalid"


@pytest.mark.parametrize(
    ("word", "finish", "status"),
    [
        ("stop", "stop", "complete"),
        ("end_turn", "stop", "complete"),
        ("max_tokens", "length", "cut_off"),
        ("its own", "its own", "cut_off"),
    ],
)
async def test_a_model_of_one_s_own_may_end_in_any_word(stage: Stage, word: str, finish: str, status: str) -> None:
    model = Own([ModelDelta(index=0, kind="text", text="Yes."), reply(TextPart(text="Yes."), finish=word)])
    thread = await stage.open(Agent("assistant", model=model))
    message = await (await thread.send("Well?")).result()
    assert (message.status, message.finish_reason) == (status, finish)


@pytest.mark.parametrize("blank", [" ", "\n\t"])
async def test_blank_instructions_are_no_message(stage: Stage, blank: str) -> None:
    model = Own(YES)
    agent = Agent("assistant", model=model, instructions=blank)
    thread = await stage.open(agent)
    await (await thread.send("Well?")).result()
    assert agent.instructions == ""
