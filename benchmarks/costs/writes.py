"""What is asked and written for a single turn, a delta, a step, an event, and what the event wakes."""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.costs.held_claims import HeldApp
from benchmarks.costs.limits import Sizes
from benchmarks.costs.log import written
from benchmarks.costs.meter import TIMEOUT, Cost, Meter, regardless_of_time
from perdure import Agent, App, Context, Run
from perdure.core.messages import TextPart, Usage
from perdure.models.protocol import ModelDelta, ModelEvent, ModelReply, ModelRequest
from perdure.testing.scripted import ScriptedModel, call, say

TIMES = 7
STEPS = 100


class Paced:
    """A model that says a word every 2 ms, so that each can have a commit of its own."""

    name = "bench:paced"

    def __init__(self, path: Path, words: int) -> None:
        self._path, self._words = path, words
        self.meter: Meter | None = None
        self.words = list[Cost]()
        self.cost = Cost(0, 0, 0, 0)

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        await asyncio.sleep(0.02)
        before = last = self._now()
        for _ in range(self._words):
            yield ModelDelta(index=0, kind="text", text="word ")
            await asyncio.sleep(0.002)
            if self.meter is not None:
                now = self._now()
                self.words.append(now.since(last))
                last = now
        self.cost = self._now().since(before)
        parts = (TextPart(text="word " * self._words, step=request.step),)
        yield ModelReply(parts=parts, finish_reason="stop", usage=Usage(requests=1), model=self.name)

    def _now(self) -> Cost:
        return self.meter.now() if self.meter is not None else Cost(*written(self._path), 0, 0)


async def measure(folder: Path, sizes: Sizes) -> dict[str, float | int | str]:
    """Shape: counts; pages of a delta as a mean; all of a step as the median of some means; else a median of some."""
    with regardless_of_time():
        turn = await _turn(folder / "turn.db")
        delta, deltas = await _deltas(folder / "delta.db", min(sizes.deltas, 150))
        step, event, wakeup = await _step_event_and_wakeup(folder / "step.db")
    return {
        **_figures("lone_turn", turn),
        "delta_commits": delta.commits,
        "delta_pages": round(delta.pages / max(1, delta.commits), 2),
        "delta_statements": _usual([cost for cost in deltas if cost.commits] or [delta]).statements,
        **_figures("step", step, of=STEPS),
        **_figures("event", event),
        **_figures("wakeup", wakeup),
    }


def _figures(what: str, cost: Cost, of: int = 1) -> dict[str, float | int | str]:
    found = {"commits": cost.commits, "pages": cost.pages, "statements": cost.statements}
    return {f"{what}_{name}": count if of == 1 else round(count / of, 2) for name, count in found.items()}


def _usual(costs: Sequence[Cost]) -> Cost:
    """The median of those with the fewest commits: whether two share one is chance, and so is a heartbeat between."""
    fewest = min(cost.commits for cost in costs)
    usual = [cost for cost in costs if cost.commits == fewest]
    return Cost(*(round(statistics.median_low(of_kind)) for of_kind in zip(*usual, strict=True)))


async def _turn(path: Path) -> Cost:
    def look(at: str) -> str:
        """Look at something."""
        return f"seen: {at}"

    model = ScriptedModel([call("look", at="it"), say("Done.")] * (1 + TIMES))
    agent = Agent("lone", model=model, tools=[look])
    async with App(f"sqlite:///{path}", agents=[agent]) as app:
        thread = await app.threads.create(agent)
        await (await thread.send("Warm up")).result()
        meter, turns = Meter(path, app.store), list[Cost]()
        for _ in range(TIMES):
            before = meter.now()
            await (await thread.send("Look at it")).result()
            turns.append(meter.now().since(before))
        return _usual(turns)


async def _deltas(path: Path, words: int) -> tuple[Cost, list[Cost]]:
    """Shape: of all deltas together, and of each."""
    model = Paced(path, words)
    agent = Agent("paced", model=model)
    async with App(f"sqlite:///{path}", agents=[agent]) as app:
        model.meter = Meter(path, app.store)
        await (await (await app.threads.create(agent)).send("Speak")).result()
        return model.cost, model.words


async def _step_event_and_wakeup(path: Path) -> tuple[Cost, Cost, Cost]:
    """A wake-up is a claim, and all until the run waits again.

    Shape: of `STEPS` steps that follow each other, of an event, of a wake-up; each the usual one of `TIMES`.
    """
    app = HeldApp(f"sqlite:///{path}")
    taken, events, wakeups = list[Cost](), list[Cost](), list[Cost]()

    async def no_op(number: int) -> int:
        return number

    @app.workflow
    async def count(ctx: Context) -> None:
        for _ in range(TIMES):
            before = meter.now()
            for number in range(STEPS):
                await ctx.step("step", no_op, number)
            taken.append(meter.now().since(before))  # and nothing, each time that this is replayed
        for number in range(TIMES + 1):
            await ctx.await_event(f"go {number}")

    async with app:
        meter = Meter(path, app.held.inner)
        run = await app.start(count)
        await _waits_for(meter, run, "go 0")
        for number in range(TIMES):
            app.held.goes_on.clear()
            before = await meter.at_rest()
            await run.emit_event(f"go {number}")
            emitted = await meter.at_rest()
            app.held.goes_on.set()
            await _waits_for(meter, run, f"go {number + 1}")
            events.append(emitted.since(before))
            wakeups.append((await meter.at_rest()).since(emitted))
        await run.emit_event(f"go {TIMES}")
        await run.result()
        return _usual(taken[:TIMES]), _usual(events), _usual(wakeups)


async def _waits_for(meter: Meter, run: Run[Any], event: str) -> None:
    """Return when the run waits for this event. Raises: TimeoutError where it takes longer than `TIMEOUT`."""
    async with asyncio.timeout(TIMEOUT):
        while True:
            with meter.looks_away():
                found = await run.record()
            if found.waiting_for == (f"event:{event}",):
                return
            await asyncio.sleep(0.002)


async def suspended(run: Run[Any]) -> None:
    """Return when the run waits."""
    while (await run.record()).status != "suspended":  # noqa: ASYNC110 - nothing tells when a run suspends
        await asyncio.sleep(0.005)
