"""Very many suspended runs: what a worker takes for them, how fast one is woken, and timers of one instant.

The worker is this process, and it has suspended each of them itself; another process starts them.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.waiting import percentile_ms, wake_across, wake_here
from perdure import App, Context

GO = "go"
BATCH = 250

STARTER = """
import asyncio, sys
from perdure import App

async def main():
    url, workflow, first, last, *words = sys.argv[1:]
    async with App(url).client() as client:
        for batch in range(int(first), int(last), 250):
            numbers = range(batch, min(batch + 250, int(last)))
            args = [float(word) for word in words]
            await asyncio.gather(*(client.start(workflow, *args, run_id=f"{workflow}-{n:06}") for n in numbers))

asyncio.run(main())
"""


@dataclass(frozen=True)
class Sizes:
    """The full form."""

    runs: int = 100_000
    warm_up: int = 1_000
    wakes: int = 500
    timers: int = 5_000
    timers_start_for: float = 15.0
    """Units: seconds in which the timers are started; their instant is then."""


SHORT = Sizes(runs=2_000, warm_up=200, wakes=100, timers=500, timers_start_for=4.0)


class Woken:
    """What the workflows have noted: when each was woken, by `time.monotonic` and `time.time`, and how often."""

    def __init__(self) -> None:
        self.at = dict[str, float]()
        self.timers = list[float]()
        self.times = Counter[str]()


def declare(app: App, woken: Woken) -> None:
    """The two workflows: one waits for an event, one for an instant."""

    @app.workflow(name="waits")
    async def waits(ctx: Context) -> None:
        await ctx.await_event(GO)
        woken.at[ctx.run_id] = time.clock_gettime(time.CLOCK_MONOTONIC)

    @app.workflow(name="sleeps")
    async def sleeps(ctx: Context, due_at: float) -> None:
        await ctx.sleep(due_at - time.time())  # its end is fixed at the first call
        woken.timers.append(time.time() - due_at)
        woken.times[ctx.run_id] += 1


async def measure(url: str, sizes: Sizes | None = None) -> dict[str, float | int | str]:
    """Shape: megabytes above the worker before it had a run; latencies in milliseconds; the timers' last beginning."""
    sizes, woken = sizes or Sizes(), Woken()
    app = App(url)
    declare(app, woken)
    async with app:
        idle = resident_mb()
        await start(app, "waits", 0, sizes.warm_up)
        warm = resident_mb()
        begun = time.perf_counter()
        await start(app, "waits", sizes.warm_up, sizes.runs)
        took = time.perf_counter() - begun
        resident = resident_mb()
        run_ids = [f"waits-{number:06}" for number in range(0, sizes.runs, sizes.runs // (2 * sizes.wakes))]
        here = [await wake_here(app, woken.at, run_id) for run_id in run_ids[: sizes.wakes]]
        across = await wake_across(app, woken.at, run_ids[sizes.wakes : 2 * sizes.wakes])
        timers = await _timers(app, woken, sizes)
    return {
        "suspended_runs": sizes.runs,
        "suspended_per_s": round((sizes.runs - sizes.warm_up) / took),
        "suspended_mb": round(resident - idle, 1),
        "suspended_mb_above_warm": round(resident - warm, 1),
        "wake_here_p50_ms": percentile_ms(here, 50),
        "wake_here_p99_ms": percentile_ms(here, 99),
        "wake_across_p50_ms": percentile_ms(across, 50),
        "wake_across_p99_ms": percentile_ms(across, 99),
        **timers,
    }


async def short(url: str) -> dict[str, float | int | str]:
    """Shape: as `measure`, of smaller sizes."""
    return await measure(url, SHORT)


async def start(app: App, workflow: str, first: int, last: int, *words: float) -> None:
    """Start runs from another process, and wait until they, and all others, are suspended."""
    others = (await app.store.queues.counts()).get("default", {}).get("suspended", 0)
    given: Sequence[str] = (app.url, workflow, str(first), str(last), *map(repr, words))
    starter = await asyncio.create_subprocess_exec(sys.executable, "-c", STARTER, *given)
    if await starter.wait():
        raise RuntimeError(f"could not start the runs {first} to {last} of {workflow}")
    while await app.store.queues.counts() != {"default": {"suspended": others + last - first}}:  # noqa: ASYNC110 - nothing tells
        await asyncio.sleep(0.2)


async def _timers(app: App, woken: Woken, sizes: Sizes) -> dict[str, float | int | str]:
    due_at = time.time() + sizes.timers_start_for
    await start(app, "sleeps", 0, sizes.timers, due_at)
    if time.time() > due_at:
        raise RuntimeError(f"{sizes.timers} timers could not be started in {sizes.timers_start_for} s")
    while len(woken.times) < sizes.timers:  # noqa: ASYNC110 - to be woken for each would slow them down
        await asyncio.sleep(0.2)
    await asyncio.sleep(1.0)  # a second wake-up would come now
    return {"timers_begun_s": round(max(woken.timers), 2), "timers_twice": woken.times.total() - len(woken.times)}


def resident_mb() -> float:
    """What this process has in memory, files that are mapped included. Source: proc(5), /proc/PID/statm."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * 4096 / 1e6
