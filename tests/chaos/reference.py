"""The reference turn of the kill matrix, run by a child process that may be told to die.

A sleep, an event, then a model step with three calls side by side (read-only, idempotent, undeclared) and a model step
that answers. Every effect is written to a ledger outside the store, in the order in which it really happened.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator
from pathlib import Path

import msgspec

from perdure import Agent, App, Context, ToolContext, current_step, tool
from perdure.agents.loop import PREFIX, run_turn
from perdure.agents.state import TurnInput
from perdure.core import topics
from perdure.models.protocol import ModelEvent, ModelRequest
from perdure.runs.run_context import AttemptContext
from perdure.runs.workflow import Workflow
from perdure.stores.port import Store
from perdure.testing.crashing import CrashingStore, CrashPoint, CrashPoints
from perdure.testing.scripted import ScriptedModel, call, calls, say

ANSWER = "All three are done."
THREAD = "thread"
SEND = "the-one"


class Entry(msgspec.Struct, frozen=True):
    """One line of the ledger: an effect that began (`start`) or whose outcome was there (`end`)."""

    what: str
    moment: str
    position: str
    key: str
    token: int
    attempt: int


class Ledger:
    """A file that survives whoever writes it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def write(self, what: str, moment: str) -> None:
        step = current_step()
        assert step is not None
        entry = Entry(what, moment, step.position, step.idempotency_key, step.token, step.attempt)
        handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(handle, msgspec.json.encode(entry) + b"\n")
        os.close(handle)

    def read(self) -> list[Entry]:
        if not self._path.exists():
            return []
        return [msgspec.json.decode(line, type=Entry) for line in self._path.read_bytes().splitlines()]


class Effects:
    """Effects, each with three places to die."""

    def __init__(self, ledger: Ledger, points: CrashPoints) -> None:
        self._ledger = ledger
        self._points = points

    async def happen(self, what: str) -> None:
        named = self._points.name(f"effect {what}")
        self._points.reach(named, "before")
        self._ledger.write(what, "start")
        self._points.reach(named, "landed")  # inside
        await asyncio.sleep(0)
        self._ledger.write(what, "end")
        self._points.reach(named, "after")


class Watched(ScriptedModel):
    """A model whose calls are effects too."""

    effects: Effects | None = None

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        assert self.effects is not None
        await self.effects.happen(f"model {request.step}")
        async for event in super().stream(request):
            yield event


class Reference(App):
    """The app, on a store of crash points."""

    def __init__(self, url: str, points: CrashPoints, workflow: Workflow[..., None]) -> None:
        super().__init__(url, workflows=[workflow])
        self._points = points

    async def open_store(self) -> Store:
        return CrashingStore(await super().open_store(), self._points)


def workflow_of(effects: Effects) -> Workflow[..., None]:
    @tool(read_only=True)
    async def look(ctx: ToolContext) -> str:
        await effects.happen("look")
        return f"looked by {ctx.call_id}"

    @tool(idempotent=True)
    async def book(ctx: ToolContext) -> str:
        await effects.happen("book")
        return f"booked under {ctx.idempotency_key}"

    @tool
    async def note() -> str:
        await effects.happen("note")
        return "noted"

    async def after_the_first(step: int, delta: int) -> None:
        if delta == 1:  # so that the first delta is durable before the model's step ends
            await asyncio.sleep(0.05)

    model = Watched([calls(call("look"), call("book"), call("note")), say(ANSWER)], gate=after_the_first)
    model.effects = effects
    agent = Agent("reference", model=model, tools=[look, book, note])

    async def turn(ctx: Context, given: TurnInput) -> None:
        await ctx.sleep(0.001)
        assert await ctx.await_event("go") == "now"
        await run_turn(AttemptContext(ctx), agent, given, "perdure:extractive")

    return Workflow(turn, name=f"{PREFIX}{agent.name}")


async def play(url: str, ledger: Path, point: CrashPoint | None) -> list[str]:
    """Run the turn to its end, or to the point of death; what an earlier process began is continued."""
    points = CrashPoints(point)
    workflow = workflow_of(Effects(Ledger(ledger), points))
    async with Reference(url, points, workflow) as app:
        thread = await app.threads.create("reference", thread_id=THREAD)
        turn = await thread.send("Do all three", idempotency_key=SEND)
        await _waiting(app.store, turn.run_id)
        await app.emit_event(turn.run_id, "go", "now")
        await turn.result()
    return points.labels


async def _waiting(store: Store, run_id: str) -> None:
    """Wait until the run waits, so that its suspension never races with the event; unseen by the crash points."""
    assert isinstance(store, CrashingStore)
    watch = store.inner.watch(topics.run(None, run_id))
    while (run := await store.inner.runs.get(run_id, tenant=None)) is None or run.status in {"queued", "running"}:
        await watch.wait()
    watch.close()


def play_in_process(url: str, ledger: Path, point: CrashPoint | None, labels: Path | None = None) -> None:
    """The body of a child."""
    passed = asyncio.run(play(url, ledger, point))
    if labels is not None:
        labels.write_text("\n".join(passed))
