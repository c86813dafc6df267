"""Many that wait: an event wakes exactly the right one, soon; and to wait costs nothing."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from random import Random

import pytest

from perdure import App, Context, open_store
from perdure.core.clock import SystemClock
from perdure.runs.access import Access
from perdure.runs.handles import Run
from tests.chaos.figures import report
from tests.chaos.player import Ledger
from tests.chaos.processes import child, eventually

pytestmark = [pytest.mark.chaos, pytest.mark.slow]
WAITING = int(os.environ.get("PERDURE_WAITING", "1500"))
WOKEN = 60


class House:
    """An app with many runs that wait for an event."""

    def __init__(self, url: str) -> None:
        self.app = App(url)
        self.woken: dict[str, float] = {}

        async def waits(ctx: Context) -> str:
            payload: str = await ctx.await_event("go")
            self.woken[ctx.run_id] = time.perf_counter()
            return payload

        self.waits = self.app.workflow(waits)

    async def fill(self) -> None:
        for number in range(WAITING):
            await self.app.start(self.waits, run_id=f"run {number}")

        async def all_wait() -> bool:
            counts = await self.app.store.queues.counts()
            return counts == {"default": {"suspended": WAITING}}

        await eventually(all_wait, f"{WAITING} runs wait")


async def test_in_one_process(tmp_path: Path) -> None:
    house = House(f"sqlite:///{tmp_path}/runs.db")
    async with house.app as app:
        await house.fill()
        took: list[float] = []
        for number in Random(7).sample(range(WAITING), WOKEN):
            began = time.perf_counter()
            assert await app.emit_event(f"run {number}", "go", f"payload {number}")
            assert await app.run(f"run {number}").result() == f"payload {number}"
            took.append(house.woken[f"run {number}"] - began)
        assert len(house.woken) == WOKEN
        counts = await app.store.queues.counts()
        assert counts == {"default": {"suspended": WAITING - WOKEN}}
    report("emit to wake-up, one process", took)
    assert sorted(took)[int(WOKEN * 0.9)] < 0.05


async def test_across_processes(tmp_path: Path) -> None:
    url, ledger = f"sqlite:///{tmp_path}/runs.db", Ledger(tmp_path / "ledger")
    house = House(url)
    async with house.app:
        await house.fill()
    other = await open_store(url)
    async with child("work", url, ledger.path):
        took: list[float] = []
        numbers = Random(8).sample(range(WAITING), WOKEN)
        for number in numbers:
            run = Run[str](Access(store=other, clock=SystemClock()), f"run {number}")
            began = time.perf_counter()
            assert await run.emit_event("go", f"payload {number}")
            async with asyncio.timeout(30):
                assert await run.result() == f"payload {number}"
            took.append(time.perf_counter() - began)
        counts = await other.queues.counts()
        assert counts == {"default": {"suspended": WAITING - WOKEN}}
        completed = {run.run_id for run in await other.runs.list(tenant=None, status=("completed",), limit=WAITING)}
        assert completed == {f"run {number}" for number in numbers}
    await other.close()
    report("emit to result, there and back between two processes", took)
    assert sorted(took)[int(WOKEN * 0.9)] < 0.5


async def test_to_wait_costs_next_to_nothing(tmp_path: Path) -> None:
    house = House(f"sqlite:///{tmp_path}/runs.db")
    async with house.app as app:
        await house.fill()
        tasks, began, cpu = len(asyncio.all_tasks()), time.monotonic(), time.process_time()
        await asyncio.sleep(2.0)
        share = (time.process_time() - cpu) / (time.monotonic() - began)
        assert tasks < 10
        assert len(asyncio.all_tasks()) < 10
        assert {run.worker_id for run in await app.runs(status=("suspended",), limit=WAITING)} == {None}
    report("share of a core while nothing happens", [share], unit="")
    assert share < 0.05
