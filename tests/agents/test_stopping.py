"""Stop: a fact, honoured within a bound; what was said is kept and marked."""

from __future__ import annotations

import asyncio

from perdure import Agent, tool
from perdure.core.messages import ToolCallPart
from perdure.testing.scripted import call, calls, say
from tests.agents.conftest import Stage, folded


class Hold:
    """Holds a model before one of its deltas."""

    def __init__(self, step: int, delta: int) -> None:
        self._at = (step, delta)
        self.reached = asyncio.Event()
        self.closed = False

    async def __call__(self, step: int, delta: int) -> None:
        if (step, delta) == self._at:
            self.reached.set()
            try:
                await asyncio.Event().wait()
            finally:
                self.closed = True


async def test_a_stop_in_an_answer_cancels_the_request_and_keeps_what_was_said(stage: Stage) -> None:
    hold = Hold(0, 2)
    thread = await stage.open(Agent("assistant", model=stage.scripted(say("One two three."), gate=hold)))
    turn = await thread.send("Count")
    await hold.reached.wait()
    reply = await turn.stop("enough")
    assert hold.closed
    assert (reply.status, reply.text) == ("stopped", "One two ")
    record = await thread.record()
    assert (record.status, record.reason) == ("stopped", "enough")
    fold = await folded(turn.stream())
    assert (fold.text, fold.gaps) == ("One two ", 0)
    assert (await turn.result()).text == "One two "


async def test_a_stop_before_the_first_word_leaves_an_empty_stopped_message(stage: Stage) -> None:
    hold = Hold(0, 0)
    thread = await stage.open(Agent("assistant", model=stage.scripted(say("One."), say("Two."), gate=hold)))
    turn = await thread.send("Count")
    await hold.reached.wait()
    reply = await turn.stop()
    assert (reply.status, reply.parts) == ("stopped", ())


async def test_a_stop_in_a_tool_records_it_as_in_doubt_and_the_thread_can_go_on(stage: Stage) -> None:
    running, cut = asyncio.Event(), list[str]()

    @tool
    async def pay() -> str:
        running.set()
        try:
            await asyncio.Event().wait()
        finally:
            cut.append("cut")
        return "paid"

    model = stage.scripted(calls(call("pay")), say("Again."))
    thread = await stage.open(Agent("assistant", model=model, tools=[pay]))
    turn = await thread.send("Pay")
    await running.wait()
    reply = await turn.stop()
    part = reply.parts[0]
    assert isinstance(part, ToolCallPart)
    assert (part.state, part.error_code, cut) == ("in_doubt", "tool_in_doubt", ["cut"])
    again = await (await thread.send("And now?")).result()
    assert again.text == "Again."
    shown = model.requests[-1].messages[1].parts[0]
    assert isinstance(shown, ToolCallPart)
    assert shown.error is not None


async def test_stopping_a_thread_that_does_not_run_changes_nothing(stage: Stage) -> None:
    thread = await stage.open(Agent("assistant", model=stage.scripted(say("One."))))
    assert (await thread.stop()).status == "idle"
    await (await thread.send("One?")).result()
    assert (await thread.stop()).status == "completed"


async def test_a_message_sent_after_a_stop_runs_at_once(stage: Stage) -> None:
    hold = Hold(0, 1)
    thread = await stage.open(Agent("assistant", model=stage.scripted(say("One two."), say("Three."), gate=hold)))
    turn = await thread.send("Count")
    await hold.reached.wait()
    await turn.stop()
    assert (await (await thread.send("Go on")).result()).text == "Three."
    statuses = [event.body["to"] async for event in thread.events()]
    assert statuses == ["queued", "running", "stopping", "stopped", "queued", "running", "completed"]
