"""What is written: commits and pages of a lone turn, a delta, a step and an event."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

from benchmarks.costs.limits import Sizes
from benchmarks.costs.log import Written, written
from perdure import Agent, App, Context, Run
from perdure.core.messages import TextPart, Usage
from perdure.models.protocol import ModelDelta, ModelEvent, ModelReply, ModelRequest
from perdure.testing.scripted import ScriptedModel, call, say

TURNS = 7


class Paced:
    """A model that says a word every 2 ms, so that each can have a commit of its own."""

    name = "bench:paced"

    def __init__(self, path: Path, words: int) -> None:
        self._path, self._words = path, words
        self.written = Written(0, 0)

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        await asyncio.sleep(0.02)
        before = written(self._path)
        for _ in range(self._words):
            yield ModelDelta(index=0, kind="text", text="word ")
            await asyncio.sleep(0.002)
        self.written = written(self._path).since(before)
        parts = (TextPart(text="word " * self._words, step=request.step),)
        yield ModelReply(parts=parts, finish_reason="stop", usage=Usage(requests=1), model=self.name)


async def measure(folder: Path, sizes: Sizes) -> dict[str, float | int | str]:
    """Shape: counts of the log; per delta and per step as a mean."""
    turn = await _turn(folder / "turn.db")
    paced = Paced(folder / "delta.db", min(sizes.deltas, 150))
    await _said(folder / "delta.db", paced)
    step, event = await _step_and_event(folder / "step.db")
    return {
        "lone_turn_commits": turn.commits,
        "lone_turn_pages": turn.pages,
        "delta_commits": paced.written.commits,
        "delta_pages": round(paced.written.pages / max(1, paced.written.commits), 2),
        "step_commits": round(step.commits / 100, 2),
        "step_pages": round(step.pages / 100, 2),
        "event_wakeup_commits": event.commits,
        "event_wakeup_pages": event.pages,
    }


async def _turn(path: Path) -> Written:
    """A turn among those with the fewest commits: whether the claim shares the commit of the send is chance.

    Shape: the median of these by pages, so that a heartbeat in one of them does not count.
    """

    def look(at: str) -> str:
        """Look at something."""
        return f"seen: {at}"

    model = ScriptedModel([call("look", at="it"), say("Done.")] * (1 + TURNS))
    agent = Agent("lone", model=model, tools=[look])
    async with App(f"sqlite:///{path}", agents=[agent]) as app:
        thread = await app.threads.create(agent)
        await (await thread.send("Warm up")).result()
        turns = list[Written]()
        for _ in range(TURNS):
            before = written(path)
            await (await thread.send("Look at it")).result()
            turns.append(written(path).since(before))
        pages = sorted(turn.pages for turn in turns if turn.commits == min(turns).commits)
        return Written(min(turns).commits, pages[len(pages) // 2])


async def _said(path: Path, model: Paced) -> None:
    agent = Agent("paced", model=model)
    async with App(f"sqlite:///{path}", agents=[agent]) as app:
        await (await (await app.threads.create(agent)).send("Speak")).result()


async def _step_and_event(path: Path) -> tuple[Written, Written]:
    app = App(f"sqlite:///{path}")
    taken = list[Written]()

    async def no_op(number: int) -> int:
        return number

    @app.workflow
    async def count(ctx: Context) -> None:
        await ctx.step("first", no_op, 0)
        before = written(path)
        for number in range(100):
            await ctx.step("step", no_op, number)
        taken.append(written(path).since(before))
        await ctx.await_event("go")

    async with app:
        run = await app.start(count)
        await suspended(run)
        before = written(path)
        await run.emit_event("go")
        await run.result()
        return taken[0], written(path).since(before)


async def suspended(run: Run[Any]) -> None:
    """Return when the run waits."""
    while (await run.record()).status != "suspended":  # noqa: ASYNC110 - nothing tells when a run suspends
        await asyncio.sleep(0.005)
