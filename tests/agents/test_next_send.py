"""After every kill, failure and odd reply, the strictest provider takes the next send; `stage` asks it after each."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from perdure import Agent
from perdure.core.messages import ToolCallPart
from perdure.errors import ModelRequestInvalid, RunFailed
from perdure.testing.scripted import Call, Entry, call, calls, fail, say, think
from tests.agents.conftest import Stage
from tests.agents.killed_turn import app_of
from tests.models.loopback import Loopback

REFUSED = fail(ModelRequestInvalid("no", status=400))

ODD: dict[str, list[Entry]] = {
    "a made-up name": [call("look.at it!", place="a"), say("Then not.")],
    "no name": [Call("", "{}"), say("Then not.")],
    "arguments that are no JSON": [Call("look", '{"place": oops'), say("Then not.")],
    "arguments that are a list": [Call("look", "[1]"), say("Then not.")],
    "NaN": [Call("look", '{"place": NaN}'), say("Then not.")],
    "nothing at all": [say("")],
    "blanks": [say(" \n")],
    "a thought alone": [think("Hm.")],
    "a failure before the first word": [REFUSED],
    "a failure in an answer": [[say("Half an ans"), REFUSED]],
    "a failure in a thought": [[think("Hm."), REFUSED]],
    "a failure in a call": [[call("look", place="a"), REFUSED]],
    "a failure after a call": [call("look", place="a"), REFUSED],
    "one call too many": [calls(call("look", place="a"), call("look", place="b"))] * 3,
}


@pytest.mark.parametrize("reply", ODD)
async def test_after_an_odd_reply_or_a_failure_the_next_send_is_accepted(
    stage: Stage, strict: Loopback, reply: str
) -> None:
    def look(place: str) -> str:
        return ""

    thread = await stage.open(Agent("assistant", model=stage.scripted(*ODD[reply]), tools=[look], max_steps=2))
    turn = await thread.send("Look")
    try:
        await turn.result()
    except RunFailed:
        assert "failure" in reply or "too many" in reply
    await stage.ask_strictly(strict)
    asked = strict.requests[0].body["messages"]
    assert [asked[0]["role"], asked[1]["content"], asked[-1]["content"]] == ["system", "Look", "And now?"]


@pytest.mark.chaos
@pytest.mark.parametrize("where", ["tool", "answer"])
async def test_after_a_kill_the_next_send_is_accepted(tmp_path: Path, strict: Loopback, where: str) -> None:
    url = f"sqlite:///{tmp_path}/perdure.db"
    module = "tests.agents.killed_turn"
    child = await asyncio.create_subprocess_exec(sys.executable, "-m", module, url, env={**os.environ, "DIE_IN": where})
    assert await child.wait() == -signal.SIGKILL
    made = Stage(url)
    async with made.stack:
        made.app = await made.stack.enter_async_context(app_of(url))
        turn = await made.app.thread("thread").turn()
        assert turn is not None
        reply = await turn.result()
        first = next(part for part in reply.parts if isinstance(part, ToolCallPart))
        assert first.state == ("in_doubt" if where == "tool" else "completed")
        assert reply.text == "Paying. It is paid now."
        await made.ask_strictly(strict)
        assert strict.requests[0].body["messages"][-1]["content"] == "And now?"
        assert (await (await made.app.thread("thread").send("So?")).result()).text == "Yes."
