"""Queues: what is due is claimed, in order, by whoever has the workflow; a limit holds over all workers."""

from __future__ import annotations

import asyncio

import pytest

import perdure
from perdure.errors import SettingInvalid
from perdure.runs.worker import CLAIM
from tests.runs.cluster import Cluster


class Busy:
    """A workflow that takes a second, and notes how many of it run at once."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.now = 0
        self.most = 0
        self.by: dict[str, int] = {}

    async def work(self) -> None:
        self.now += 1
        self.most = max(self.most, self.now)
        await self.cluster.sleep(1.0)
        self.now -= 1

    async def flow(self, ctx: perdure.Context) -> None:
        await ctx.step("work", self.work)


@pytest.mark.parametrize("limit", [1, 3])
async def test_a_limit_holds_over_two_workers_of_one_store(cluster: Cluster, limit: int) -> None:
    busy = Busy(cluster)
    runs = [await cluster.start(busy.flow, run_id=f"run {number}", queue="mail") for number in range(9)]
    await cluster.start_worker(queues={"mail": limit})
    await cluster.start_worker(queues={"mail": limit})
    for run in runs:
        await cluster.result(run)
    assert busy.most == limit
    assert cluster.clock.elapsed() == pytest.approx(9 / limit, abs=0.2)


async def test_a_limit_holds_over_two_stores_on_one_file(sqlite: Cluster) -> None:
    busy = Busy(sqlite)
    runs = [await sqlite.start(busy.flow, run_id=f"run {number}", queue="mail") for number in range(8)]
    for _ in range(2):
        await sqlite.start_worker(queues={"mail": 2}, store=await sqlite.another_store())
    done = asyncio.ensure_future(asyncio.gather(*[run.wait() for run in runs]))
    async with asyncio.timeout(30):
        while not done.done():
            await sqlite.clock.advance(0.1)
            await asyncio.sleep(0.005)  # real: news of another store on the file comes by looking at it
    assert busy.most == 2


async def test_a_run_that_waits_gives_up_its_place(cluster: Cluster) -> None:
    async def flow(ctx: perdure.Context, name: str) -> str:
        cluster.done.append(name)
        return await ctx.await_event("go")

    runs = [await cluster.start(flow, name, run_id=name, queue="mail") for name in ("a", "b", "c")]
    await cluster.start_worker(queues={"mail": 1})
    await cluster.clock.settle()
    assert cluster.done == ["a", "b", "c"]
    for run in runs:
        await run.emit_event("go", run.id)
    assert [await cluster.result(run) for run in runs] == ["a", "b", "c"]


async def test_the_place_of_a_dead_worker_is_free_when_its_runs_are_taken_over(cluster: Cluster) -> None:
    busy = Busy(cluster)
    runs = [await cluster.start(busy.flow, run_id=f"run {number}", queue="mail") for number in range(3)]
    await cluster.start_worker(queues={"mail": 1})
    await cluster.clock.advance(0.5)
    await cluster.restart(queues={"mail": 1})
    busy.now = 0
    for run in runs:
        await cluster.result(run)
    assert await cluster.status("run 0") == "completed"


async def test_the_longest_due_is_first(cluster: Cluster) -> None:
    async def flow(ctx: perdure.Context, name: str) -> None:
        cluster.done.append(name)

    for name in ("first", "second", "third"):
        await cluster.start(flow, name, run_id=name)
        await cluster.clock.advance(1)
    await cluster.start_worker(queues={"default": 1})
    await cluster.clock.advance(1)
    assert cluster.done == ["first", "second", "third"]


async def test_a_worker_takes_only_its_queues_and_only_workflows_that_it_has(cluster: Cluster) -> None:
    async def known(ctx: perdure.Context) -> None:
        cluster.done.append("known")

    async def unknown(ctx: perdure.Context) -> None:
        cluster.done.append("unknown")

    await cluster.start(unknown, run_id="unknown")
    cluster.workflows = type(cluster.workflows)()
    await cluster.start(known, run_id="elsewhere", queue="elsewhere")
    await cluster.start(known, run_id="here")
    await cluster.start_worker()
    await cluster.clock.advance(2)
    assert cluster.done == ["known"]
    assert [await cluster.status(run_id) for run_id in ("here", "elsewhere", "unknown")] == [
        "completed",
        "queued",
        "queued",
    ]


async def test_a_worker_runs_no_more_at_once_than_it_has_slots(cluster: Cluster) -> None:
    busy = Busy(cluster)
    runs = [await cluster.start(busy.flow, run_id=f"run {number}") for number in range(7)]
    await cluster.start_worker(slots=2)
    for run in runs:
        await cluster.result(run)
    assert busy.most == 2


async def test_what_becomes_due_is_claimed_when_it_is_due_and_not_before(cluster: Cluster) -> None:
    async def flow(ctx: perdure.Context, seconds: float) -> float:
        await ctx.sleep(seconds)
        return cluster.clock.elapsed()

    runs = [await cluster.start(flow, seconds, run_id=f"{seconds}") for seconds in (7.5, 2.25, 5.0)]
    await cluster.start_worker()
    assert [await cluster.result(run) for run in runs] == [7.5, 2.25, 5.0]


async def test_more_runs_than_are_claimed_at_once_are_all_claimed(cluster: Cluster) -> None:
    async def flow(ctx: perdure.Context) -> None:
        return None

    runs = [await cluster.start(flow, run_id=f"{number}") for number in range(2 * CLAIM + 50)]
    await cluster.start_worker()
    await cluster.clock.settle()
    assert {(await run.record()).status for run in runs} == {"completed"}


async def test_two_workers_never_execute_one_run_together(cluster: Cluster) -> None:
    async def flow(ctx: perdure.Context, name: str) -> None:
        async def work() -> None:
            cluster.done.append(name)
            await cluster.sleep(0.3)

        await ctx.step("work", work)

    runs = [await cluster.start(flow, f"{number}", run_id=f"{number}") for number in range(40)]
    for _ in range(4):
        await cluster.start_worker(slots=3)
    for run in runs:
        await cluster.result(run)
    assert sorted(cluster.done) == sorted(run.id for run in runs)


@pytest.mark.parametrize("limit", [0, -1])
async def test_a_limit_that_makes_no_sense_is_refused(memory: Cluster, limit: int) -> None:
    with pytest.raises(SettingInvalid, match="mail"):
        perdure.Worker(memory.store, memory.workflows, queues={"mail": limit})
