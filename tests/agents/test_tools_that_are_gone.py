"""A call that had begun, and whose tool is renamed or removed before it is over: it is in doubt, as with the tool."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from perdure import Agent, App, tool
from perdure.core.messages import ToolCallPart
from perdure.testing.scripted import ScriptedModel, call, say


@pytest.mark.parametrize("left", ["renamed", "removed"])
async def test_a_call_that_had_begun_is_in_doubt_whatever_became_of_its_tool(tmp_path: Path, left: str) -> None:
    url, running, paid = f"sqlite:///{tmp_path}/perdure.db", asyncio.Event(), list[str]()

    @tool
    async def pay() -> str:
        paid.append("pay")
        running.set()
        await asyncio.Event().wait()
        return "paid"

    @tool
    async def pay_once() -> str:
        paid.append("pay_once")
        return "paid"

    def model() -> ScriptedModel:
        return ScriptedModel((call("pay"), say("Done.")))

    async with asyncio.timeout(20):
        async with App(url, agents=[Agent("assistant", model=model(), tools=[pay])], grace=0.0) as app:
            await (await app.threads.create("assistant", thread_id="thread")).send("Pay")
            await running.wait()
        tools = [pay_once] if left == "renamed" else []
        async with App(url, agents=[Agent("assistant", model=model(), tools=tools)], grace=0.0) as app:
            run_turn = await app.thread("thread").turn()
            assert run_turn is not None
            reply = await run_turn.result()
    part = reply.parts[0]
    assert isinstance(part, ToolCallPart)
    assert (part.state, part.error_code, paid) == ("in_doubt", "tool_in_doubt", ["pay"])
