"""Sharing: several processes commit at full load on one file; who gets how much, and how long a commit takes."""

from __future__ import annotations

import asyncio
import json
import statistics
import sys

PROCESSES = 4
SECONDS = 30.0

COMMITTER = """
import asyncio, json, sys, time
from perdure import App, Context

url, number, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
app = App(url, queues={f"q{number}": None})
taken = []

async def no_op(n: int) -> int:
    return n

@app.workflow(name=f"load-{number}", queue=f"q{number}")
async def load(ctx: Context, lane: int) -> int:
    ends = time.monotonic() + seconds
    n = 0
    while time.monotonic() < ends:
        begun = time.perf_counter()
        await ctx.step("step", no_op, n)
        taken.append(time.perf_counter() - begun)
        n += 1
    return n

async def main():
    async with app:
        sys.stdin.readline()
        runs = [await app.start(load, lane) for lane in range(4)]
        counts = [await run.result() for run in runs]
        tokens = [(await run.record()).token for run in runs]
    taken.sort()
    print(json.dumps({"steps": sum(counts), "p99_ms": taken[int(len(taken) * .99)] * 1e3, "tokens": max(tokens)}))

asyncio.run(main())
"""


async def measure(url: str, seconds: float = SECONDS) -> dict[str, float | int | str]:
    """Shape: steps/s in all, the smallest share, the largest p99 of a step, the largest token (1: no lease lost)."""
    children = [
        await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            COMMITTER,
            url,
            str(number),
            str(seconds),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        for number in range(PROCESSES)
    ]
    await asyncio.sleep(2.0)
    answers = [json.loads(out) for out, _ in await asyncio.gather(*(child.communicate(b"go\n") for child in children))]
    steps = [answer["steps"] for answer in answers]
    return {
        "shared_steps_per_s": round(sum(steps) / seconds),
        "shared_smallest_percent": round(min(steps) / sum(steps) * 100, 1),
        "shared_p99_ms": round(max(answer["p99_ms"] for answer in answers), 2),
        "shared_median_p99_ms": round(statistics.median(answer["p99_ms"] for answer in answers), 2),
        "shared_largest_token": max(answer["tokens"] for answer in answers),
    }
