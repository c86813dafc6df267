"""After stops, tools that raise and refusals: what the thread says is so, and its next send is accepted."""

from __future__ import annotations

import asyncio

import pytest

from perdure import Agent, Retry, Thread
from perdure.core.messages import Message, ToolCallPart
from perdure.errors import RunFailed
from perdure.models.compatible import OpenAICompatible
from tests.agents.conftest import Stage
from tests.models.loopback import Loopback, Scenario, Stall, call, refuse, say, text, tool_call

AGAIN = Retry(attempts=2, initial=0.001, cap=0.002)


async def opened(stage: Stage, server: Loopback, *scenarios: Scenario, tools: tuple[object, ...] = ()) -> Thread:
    server.play(*scenarios)
    model = OpenAICompatible("any", base_url=server.base_url)
    return await stage.open(Agent("assistant", model=model, tools=tools, retry=AGAIN))  # pyright: ignore[reportArgumentType]


async def next_send(thread: Thread, server: Loopback) -> list[dict[str, object]]:
    """What the next send asks; the server refuses what some provider would."""
    server.play(say("Yes."))
    message = await (await thread.send("And now?")).result()
    assert (message.status, message.text, server.refused) == ("complete", "Yes.", [])
    return server.requests[0].body["messages"]


def states(message: Message) -> list[tuple[str, str | None]]:
    return [(part.state, part.error_code) for part in message.parts if isinstance(part, ToolCallPart)]


@pytest.mark.parametrize(
    ("acts", "said", "found"),
    [
        ((Stall(),), "", []),
        ((*text("Loo", "king"), Stall()), "Looking", []),
        ((*text("Looking"), *tool_call(0, "c1", "pay", '{"am'), Stall()), "Looking", [("failed", "model_cut_off")]),
        ((*tool_call(0, "c1", "pay", '{"amount": 2}'), Stall()), "", [("failed", "model_cut_off")]),
    ],
    ids=["before the first word", "in a word", "in a call", "after a call"],
)
async def test_a_stop_in_a_stream_leaves_what_was_said(
    stage: Stage, strict: Loopback, acts: tuple[Stall, ...], said: str, found: list[tuple[str, str]]
) -> None:
    ran = list[int]()

    def pay(amount: int = 1) -> str:
        ran.append(amount)
        return "paid"

    thread = await opened(stage, strict, Scenario(acts=acts), tools=(pay,))
    turn = await thread.send("Well?")
    kinds = {"text"} if said and not found else {"tool_input"}
    if said or found:
        seen = ""
        async for chunk in turn.stream():
            seen += chunk.text if chunk.kind in kinds else ""
            if (seen == said and not found) or (found and chunk.text in {'{"am', '{"amount": 2}'}):
                break
    else:
        while not strict.requests:  # noqa: ASYNC110 - the server is in another thread
            await asyncio.sleep(0.001)
    message = await turn.stop("enough")
    assert (message.status, message.text, states(message), ran) == ("stopped", said, found, [])
    record = await thread.record()
    assert (record.status, record.reason) == ("stopped", "enough")
    assert await asyncio.to_thread(strict.requests[0].left.wait, 5)
    await next_send(thread, strict)


async def test_a_stop_while_tools_run_side_by_side_tells_each_apart(stage: Stage, strict: Loopback) -> None:
    running, ended = asyncio.Event(), asyncio.Event()

    async def slow() -> str:
        running.set()
        await asyncio.Event().wait()
        return "never"

    async def quick() -> str:
        ended.set()
        return "done"

    def broken() -> str:
        raise RuntimeError("no")

    asked = call(*(tool_call(n, f"c{n}", name, "{}") for n, name in enumerate(("slow", "quick", "broken", "gone"))))
    thread = await opened(stage, strict, asked, tools=(slow, quick, broken))
    turn = await thread.send("Well?")
    results = 0
    async for chunk in turn.stream():
        results += chunk.kind == "tool_result"
        if results == 3:
            break
    await running.wait()
    message = await turn.stop()
    assert states(message) == [
        ("in_doubt", "tool_in_doubt"),
        ("completed", None),
        ("failed", "tool_failed"),
        ("failed", "tool_not_found"),
    ]
    shown = [str(each["content"]) for each in await next_send(thread, strict) if each["role"] == "tool"]
    assert len(shown) == 4
    assert "not known" in shown[0]
    assert shown[1] == "done"
    assert "RuntimeError: no" in shown[2]


class Odd(Exception):
    def __str__(self) -> str:
        raise ValueError("no text either")


@pytest.mark.parametrize(
    "raised",
    [
        RuntimeError("no"),
        Odd(),
        KeyError(),
        ExceptionGroup("several", [ValueError("a"), OSError("b")]),
        OSError("\ud800"),
    ],
    ids=["plain", "without a text", "empty", "a group", "half an emoji"],
)
async def test_what_a_tool_raises_is_told_to_the_model(stage: Stage, strict: Loopback, raised: Exception) -> None:
    def pay() -> str:
        raise raised

    thread = await opened(stage, strict, call(tool_call(0, "c1", "pay", "{}")), say("It failed."), tools=(pay,))
    message = await (await thread.send("Pay")).result()
    assert (message.status, message.text, states(message)) == ("complete", "It failed.", [("failed", "tool_failed")])
    assert type(raised).__name__ in str(strict.requests[1].body["messages"][-1]["content"])
    await next_send(thread, strict)


@pytest.mark.parametrize(
    ("status", "asked", "cause"),
    [
        (400, 1, "ModelRequestInvalid"),
        (401, 1, "ModelAuthFailed"),
        (404, 1, "ModelRequestInvalid"),
        (408, 2, "ModelUnavailable"),
        (409, 2, "ModelUnavailable"),
        (413, 1, "ModelContextTooLong"),
        (429, 2, "ModelRateLimited"),
        (500, 2, "ModelUnavailable"),
        (503, 2, "ModelUnavailable"),
        (529, 2, "ModelUnavailable"),
    ],
)
async def test_after_a_refusal_the_thread_says_why_and_goes_on(
    stage: Stage, strict: Loopback, status: int, asked: int, cause: str
) -> None:
    thread = await opened(stage, strict, *[refuse(status, {"message": "no"})] * 2)
    turn = await thread.send("Well?")
    with pytest.raises(RunFailed):
        await turn.result()
    record = await thread.record()
    assert len(strict.requests) == asked
    assert record.failure is not None
    assert (record.status, record.failure.cause_type) == ("failed", cause)
    assert f"HTTP {status}" in record.failure.message
    await next_send(thread, strict)


@pytest.mark.parametrize(
    "pause", ["0", "-5", "soon", "1e999", "nan", "", "Thu, 01 Jan 1970 00:00:00 GMT", "9" * 400, "0.001", "99:99"]
)
async def test_a_pause_that_is_past_or_makes_no_sense_is_not_waited_for(
    stage: Stage, strict: Loopback, pause: str
) -> None:
    thread = await opened(stage, strict, refuse(429, {"message": "no"}, {"retry-after": pause}), say("Now."))
    message = await asyncio.wait_for((await thread.send("Well?")).result(), 5)
    assert (message.text, len(strict.requests)) == ("Now.", 2)
