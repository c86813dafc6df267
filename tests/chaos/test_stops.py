"""How long a stop takes: in one process, across two, and with an owner that stands still."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from perdure import App, Context
from perdure.stores import open_store
from tests.chaos.figures import report
from tests.chaos.player import Ledger, start
from tests.chaos.processes import child, eventually

pytestmark = [pytest.mark.chaos, pytest.mark.slow]
RUNS = 60


async def test_in_one_process(tmp_path: Path) -> None:
    app = App(f"sqlite:///{tmp_path}/runs.db")
    begun = asyncio.Semaphore(0)

    @app.workflow
    async def hangs(ctx: Context) -> None:
        async def forever() -> None:
            begun.release()
            await asyncio.Event().wait()

        await ctx.step("forever", forever)

    took: list[float] = []
    async with app:
        runs = [await app.start(hangs) for _ in range(RUNS)]
        for _ in runs:
            await begun.acquire()
        for run in runs:
            began = time.perf_counter()
            assert (await run.cancel()).status == "cancelled"
            took.append(time.perf_counter() - began)
    report("stop, one process", took)
    assert sorted(took)[int(RUNS * 0.9)] < 0.2


async def test_across_processes(tmp_path: Path) -> None:
    url, ledger = f"sqlite:///{tmp_path}/runs.db", Ledger(tmp_path / "ledger")
    store = await open_store(url)
    async with child("work", url, ledger.path):
        runs = [await start(store, "hangs", f"run {number}") for number in range(RUNS)]

        async def all_run() -> bool:
            counts = await store.queues.counts()
            return counts == {"default": {"running": RUNS}}

        await eventually(all_run, "all runs are inside their step")
        took: list[float] = []
        for run in runs:
            began = time.perf_counter()
            assert (await run.cancel()).status == "cancelled"
            took.append(time.perf_counter() - began)
    await store.close()
    report("stop, two processes", took)
    assert sorted(took)[int(RUNS * 0.9)] < 0.5


async def test_with_an_owner_that_stands_still(tmp_path: Path) -> None:
    url, ledger = f"sqlite:///{tmp_path}/runs.db", Ledger(tmp_path / "ledger")
    store = await open_store(url)
    run = await start(store, "hangs", "run")
    async with child("work", url, ledger.path) as owner:

        async def runs() -> bool:
            return bool(await run.steps())

        await eventually(runs, "the run is inside its step, and shows it")
        await owner.stop(url)
        began = time.perf_counter()
        record = await run.cancel("stand still no longer")
        took = time.perf_counter() - began
        steps = await run.steps()
        owner.resume()
        assert await owner.end() == 0
        assert await run.record() == record
        assert await run.steps() == steps
    await store.close()
    report("stop, the owner stands still", [took])
    assert (record.status, record.cancel_reason) == ("cancelled", "stand still no longer")
    assert took < 6
