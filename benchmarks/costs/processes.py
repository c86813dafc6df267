"""Two processes on one file, a sequential run each, over one process."""

from __future__ import annotations

import asyncio
import statistics
import sys
from pathlib import Path

from benchmarks.costs.limits import Sizes

RUN = """
import asyncio, sys, time
from perdure import App, Context

url, number, steps = sys.argv[1], sys.argv[2], int(sys.argv[3])
app = App(url, queues={f"q{number}": None})

async def no_op(n: int) -> int:
    return n

@app.workflow(name=f"load-{number}", queue=f"q{number}")
async def load(ctx: Context) -> None:
    for n in range(steps):
        await ctx.step("step", no_op, n)

async def main():
    async with app:
        print("ready", flush=True)
        sys.stdin.readline()
        begun = time.monotonic()
        await (await app.start(load)).result()
        print(begun, time.monotonic(), flush=True)

asyncio.run(main())
"""


async def measure(folder: Path, sizes: Sizes) -> dict[str, float | int | str]:
    """Shape: a ratio of medians of interleaved rounds."""
    rates: dict[int, list[float]] = {1: [], 2: []}
    for number in range(sizes.rounds):
        for processes, found in rates.items():
            found.append(await _rate(folder / f"{number}-{processes}.db", processes, sizes.process_steps))
    return {"two_processes_of_one": round(statistics.median(rates[2]) / statistics.median(rates[1]), 2)}


async def _rate(path: Path, processes: int, steps: int) -> float:
    pipe = asyncio.subprocess.PIPE
    children = list[asyncio.subprocess.Process]()
    for number in range(processes):
        words = (f"sqlite:///{path}", str(number), str(steps))
        child = await asyncio.create_subprocess_exec(sys.executable, "-c", RUN, *words, stdin=pipe, stdout=pipe)
        assert child.stdout is not None
        await child.stdout.readline()
        children.append(child)
    answers = await asyncio.gather(*(child.communicate(b"go\n") for child in children))
    spans = [[float(word) for word in out.split()] for out, _ in answers]
    return processes * steps / (max(span[1] for span in spans) - min(span[0] for span in spans))
