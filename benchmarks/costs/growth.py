"""What grows with a run: reading its row, an event at it, its children, its replay, and the bytes of its results."""

from __future__ import annotations

import statistics
import time
from pathlib import Path

from benchmarks.costs.limits import Sizes
from benchmarks.costs.log import size
from benchmarks.costs.meter import Meter
from benchmarks.costs.writes import suspended
from perdure import App, Context, Workflow

RESULT = "x" * 1022  # and two quotation marks
CALLS = 100


async def measure(folder: Path, sizes: Sizes) -> dict[str, float | int | str]:
    """Shape: ratios of medians, and seconds of a replay above that of an empty run."""
    return await _row(folder / "row.db", sizes) | await _replay(folder, sizes) | await _children(folder, sizes)


def _waiting(url: str) -> tuple[App, Workflow[[int], int]]:
    app = App(url)

    async def kibibyte() -> str:
        return RESULT

    @app.workflow(name="waiting")
    async def waiting(ctx: Context, steps: int) -> int:
        for _ in range(steps):
            await ctx.step("step", kibibyte)
        await ctx.await_event("go")
        return steps

    return app, waiting


async def _row(path: Path, sizes: Sizes) -> dict[str, float | int | str]:
    app, waiting = _waiting(f"sqlite:///{path}")
    empty = path.with_name("empty.db")
    async with App(f"sqlite:///{empty}"):
        pass
    async with app:
        runs = [await app.start(waiting, steps) for steps in (0, sizes.steps)]
        for run in runs:
            await suspended(run)
        tokens = [(await run.record()).token for run in runs]
        gets: tuple[list[float], list[float]] = ([], [])
        emits: tuple[list[float], list[float]] = ([], [])
        for number in range(CALLS):
            for run, got, emitted in zip(runs, gets, emits, strict=True):
                begun = time.perf_counter()
                await app.store.runs.get(run.id, tenant=None)
                got.append(time.perf_counter() - begun)
                begun = time.perf_counter()
                await run.emit_event(f"other-{number}")
                emitted.append(time.perf_counter() - begun)
        woken = [(await run.record()).token for run in runs]
        asked = list[int]()
        meter = Meter(path, app.store)
        for run in runs:
            before = meter.now()
            await run.emit_event("go")
            await run.result()
            asked.append(meter.now().since(before).instructions)
    return {
        "run_row_ratio": round(statistics.median(gets[1]) / statistics.median(gets[0]), 2),
        "run_emit_ratio": round(statistics.median(emits[1]) / statistics.median(emits[0]), 2),
        "unawaited_event_wakeups": sum(woken) - sum(tokens),
        "wakeup_reads_ratio": round(asked[1] / asked[0], 2),
        "stored_ratio": round((size(path) - size(empty)) / (sizes.steps * 1024), 2),
    }


async def _replay(folder: Path, sizes: Sizes) -> dict[str, float | int | str]:
    taken = list[float]()
    for steps in (0, sizes.replayed):
        url = f"sqlite:///{folder}/replay-{steps}.db"
        app, waiting = _waiting(url)
        async with app:
            run = await app.start(waiting, steps, run_id="one")
            await suspended(run)
        again, _ = _waiting(url)
        async with again:
            begun = time.perf_counter()
            await again.emit_event("one", "go")
            await again.run("one").result()
            taken.append(time.perf_counter() - begun)
    return {"replay_s": round(taken[1] - taken[0], 3)}


async def _children(folder: Path, sizes: Sizes) -> dict[str, float | int | str]:
    few, many = sizes.children, 4 * sizes.children
    ratios = list[float]()
    for number in range(sizes.rounds):
        one, other = [await _parent(folder / f"children-{number}-{count}.db", count) for count in (few, many)]
        ratios.append(other / one)
    return {f"children_{many}_of_{few}": round(statistics.median(ratios), 2)}


async def _parent(path: Path, children: int) -> float:
    app = App(f"sqlite:///{path}")

    @app.workflow
    async def child(ctx: Context, number: int) -> int:
        return number

    @app.workflow
    async def parent(ctx: Context, many: int) -> int:
        runs = [await ctx.start(child, number) for number in range(many)]
        return sum(await ctx.gather(*[run.result() for run in runs]))

    async with app:
        begun = time.perf_counter()
        await (await app.start(parent, children)).result()
        return time.perf_counter() - begun
