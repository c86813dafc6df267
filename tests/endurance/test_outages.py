"""A store that refuses everything for three leases, under load: every run ends as it would have."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from pathlib import Path

import pytest

from perdure import Context, Worker, Workflow, open_store
from perdure.core.clock import SystemClock
from perdure.runs.access import Access
from perdure.runs.doctor import examine
from perdure.runs.handles import Run
from perdure.runs.starting import creation
from perdure.runs.workflow import Workflows
from perdure.testing.faulty import FaultyStore

pytestmark = pytest.mark.endurance
LEASE_FOR, RUNS, STEPS = 2.0, 50, 100


async def test_an_outage_of_three_leases_under_load_changes_no_run_and_leaves_nothing_behind(tmp_path: Path) -> None:
    executed = Counter[tuple[str, int]]()

    async def works(ctx: Context) -> int:
        async def effect(number: int) -> int:
            executed[ctx.run_id, number] += 1
            await asyncio.sleep(0.05)
            return number

        return sum([await ctx.step("step", effect, number) for number in range(STEPS)])

    workflows, clock = Workflows(), SystemClock()
    workflow = Workflow[[], int](works)
    workflows.add(workflow)
    inner = await open_store(f"sqlite:///{tmp_path}/runs.db")
    locks = tmp_path / "runs.db-workers"
    store = FaultyStore(inner)
    worker = Worker(store, workflows, lease_for=LEASE_FOR, slots=RUNS)
    await worker.start()
    await asyncio.sleep(0.5)

    async def held() -> tuple[int, int, list[str], list[str]]:
        rows = [row.worker_id for row in await inner.workers.list()]
        return len(asyncio.all_tasks()), threading.active_count(), rows, sorted(path.name for path in locks.iterdir())

    before = await held()
    for number in range(RUNS):
        await inner.execute(creation(workflow, workflow.manifest((), {}), run_id=f"run {number}", at=clock.now()))
    while len(executed) < RUNS * 5:  # noqa: ASYNC110 - until the load is under way
        await asyncio.sleep(0.05)
    with store.outage():
        await asyncio.sleep(3 * LEASE_FOR)
        assert store.met["refused"] > 0
    async with asyncio.timeout(60):
        results = [await Run[int](Access(store=inner, clock=clock), f"run {number}").result() for number in range(RUNS)]
    assert results == [sum(range(STEPS))] * RUNS
    assert set(executed.values()) == {1}, "no worker died, so no step ran twice"
    assert len(executed) == RUNS * STEPS
    health = await examine(inner, clock)
    assert health.findings == []
    async with asyncio.timeout(30):
        while await held() != before:  # noqa: ASYNC110 - what was held is given back
            await asyncio.sleep(0.1)
    await worker.stop()
    await inner.close()
