"""Agents, tools, threads and turns."""

from collections.abc import AsyncGenerator
from typing import assert_type

import perdure
from perdure.core.chunks import Chunk
from perdure.core.messages import Message
from perdure.core.threads import ThreadRecord
from perdure.testing.scripted import ScriptedModel

app = perdure.App()


def get_weather(city: str) -> str:
    return f"14 °C and rain in {city}"


@perdure.tool
async def refund(ctx: perdure.ToolContext, order: int) -> str:
    assert_type(ctx.idempotency_key, str)
    assert_type(ctx.attempt, int)
    return "done"


@perdure.tool(read_only=True, timeout=30, retry=perdure.Retry(attempts=2))
def find_order(order: int) -> dict[str, int]:
    return {}


assert_type(refund, perdure.Tool)
assert_type(find_order, perdure.Tool)
perdure.tool(in_doubt="sometimes")  # error: reportArgumentType
perdure.tool(readonly=True)  # error: reportCallIssue
perdure.tool(7)  # error: reportArgumentType

assistant = perdure.Agent("assistant", tools=[get_weather, refund, find_order], settings={"temperature": 0})
assert_type(assistant.with_model("openai:gpt-5-mini"), perdure.Agent)
assert_type(app.add(assistant), perdure.Agent)
perdure.Agent("assistant", model=ScriptedModel([]))
perdure.Agent("assistant", model=7)  # error: reportArgumentType
perdure.Agent("assistant", tools=[7])  # error: reportArgumentType
perdure.Agent("assistant", "Be brief.")  # error: reportCallIssue
perdure.App(agents=[get_weather])  # error: reportArgumentType


async def conversation() -> None:
    thread = await app.threads.create(assistant, owner="ana", metadata={"plan": "pro"})
    assert_type(thread, perdure.Thread)
    assert_type(app.thread("ana:1"), perdure.Thread)
    assert_type(await app.threads.list(owner="ana"), list[ThreadRecord])
    turn = await thread.send("Weather in Oslo?", idempotency_key="1")
    assert_type(turn, perdure.Turn)
    assert_type(turn.stream(after=None), AsyncGenerator[Chunk, None])
    async for chunk in turn.stream():
        assert_type(chunk.text, str)
    assert_type(await turn.result(), Message)
    assert_type(await turn.stop(), Message)
    assert_type(await thread.turn(), perdure.Turn | None)
    assert_type(await thread.turns(), list[perdure.Turn])
    assert_type(await thread.messages(), list[Message])
    assert_type(await thread.stop(), ThreadRecord)
    await thread.send(7)  # error: reportArgumentType
    await thread.send("Weather?", "1")  # error: reportCallIssue
    await app.threads.create(7)  # error: reportArgumentType
