"""What readers of a stream cost: a turn's time with them over without, and how long the loop is blocked."""

from __future__ import annotations

import asyncio
import statistics
import time
from pathlib import Path

from benchmarks.costs.limits import Sizes
from benchmarks.costs.writes import Paced
from perdure import Agent, App


async def measure(folder: Path, sizes: Sizes) -> dict[str, float | int | str]:
    """Shape: ratios of medians of interleaved rounds; milliseconds, the longest above what the loop was asked for."""
    taken: dict[int, list[float]] = {many: [] for many in (0, *sizes.readers)}
    blocks = list[float]()
    for number in range(sizes.rounds):
        for many, times in taken.items():
            seconds, block = await _turn(folder / f"{number}-{many}.db", sizes.deltas, many)
            times.append(seconds)
            blocks.append(block if many else 0.0)
    alone = statistics.median(taken.pop(0))
    ratios = {f"readers_{many}": round(statistics.median(times) / alone, 2) for many, times in taken.items()}
    return {**ratios, "longest_block_ms": round(max(blocks) * 1e3, 1)}


async def _turn(path: Path, deltas: int, readers: int) -> tuple[float, float]:
    agent = Agent("paced", model=Paced(path, deltas))
    async with App(f"sqlite:///{path}", agents=[agent]) as app:
        thread = await app.threads.create(agent)
        begun = time.perf_counter()
        turn = await thread.send("Speak")

        async def read() -> None:
            async for _ in turn.stream():
                pass

        following = [asyncio.create_task(read()) for _ in range(readers)]
        longest = asyncio.create_task(longest_block(done := asyncio.Event()))
        await turn.result()
        taken = time.perf_counter() - begun
        done.set()
        await asyncio.gather(*following)
        return taken, await longest


async def longest_block(done: asyncio.Event) -> float:
    longest = 0.0
    while not done.is_set():
        begun = time.perf_counter()
        await asyncio.sleep(0.001)
        longest = max(longest, time.perf_counter() - begun - 0.001)
    return longest
