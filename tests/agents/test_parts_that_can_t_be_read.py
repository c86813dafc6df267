"""A stored call that this version can't read whole is still a call: no run diverges, and no later turn forgets it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import apsw
import msgspec
import pytest

from perdure import Agent, App
from perdure.core.messages import Message, Part, ToolCallPart, UnknownPart, call_of
from perdure.core.values import Value
from perdure.models.protocol import ModelRequest
from perdure.testing.scripted import ScriptedModel, call, calls, say
from tests.agents.conftest import Stage
from tests.models.loopback import Loopback

CHANGES: dict[str, dict[str, Value]] = {
    "an id that is a number": {"call_id": 7},
    "arguments that are an object": {"arguments": {"amount": 1}},
    "a state of a later version": {"state": "expired"},
    "a step that is a text": {"step": "one"},
    "details that are a list": {"provider": [1]},
}


def rewrite(path: Path, changes: dict[str, Value]) -> None:
    """Change the stored call as another version may have written it."""
    connection: Any = apsw.Connection(str(path))
    (key, body), *_ = [row for row in connection.execute("SELECT id, body FROM parts") if b"tool_call" in bytes(row[1])]
    raw = msgspec.json.decode(bytes(body)) | changes
    connection.execute("UPDATE parts SET body = ? WHERE id = ?", (msgspec.json.encode(raw), key))
    connection.close()


@pytest.mark.parametrize("changes", CHANGES.values(), ids=CHANGES)
async def test_a_turn_goes_on_though_its_stored_call_can_t_be_read_whole(
    tmp_path: Path, strict: Loopback, changes: dict[str, Value]
) -> None:
    path, running, ran = tmp_path / "perdure.db", asyncio.Event(), list[int]()

    async def pay(amount: int = 1) -> str:
        ran.append(amount)
        running.set()
        await asyncio.Event().wait()
        return "paid"

    def app() -> App:
        model = ScriptedModel([calls(say("Paying. "), call("pay")), say("It is not known."), say("Yes.")])
        return App(f"sqlite:///{path}", agents=[Agent("assistant", model=model, tools=[pay])], grace=0.0)

    async with app() as first:
        thread = await first.threads.create("assistant", thread_id="thread")
        await thread.send("Pay")
        await running.wait()
    rewrite(path, changes)
    stage = Stage(f"sqlite:///{path}")
    async with app() as second:
        turn = await second.thread("thread").turn()
        assert turn is not None
        reply = await asyncio.wait_for(turn.result(), 5)
        assert (reply.status, reply.text, ran) == ("complete", "Paying. It is not known.", [1])
        stage.app = second
        await stage.ask_strictly(strict)
        roles = [message["role"] for message in strict.requests[0].body["messages"]]
        assert roles.count("tool") == 1


@pytest.mark.parametrize("changes", CHANGES.values(), ids=CHANGES)
async def test_a_later_turn_is_told_of_a_call_that_can_t_be_read_whole(
    tmp_path: Path, changes: dict[str, Value]
) -> None:
    def pay() -> str:
        return "paid"

    path = tmp_path / "perdure.db"
    script = [calls(call("pay")), say("Paid."), say("Yes.")]
    async with App(f"sqlite:///{path}", agents=[Agent("a", model=ScriptedModel(script), tools=[pay])]) as app:
        thread = await app.threads.create("a", thread_id="thread")
        await (await thread.send("Pay")).result()
    rewrite(path, changes)
    model = ScriptedModel(script)
    async with App(f"sqlite:///{path}", agents=[Agent("a", model=model, tools=[pay])]) as app:
        await (await app.thread("thread").send("And now?")).result()
    shown = shown_calls(model.requests[-1])
    assert [(part.tool, part.output) for part in shown] == [("pay", "paid")]


def shown_calls(request: ModelRequest) -> list[ToolCallPart]:
    messages: tuple[Message, ...] = request.messages
    return [part for message in messages for part in message.parts if isinstance(part, ToolCallPart)]


@pytest.mark.parametrize(
    ("part", "found"),
    [
        (ToolCallPart(call_id="c", tool="t"), ToolCallPart(call_id="c", tool="t")),
        (UnknownPart(kind="hologram", raw={"kind": "hologram", "tool": "t"}), None),
        (UnknownPart(kind="tool_call", raw={"call_id": 7, "tool": "t"}), ToolCallPart(call_id="7", tool="t")),
        (UnknownPart(kind="tool_call", raw={}, step=2), ToolCallPart(call_id="", tool="", step=2)),
        (
            UnknownPart(kind="tool_call", raw={"call_id": "c", "tool": "t", "state": "odd"}),
            ToolCallPart(call_id="c", tool="t", state="in_doubt"),
        ),
        (
            UnknownPart(kind="tool_call", raw={"call_id": 7, "tool": "t", "state": "failed", "error": {"a": 1}}),
            ToolCallPart(call_id="7", tool="t", state="failed", error='{"a":1}'),
        ),
    ],
)
def test_a_call_is_read_as_far_as_it_can_be(part: Part, found: ToolCallPart | None) -> None:
    assert call_of(part) == found
