"""A cancellation that nobody asked perdure for releases the run: it never fails because its process was told to end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

import perdure
from perdure.errors import StepAborted
from perdure.runs.branch import BranchTask
from tests.runs.cluster import Cluster
from tests.runs.driving import Driver


def tasks_of_runs() -> list[BranchTask[Any]]:
    return [task for task in asyncio.all_tasks() if isinstance(task, BranchTask)]


async def in_a_step(cluster: Cluster, ctx: perdure.Context) -> None:
    await ctx.step("work", cluster.sleep, 5)


async def in_a_step_that_translates_it(cluster: Cluster, ctx: perdure.Context) -> None:
    async def work() -> None:
        try:
            await cluster.sleep(5)
        except asyncio.CancelledError:
            raise ConnectionError("the request was cut off") from None

    await ctx.step("work", work)


async def in_a_wait(cluster: Cluster, ctx: perdure.Context) -> None:
    await ctx.sleep(0.9)


async def in_a_gather(cluster: Cluster, ctx: perdure.Context) -> None:
    await ctx.gather(ctx.step("work", cluster.sleep, 5), ctx.step("work", cluster.sleep, 5))


async def in_plain_code(cluster: Cluster, ctx: perdure.Context) -> None:
    await cluster.sleep(5)


async def in_a_map(cluster: Cluster, ctx: perdure.Context) -> None:
    async def each(number: int) -> None:
        await ctx.step("work", cluster.sleep, 5)

    await ctx.map(each, range(3), limit=2)


Place = Callable[[Cluster, perdure.Context], Awaitable[None]]
PLACES = [in_a_step, in_a_step_that_translates_it, in_a_wait, in_a_gather, in_plain_code, in_a_map]


@pytest.mark.parametrize("place", PLACES)
async def test_a_run_whose_tasks_are_cancelled_from_outside_is_released_and_goes_on(
    cluster: Cluster, place: Place
) -> None:
    async def flow(ctx: perdure.Context) -> str:
        await place(cluster, ctx)
        return "done"

    run = await cluster.start(flow)
    await cluster.start_worker()
    await cluster.clock.advance(0.5)
    for task in tasks_of_runs():
        task.cancel()
    assert await cluster.result(run) == "done"
    assert cluster.taken == []
    assert {step.status for step in (await cluster.steps()).values()} <= {"completed"}


@pytest.mark.parametrize("place", PLACES)
async def test_run_durable_goes_on_when_its_tasks_are_cancelled_from_outside(
    cluster: Cluster, drive: Driver, place: Place
) -> None:
    async def task(ctx: perdure.Context) -> str:
        await place(cluster, ctx)
        return "done"

    driving = asyncio.ensure_future(drive(task))
    await cluster.clock.advance(0.5)
    for one in tasks_of_runs():
        one.cancel()
    assert (await cluster.clock.until(driving)).result == "done"


async def test_a_cancellation_by_another_run_is_one_from_outside(memory: Cluster) -> None:
    async def victim(ctx: perdure.Context) -> str:
        await ctx.step("work", memory.sleep, 2)
        return "done"

    async def culprit(ctx: perdure.Context) -> None:
        async def cancel_all() -> None:
            for task in tasks_of_runs():
                if task is not asyncio.current_task():
                    task.cancel()

        await ctx.step("cancel all", cancel_all)

    run = await memory.start(victim, run_id="victim")
    await memory.start_worker()
    await memory.clock.advance(1)
    await memory.result(await memory.start(culprit, run_id="culprit"))
    assert await memory.result(run) == "done"


@pytest.mark.parametrize("how", ["its own task", "a timer", "a task group"])
async def test_a_cancellation_by_the_workflow_itself_is_a_typed_error(memory: Cluster, how: str) -> None:
    async def fails() -> None:
        raise ValueError

    async def aborted(ctx: perdure.Context) -> str:
        try:
            await ctx.step("slow", asyncio.Event().wait)
        except StepAborted as error:
            return str(error)
        return "nothing was noticed"

    async def flow(ctx: perdure.Context) -> str:
        task, loop = asyncio.current_task(), asyncio.get_running_loop()
        assert task is not None
        if how == "its own task":
            loop.call_soon(task.cancel)
        elif how == "a timer":
            loop.call_later(0.01, task.cancel)
        else:
            said = ""
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(fails())
                    said = await aborted(ctx)
            except* ValueError:
                pass
            return said
        return await aborted(ctx)

    run = await memory.start(flow)
    await memory.start_worker()
    async with asyncio.timeout(10):
        assert "from within the workflow" in await run.result()
    assert (await memory.step("0")).status == "in_doubt"


async def test_a_worker_whose_claiming_is_cancelled_says_so_and_can_still_be_stopped(
    memory: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    simulated = await memory.start_worker()
    with caplog.at_level(logging.WARNING):
        for task in tuple(simulated.process.tasks):
            task.cancel()
        await memory.clock.settle()
    assert "claims nothing more" in caplog.text
    await memory.clock.until(simulated.worker.stop())
    assert await memory.store.workers.list() == []


async def test_a_run_whose_settling_is_cancelled_is_not_held_for_ever(cluster: Cluster) -> None:
    async def flow(ctx: perdure.Context) -> str:
        await ctx.step("work", cluster.sleep, 5)
        return "done"

    run = await cluster.start(flow)
    simulated = await cluster.start_worker()
    await cluster.clock.advance(1)
    for task in tasks_of_runs():
        task.cancel()
    for _ in range(5):  # whatever settles it, at whatever step
        await asyncio.sleep(0)
        for task in tuple(simulated.process.tasks):
            if "_settle" in repr(task.get_coro()):
                task.cancel()
    assert await cluster.result(run) == "done"
