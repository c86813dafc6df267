"""A person's answer about a tool call in doubt is what the model is told."""

from __future__ import annotations

import asyncio

import pytest

from perdure import Agent, App, tool
from perdure.core.messages import ToolCallPart
from perdure.core.values import Value
from perdure.testing.scripted import ScriptedModel, call, say


@pytest.mark.parametrize("value", ["paid by hand", {"paid": 7}, None])
async def test_the_value_that_a_person_gives_is_the_output_that_the_model_sees(value: Value) -> None:
    @tool(in_doubt="ask", timeout=0.01)
    async def pay() -> Value:
        await asyncio.Event().wait()

    model = ScriptedModel([call("pay"), say("Done.")])
    async with asyncio.timeout(20), App("memory:", agents=[Agent("assistant", model=model, tools=[pay])]) as app:
        turn = await (await app.threads.create("assistant")).send("Pay")
        while not (asked := await app.questions.list()):  # noqa: ASYNC110 - nothing tells of a question
            await asyncio.sleep(0.01)
        await app.questions.answer(asked[0].question_id, "value", value)
        reply = await turn.result()
    for parts in (reply.parts, model.requests[-1].messages[-1].parts):
        part = parts[0]
        assert isinstance(part, ToolCallPart)
        assert (part.state, part.output) == ("completed", value)


async def test_the_question_says_with_what_the_tool_was_called() -> None:
    @tool(in_doubt="ask", timeout=0.01)
    async def pay(to: str, amount: int) -> None:
        await asyncio.Event().wait()

    model = ScriptedModel([call("pay", to="Ana", amount=7), say("Done.")])
    async with asyncio.timeout(20), App("memory:", agents=[Agent("assistant", model=model, tools=[pay])]) as app:
        turn = await (await app.threads.create("assistant")).send("Pay")
        while not (asked := await app.questions.list()):  # noqa: ASYNC110 - nothing tells of a question
            await asyncio.sleep(0.01)
        await app.questions.answer(asked[0].question_id, "failed")
        await turn.result()
    assert "Step 'pay' of agent:assistant, called with {" in asked[0].prompt
    assert '"Ana"' in asked[0].prompt
    assert "7" in asked[0].prompt


@pytest.mark.parametrize("words", ["the bank says: never arrived", None])
async def test_that_a_person_says_failed_is_what_the_model_is_told(words: str | None) -> None:
    @tool(in_doubt="ask", timeout=0.01)
    async def pay() -> None:
        await asyncio.Event().wait()

    model = ScriptedModel([call("pay"), say("Done.")])
    async with asyncio.timeout(20), App("memory:", agents=[Agent("assistant", model=model, tools=[pay])]) as app:
        turn = await (await app.threads.create("assistant")).send("Pay")
        while not (asked := await app.questions.list()):  # noqa: ASYNC110 - nothing tells of a question
            await asyncio.sleep(0.01)
        await app.questions.answer(asked[0].question_id, "failed", words)
        reply = await turn.result()
    for parts in (reply.parts, model.requests[-1].messages[-1].parts):
        part = parts[0]
        assert isinstance(part, ToolCallPart)
        assert part.state == "failed"
        assert part.error == f"A person has looked, and says that this call failed. {words or ''}".strip()
