"""Waiting is free: what many suspended runs and followers take when nothing happens, and how fast one is woken."""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import time

from perdure import App, Context, Turn
from perdure.app.client import Client
from perdure.core import keys, topics

RUNS = 10_000
FOLLOWERS = 1_000
IDLE_FOR = 10.0
WAKES = 300

EMITTER = """
import asyncio, sys, time
from perdure import App
async def main():
    async with App(sys.argv[1]).client() as client:
        for run_id in sys.stdin:
            at = time.clock_gettime(time.CLOCK_MONOTONIC)
            await client.emit_event(run_id.strip(), "go", at)
            print("emitted", flush=True)
asyncio.run(main())
"""


async def measure(url: str) -> dict[str, float | int | str]:
    """Shape: share of one core when idle; latencies from emit to the woken function, in process and across."""
    app = App(url, slots=100)
    woken = dict[str, float]()

    @app.workflow
    async def wait(ctx: Context) -> None:
        await ctx.await_event("go")
        woken[ctx.run_id] = time.clock_gettime(time.CLOCK_MONOTONIC)

    async with app:
        for first in range(0, RUNS, 500):
            await asyncio.gather(*(app.start(wait, run_id=f"run-{first + n:05}") for n in range(500)))
        await asyncio.gather(*(_suspended(app, f"run-{n:05}") for n in range(RUNS)))
        followers = [asyncio.create_task(_follow(app, f"run-{RUNS - 1 - n:05}")) for n in range(FOLLOWERS)]
        await asyncio.sleep(1.0)
        begun, cpu = time.perf_counter(), time.process_time()
        await asyncio.sleep(IDLE_FOR)
        idle = (time.process_time() - cpu) / (time.perf_counter() - begun)
        here = [await wake_here(app, woken, f"run-{n:05}") for n in range(WAKES)]
        across = await wake_across(app, woken, [f"run-{n:05}" for n in range(WAKES, 2 * WAKES)])
        exactly = len(woken) == 2 * WAKES
        for follower in followers:
            follower.cancel()
        await asyncio.gather(*followers, return_exceptions=True)
    return {
        "idle_percent_of_a_core": round(idle * 100, 2),
        "wake_here_p50_ms": percentile_ms(here, 50),
        "wake_here_p99_ms": percentile_ms(here, 99),
        "wake_across_p50_ms": percentile_ms(across, 50),
        "wake_across_p99_ms": percentile_ms(across, 99),
        "woke_exactly_the_right_ones": str(exactly),
    }


async def _suspended(client: Client, run_id: str) -> None:
    watch = client.store.watch(topics.run(None, run_id))
    while (await client.run(run_id).record()).status != "suspended":
        await watch.wait()
    watch.close()


async def _follow(client: Client, run_id: str) -> None:
    async for _ in Turn(client.access, "none", 1, run_id).stream():
        pass


async def wake_here(client: Client, woken: dict[str, float], run_id: str) -> float:
    at = time.clock_gettime(time.CLOCK_MONOTONIC)
    await client.emit_event(run_id, "go")
    await client.run(run_id).wait()
    return woken[run_id] - at


async def wake_across(client: Client, woken: dict[str, float], run_ids: list[str]) -> list[float]:
    emitter = await asyncio.create_subprocess_exec(
        sys.executable, "-c", EMITTER, client.url, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert emitter.stdin is not None
    assert emitter.stdout is not None
    taken = list[float]()
    for run_id in run_ids:
        emitter.stdin.write(f"{run_id}\n".encode())
        await emitter.stdout.readline()
        await client.run(run_id).wait()
        event = await client.store.events.get(run_id, keys.event("go"), tenant=None)
        assert event is not None
        taken.append(woken[run_id] - float(event.payload))
        await asyncio.sleep(0.005)
    emitter.stdin.close()
    await emitter.wait()
    return taken


def percentile_ms(taken: list[float], percent: int) -> float:
    """A percentile of seconds, in milliseconds."""
    return round(statistics.quantiles(taken, n=100)[percent - 1] * 1e3, 2)
