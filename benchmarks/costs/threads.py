"""What a turn costs for each message of its thread's history, and how many queries read all of them."""

from __future__ import annotations

import statistics
import time
from pathlib import Path

from benchmarks.costs.limits import Sizes
from benchmarks.costs.meter import Meter
from perdure import Agent, App
from perdure.testing.scripted import ScriptedModel, say

TURNS = 5


async def measure(folder: Path, sizes: Sizes) -> dict[str, float | int | str]:
    """Shape: microseconds; the median turn of a thread with a history above that of one with nearly none."""
    agent = Agent("brief", model=ScriptedModel([say("Done.", chunk=100)] * (sizes.thread_turns + 2 * TURNS)))
    taken: tuple[list[float], list[float]] = ([], [])
    path = folder / "threads.db"
    async with App(f"sqlite:///{path}", agents=[agent]) as app:
        short, long = await app.threads.create(agent), await app.threads.create(agent)
        await (await short.send("Go")).result()
        for _ in range(sizes.thread_turns):
            await (await long.send("Go")).result()
        for _ in range(TURNS):
            for thread, times in zip((short, long), taken, strict=True):
                begun = time.perf_counter()
                await (await thread.send("Go")).result()
                times.append(time.perf_counter() - begun)
    async with App(f"sqlite:///{path}").client() as client:  # no worker, whose looks would be counted
        meter = Meter(path, client.store)
        before = meter.now()
        await client.store.messages.path(long.id, tenant=None)
        asked = meter.now().since(before).statements
    above = statistics.median(taken[1]) - statistics.median(taken[0])
    return {"message_us": round(above / (2 * sizes.thread_turns) * 1e6, 1), "history_statements": asked}
