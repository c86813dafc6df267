"""A turn, end to end: what is asked, what is run, what is kept."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from perdure import Agent, ToolContext, tool
from perdure.agents.history import NEVER_RAN
from perdure.core.messages import TextPart, ToolCallPart
from perdure.errors import (
    MessageEmpty,
    ModelRequestInvalid,
    ModelUnavailable,
    NotStorable,
    RunFailed,
    RunInputMismatch,
    ThreadBusy,
    ThreadNotFound,
)
from perdure.testing.scripted import Call, ScriptedModel, call, calls, fail, say
from tests.agents.conftest import Stage, folded


async def test_the_answer_is_one_message_with_its_parts_in_order(stage: Stage) -> None:
    def weather(city: str) -> str:
        return f"rain in {city}"

    model = stage.scripted([say("Let me look."), call("weather", city="Oslo")], say("It rains."))
    reply = await stage.talk(model, "Weather in Oslo?", tools=[weather])
    text, looked, answer = reply.parts
    assert isinstance(text, TextPart)
    assert isinstance(looked, ToolCallPart)
    assert (looked.state, looked.output, looked.step) == ("completed", "rain in Oslo", 0)
    assert isinstance(answer, TextPart)
    assert (answer.text, answer.step) == ("It rains.", 1)
    assert (reply.role, reply.status, reply.finish_reason, reply.model) == ("assistant", "complete", "stop", model.name)
    assert reply.usage is not None
    assert reply.usage.requests == 2
    assert stage.app is not None
    messages = await stage.app.thread("thread").messages()
    assert [(message.role, message.turn, message.place) for message in messages] == [
        ("user", 1, 0),
        ("assistant", 1, 1),
    ]


async def test_parallel_calls_run_side_by_side_and_the_model_sees_every_result(stage: Stage) -> None:
    both = asyncio.Barrier(2)

    async def look(place: str) -> str:
        await both.wait()
        return f"seen {place}"

    model = stage.scripted(calls(call("look", place="a"), call("look", place="b")), say("Done."))
    await stage.talk(model, tools=[look])
    asked = model.requests[1].messages[-1]
    assert [part.output for part in asked.parts if isinstance(part, ToolCallPart)] == ["seen a", "seen b"]


async def test_an_unknown_tool_is_an_error_for_the_model_and_the_turn_goes_on(stage: Stage) -> None:
    model = stage.scripted(call("nowhere", x=1), say("Then not."))
    reply = await stage.talk(model)
    part = reply.parts[0]
    assert isinstance(part, ToolCallPart)
    assert (part.state, part.error_code) == ("failed", "tool_not_found")
    assert reply.text == "Then not."


@pytest.mark.parametrize("arguments", ['{"count": "many"}', '{"other": 1}', "[1]", "{", ""])
async def test_arguments_that_do_not_fit_never_reach_the_tool(stage: Stage, arguments: str) -> None:
    ran = list[int]()

    def repeat(count: int) -> int:
        ran.append(count)
        return count

    reply = await stage.talk(stage.scripted(Call("repeat", arguments), say("Sorry.")), tools=[repeat])
    part = reply.parts[0]
    assert isinstance(part, ToolCallPart)
    assert (part.state, part.error_code, part.arguments) == ("failed", "tool_input_invalid", arguments)
    assert ran == []
    assert reply.text == "Sorry."


async def test_a_tool_that_raises_is_told_to_the_model_once(stage: Stage) -> None:
    ran = list[str]()

    def break_down() -> None:
        ran.append("once")
        raise ValueError("no such order")

    reply = await stage.talk(stage.scripted(call("break_down"), say("It failed.")), tools=[break_down])
    part = reply.parts[0]
    assert isinstance(part, ToolCallPart)
    assert (part.state, part.error, part.error_code) == ("failed", "ValueError: no such order", "tool_failed")
    assert ran == ["once"]


async def test_arguments_and_results_have_the_types_of_the_annotations(stage: Stage) -> None:
    seen = list[Decimal]()

    @tool(idempotent=True)
    async def refund(ctx: ToolContext, amount: Decimal) -> Decimal:
        assert ctx.thread_id == "thread"
        assert len(ctx.idempotency_key) == 40
        assert ctx.attempt == 1
        seen.append(amount)
        return amount * 2

    reply = await stage.talk(stage.scripted(call("refund", amount="10.50"), say("Done.")), tools=[refund])
    part = reply.parts[0]
    assert isinstance(part, ToolCallPart)
    assert seen == [Decimal("10.50")]
    assert part.output == "21.00"


async def test_a_result_that_cannot_be_stored_fails_the_call_and_never_runs_it_again(stage: Stage) -> None:
    ran = list[int]()

    def connect():  # noqa: ANN202 - what it returns is not known before it runs
        ran.append(1)
        return object()

    reply = await stage.talk(stage.scripted(call("connect"), say("Hm.")), tools=[connect])
    part = reply.parts[0]
    assert isinstance(part, ToolCallPart)
    assert (part.state, part.error_code) == ("failed", "not_storable")
    assert ran == [1]
    assert reply.text == "Hm."


@pytest.mark.parametrize("key", [None, "deeper"])
async def test_a_result_too_deep_to_be_sent_fails_the_call_and_no_later_send(stage: Stage, key: str | None) -> None:
    def dig() -> object:
        found: object = []
        for _ in range(300):
            found = [found] if key is None else {key: found}
        return found

    reply = await stage.talk(stage.scripted(call("dig"), say("Too deep."), say("Yes.")), tools=[dig])
    part = reply.parts[0]
    assert isinstance(part, ToolCallPart)
    assert (part.state, part.error_code, part.output) == ("failed", "not_storable", None)
    assert "nested deeper than 100" in (part.error or "")
    assert stage.app is not None
    assert (await (await stage.app.thread("thread").send("So?")).result()).text == "Yes."


async def test_arguments_too_deep_to_be_sent_are_refused_to_the_model(stage: Stage) -> None:
    def look(place: list[list[list[int]]]) -> str:
        return "seen"

    arguments = '{"place": ' + "[" * 300 + "]" * 300 + "}"
    reply = await stage.talk(stage.scripted(Call("look", arguments), say("Too deep.")), tools=[look])
    part = reply.parts[0]
    assert isinstance(part, ToolCallPart)
    assert (part.state, part.error_code, part.arguments) == ("failed", "tool_input_invalid", arguments)


async def test_a_model_error_before_or_in_an_answer_is_retried_and_takes_its_words_back(stage: Stage) -> None:
    model = stage.scripted(
        fail(ModelUnavailable("down", retry_after=0.0)),
        [say("Half an ans"), fail(ModelUnavailable("reset", retry_after=0.0))],
        say("The whole answer."),
    )
    thread = await stage.open(Agent("assistant", model=model))
    turn = await thread.send("Hello?")
    fold = await folded(turn.stream())
    reply = await turn.result()
    assert reply.text == fold.text == "The whole answer."
    assert fold.gaps == 0
    assert len(model.requests) == 3


async def test_a_model_error_that_no_retry_helps_fails_the_turn_with_its_reason(stage: Stage) -> None:
    model = stage.scripted([say("Half an ans"), fail(ModelRequestInvalid("no such model", status=404))])
    thread = await stage.open(Agent("assistant", model=model))
    turn = await thread.send("Hello?")
    with pytest.raises(RunFailed) as failed:
        await turn.result()
    assert failed.value.cause_type == "ModelRequestInvalid"
    reply = await turn.message()
    assert (reply.status, reply.text) == ("failed", "Half an ans")
    record = await thread.record()
    assert record.status == "failed"
    assert record.failure is not None
    assert "no such model" in record.failure.message
    assert (await folded(turn.stream())).text == "Half an ans"
    assert len(model.requests) == 1


async def test_a_turn_sees_the_turns_before_it_and_a_failed_one_does_not_poison_it(stage: Stage) -> None:
    model = stage.scripted([call("nothing"), fail(ModelRequestInvalid("no"))], say("Never."), say("Second."))
    thread = await stage.open(Agent("assistant", model=model))
    first = await thread.send("One?")
    with pytest.raises(RunFailed):
        await first.result()
    second = await (await thread.send("Two?")).result()
    assert second.text == "Second."
    history = model.requests[-1].messages
    assert [message.role for message in history] == ["user", "assistant", "user"]
    orphan = history[1].parts[0]
    assert isinstance(orphan, ToolCallPart)
    assert orphan.error is not None


async def test_a_second_send_is_refused_while_a_turn_runs(stage: Stage) -> None:
    held = asyncio.Event()

    async def hold(_step: int, _delta: int) -> None:
        await held.wait()

    thread = await stage.open(Agent("assistant", model=stage.scripted(say("One."), say("Two."), gate=hold)))
    turn = await thread.send("One?")
    with pytest.raises(ThreadBusy) as busy:
        await thread.send("Two?")
    assert busy.value.run_id == turn.run_id
    assert len(await thread.messages()) == 2
    held.set()
    await turn.result()
    assert (await (await thread.send("Two?")).result()).text == "Two."


async def test_a_send_can_be_repeated_under_its_key(stage: Stage) -> None:
    thread = await stage.open(Agent("assistant", model=stage.scripted(say("One."))))
    turn = await thread.send("One?", idempotency_key="k")
    again = await thread.send("One?", idempotency_key="k")
    assert (again.run_id, again.number) == (turn.run_id, 1)
    assert (await again.result()).text == "One."
    assert len(await thread.messages()) == 2
    with pytest.raises(RunInputMismatch):
        await thread.send("Another?", idempotency_key="k")


async def test_every_edge_of_the_status_is_one_event_in_order(stage: Stage) -> None:
    thread = await stage.open(Agent("assistant", model=stage.scripted(say("One."))))
    await (await thread.send("One?")).result()
    edges = [(event.body["from"], event.body["to"]) async for event in thread.events() if event.kind == "status"]
    assert edges == [("idle", "queued"), ("queued", "running"), ("running", "completed")]
    assert [event.seq async for event in thread.events()] == list(range(1, len(edges) + 1))


@pytest.mark.parametrize("text", ["", "   ", "\n"])
async def test_a_message_without_content_is_refused_before_anything_changed(stage: Stage, text: str) -> None:
    thread = await stage.open(Agent("assistant", model=stage.scripted(say("One."))))
    with pytest.raises(MessageEmpty) as refused:
        await thread.send(text)
    assert refused.value.field == "text"
    assert await thread.messages() == []


async def test_settings_pass_from_agent_thread_and_send_in_this_order(stage: Stage) -> None:
    model = stage.scripted(say("One."))
    await stage.open(Agent("assistant", model=model, settings={"temperature": 0, "max_tokens": 5, "a": 1}))
    assert stage.app is not None
    thread = await stage.app.threads.create("assistant", settings={"max_tokens": 7, "b": 2})
    await (await thread.send("One?", settings={"b": 3})).result()
    assert model.requests[0].settings == {"temperature": 0, "max_tokens": 7, "a": 1, "b": 3}
    with pytest.raises(NotStorable):
        await thread.send("Two?", settings={"x": float("nan")})


async def test_a_deleted_thread_takes_all_that_is_its_own(stage: Stage) -> None:
    thread = await stage.open(Agent("assistant", model=stage.scripted(say("One."))))
    turn = await thread.send("One?")
    await turn.result()
    assert stage.app is not None
    await stage.app.threads.delete(thread.id)
    with pytest.raises(ThreadNotFound):
        await thread.record()
    assert await stage.app.store.runs.get(turn.run_id, tenant=None) is None
    assert await stage.app.store.messages.get(thread.id, turn.message_id, tenant=None) is None


async def test_a_turn_that_never_ends_is_bounded_and_its_last_calls_are_never_run(stage: Stage) -> None:
    ran = list[int]()

    def again() -> int:
        ran.append(1)
        return 1

    model = ScriptedModel([call("again")] * 5)
    thread = await stage.open(Agent("assistant", model=model, tools=[again], max_steps=3))
    turn = await thread.send("Go")
    fold = await folded(turn.stream())
    with pytest.raises(RunFailed) as failed:
        await turn.result()
    assert failed.value.cause_type == "TurnTooLong"
    assert len(model.requests) == 3
    assert len(ran) == 2
    reply = await turn.message()
    parts = [part for part in reply.parts if isinstance(part, ToolCallPart)]
    assert [part.state for part in parts] == ["completed", "completed", "failed"]
    assert (parts[-1].error, parts[-1].error_code) == (NEVER_RAN, "turn_too_long")
    results = [(chunk.part, chunk.error) for chunk in fold.chunks if chunk.kind == "tool_result"]
    assert results == [(0, None), (1, None), (2, NEVER_RAN)]
