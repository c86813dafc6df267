"""A, B, and what a step costs on top of the disk, through the public API with the default settings."""

from __future__ import annotations

import asyncio
import statistics
import time
from pathlib import Path

from benchmarks.floor import Floor
from benchmarks.work import A_STEPS, B_RUNS, B_STEPS
from perdure import App, Context

BLOCKS = 9
BLOCK_STEPS = 300
B_ROUNDS = 3


async def measure(url: str) -> dict[str, float | int | str]:
    """Shape: steps/s of one run, runs/s of concurrent runs, the floor, and microseconds per step above it."""
    app = App(url)

    async def no_op(number: int) -> int:
        return number

    @app.workflow
    async def count(ctx: Context, steps: int) -> float:
        begun = time.perf_counter()
        for number in range(steps):
            await ctx.step("step", no_op, number)
        return time.perf_counter() - begun

    async def one(steps: int) -> float:
        return await (await app.start(count, steps)).result()

    async def many() -> float:
        begun = time.perf_counter()
        await asyncio.gather(*(one(B_STEPS) for _ in range(B_RUNS)))
        return B_RUNS / (time.perf_counter() - begun)

    path = Path(url.removeprefix("sqlite:///"))
    async with app:
        floor = Floor(path.with_name(path.name + ".floor"))
        await one(BLOCK_STEPS)
        floor.rows_per_s(BLOCK_STEPS)
        own, floors = list[float](), list[float]()
        for _ in range(BLOCKS):
            floors.append(floor.rows_per_s(BLOCK_STEPS))
            own.append(await one(BLOCK_STEPS) / BLOCK_STEPS - 1 / floors[-1])
        rounds = [A_STEPS / await one(A_STEPS) for _ in range(3)]
        floor.close()
        runs = [await many() for _ in range(B_ROUNDS)]
    return {
        "a_steps_per_s": round(statistics.median(rounds)),
        "b_runs_per_s": round(statistics.median(runs)),
        "floor_rows_per_s": round(statistics.median(floors)),
        "own_us_per_step": round(statistics.median(own) * 1e6, 1),
        "a_of_floor": round(statistics.median(rounds) / statistics.median(floors), 3),
    }
