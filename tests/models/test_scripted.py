import asyncio
from contextlib import aclosing

import pytest

from perdure.core.messages import ReasoningPart, TextPart, ToolCallPart
from perdure.errors import ModelUnavailable, TerminalError
from perdure.models.protocol import ModelDelta, ModelRequest
from perdure.testing.scripted import Call, ScriptedModel, call, calls, fail, say, think
from tests.models.conversation import ask, assistant, done, reply_of, told, user


async def test_a_step_s_entry_is_read_from_the_history() -> None:
    script = [call("find", number=7), say("It is 7."), say("Again.")]
    first = await reply_of(ScriptedModel(script), ask())
    assert first.parts == (ToolCallPart(call_id="call_0_0", tool="find", arguments='{"number":7}'),)
    assert first.finish_reason == "tool_calls"
    turn = assistant(done(first.parts[0], "seven"))
    second = await reply_of(ScriptedModel(script), ModelRequest(messages=(user("Hello"), turn), step=1))
    assert second.parts == (TextPart(text="It is 7.", step=1),)
    whole = assistant(done(first.parts[0], "seven"), *second.parts)
    third = await reply_of(ScriptedModel(script), ModelRequest(messages=(user("Hello"), whole, user("And?", turn=2))))
    assert third.parts == (TextPart(text="Again."),)


async def test_one_step_may_think_say_and_call_several_tools() -> None:
    model = ScriptedModel([[think("Hm."), say("Looking. ")], calls(call("a"), call("b", x=1))])
    deltas, reply = await told(model, ask())
    assert reply.parts == (ReasoningPart(text="Hm."), TextPart(text="Looking. "))
    assert [delta.kind for delta in deltas] == ["reasoning", "text"]
    _, reply = await told(model, ask(step=1))
    assert [part.tool for part in reply.parts if isinstance(part, ToolCallPart)] == ["a", "b"]


async def test_deltas_are_words_or_as_long_as_told() -> None:
    model = ScriptedModel([say("two words"), say("abcde", chunk=2), Call("find", "{oops")])
    assert [delta.text for delta in (await told(model, ask()))[0]] == ["two ", "words"]
    assert [delta.text for delta in (await told(model, ask(step=1)))[0]] == ["ab", "cd", "e"]
    deltas, reply = await told(model, ask(step=2))
    assert deltas == [ModelDelta(index=0, kind="tool_input", text="{oops", call_id="call_2_0", tool="find")]
    assert reply.parts == (ToolCallPart(call_id="call_2_0", tool="find", arguments="{oops", step=2),)
    assert [request.step for request in model.requests] == [0, 1, 2]
    assert len(model.deltas) == 6


async def test_failures_are_attempts_of_the_step_after_them() -> None:
    model = ScriptedModel([fail(ModelUnavailable("one")), [say("Hel"), fail(ModelUnavailable("two"))], say("Hello")])
    for message in ("one", "two"):
        with pytest.raises(ModelUnavailable, match=message):
            await reply_of(model, ask())
    assert [delta.text for delta in model.deltas] == ["Hel"]
    for _ in range(2):
        assert (await reply_of(model, ask())).parts == (TextPart(text="Hello"),)


async def test_a_failure_at_the_end_stays() -> None:
    model = ScriptedModel([fail(ModelUnavailable("always"))])
    for _ in range(3):
        with pytest.raises(ModelUnavailable):
            await reply_of(model, ask())


async def test_a_script_that_has_ended_says_so() -> None:
    with pytest.raises(TerminalError, match="has 1 steps"):
        await reply_of(ScriptedModel([say("Hi")]), ask(step=1))


async def test_a_gate_holds_the_stream() -> None:
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def gate(step: int, delta: int) -> None:
        if (step, delta) == (0, 1):
            reached.set()
            await go_on.wait()

    model = ScriptedModel([say("one two")], gate=gate)
    async with aclosing(model.stream(ask())) as events:
        assert isinstance(await anext(events), ModelDelta)
        second = asyncio.ensure_future(anext(events))
        await reached.wait()
        assert not second.done()
        go_on.set()
        assert getattr(await second, "text", None) == "two"
