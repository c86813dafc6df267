"""Every line of the log about a run names the run; one about a step names the step, with its position."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterator
from typing import Any

import pytest

import perdure
from perdure.runs.pool import Pool
from perdure.testing.faulty import FaultyStore
from tests.runs.cluster import Cluster
from tests.runs.diverging import value


@pytest.fixture
def may_end() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture(autouse=True)
def every_level(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records]


async def test_a_function_that_holds_its_run(
    memory: Cluster, may_end: threading.Event, caplog: pytest.LogCaptureFixture
) -> None:
    async def flow(ctx: perdure.Context) -> None:
        async def waits() -> None:
            await ctx.step("wait", may_end.wait)

        await ctx.gather(waits)

    await memory.start(flow)
    simulated = await memory.start_worker()
    await memory.clock.settle()
    await memory.clock.until(simulated.worker.stop(at_once=True))
    assert lines(caplog) == ["run run: step 'wait' (0.0.0) goes on; the run is held until it ends"]
    await simulated.worker.abandon()
    assert lines(caplog)[1].endswith(": 1 runs (run) stay held until its lease ends")


async def test_code_that_goes_on_after_a_cancel(memory: Cluster, caplog: pytest.LogCaptureFixture) -> None:
    may_end = asyncio.Event()

    async def unresponsive() -> None:
        while not may_end.is_set():
            try:
                await may_end.wait()
            except asyncio.CancelledError:
                continue

    async def flow(ctx: perdure.Context) -> None:
        async def outside() -> None:
            await unresponsive()

        async def inside() -> None:
            await ctx.step("unresponsive", unresponsive)

        await ctx.gather(outside, inside)

    run = await memory.start(flow)
    await memory.start_worker()
    await memory.clock.settle()
    await memory.clock.until(run.cancel(within=10), within=20)
    may_end.set()
    await memory.clock.settle()
    assert "run run: given up although its code goes on, in branch '0.0', step 'unresponsive' (0.1.0)" in lines(caplog)


async def test_a_task_that_is_cancelled_from_outside(memory: Cluster, caplog: pytest.LogCaptureFixture) -> None:
    async def flow(ctx: perdure.Context) -> None:
        await ctx.step("wait", asyncio.Event().wait)

    await memory.start(flow)
    await memory.start_worker()
    await memory.clock.settle()
    (attempt,) = memory.workers[0].worker.holder.attempts.values()
    for task in asyncio.all_tasks():
        if task.get_coro().__qualname__ == "carrying":  # type: ignore[union-attr] # a branch's
            task.cancel()
    await memory.clock.settle()
    assert attempt.is_halted
    assert "run run: its task was cancelled from outside, in step 'wait' (0); released" in lines(caplog)


async def test_a_commit_that_is_tried_again(memory: Cluster, caplog: pytest.LogCaptureFixture) -> None:
    faulty = FaultyStore(memory.store)

    async def flow(ctx: perdure.Context) -> int:
        async def work() -> int:
            faulty.is_down = True
            memory.clock.call_after(1, come_back)
            return 1

        return await ctx.step("work", work)

    def come_back() -> None:
        faulty.is_down = False

    run = await memory.start(flow)
    await memory.start_worker(store=faulty)
    assert await memory.result(run) == 1
    (line,) = [line for line in lines(caplog) if line.startswith("run run: ")]
    assert line.endswith("; committing that step 'work' (0) is completed again")


async def test_calls_that_wait_for_a_thread(
    memory: Cluster, may_end: threading.Event, caplog: pytest.LogCaptureFixture
) -> None:
    async def flow(ctx: perdure.Context) -> None:
        await ctx.gather(*[ctx.step("wait", may_end.wait) for _ in range(3)])

    simulated = await memory.start_worker()
    simulated.worker.holder.pool = Pool(limit=2)
    run = await memory.start(flow)
    await memory.clock.settle()
    assert lines(caplog) == [
        "all 2 threads for synchronous functions are busy; step 'wait' (2) of run run waits for one"
    ]
    may_end.set()
    await memory.result(run)


async def test_runs_that_are_taken_over(cluster: Cluster, caplog: pytest.LogCaptureFixture) -> None:
    async def flow(ctx: perdure.Context) -> None:
        await ctx.step("wait", asyncio.Event().wait)

    declared = cluster.workflow(flow)
    for number in range(7):
        await cluster.client.start(declared, run_id=f"run-{number}")
    await cluster.start_worker()
    await cluster.restart()
    (line,) = [line for line in lines(caplog) if line.endswith("are queued again")]
    assert "; 7 runs (run-" in line
    assert line.count("run-") == 5
    assert ", …) are queued again" in line


async def test_an_observer_that_fails(memory: Cluster, caplog: pytest.LogCaptureFixture) -> None:
    class Fails:
        def __getattr__(self, name: str) -> Any:
            raise ValueError(name)

    async def flow(ctx: perdure.Context) -> int:
        return await ctx.step("work", value)

    run = await memory.start(flow)
    await memory.start_worker(observer=Fails())
    await memory.result(run)
    assert lines(caplog) == [
        "run run: an observer failed",
        "run run, step 'work' (0): an observer failed",
        "run run: an observer failed",
    ]


async def test_cleanups_that_take_too_long(memory: Cluster, caplog: pytest.LogCaptureFixture) -> None:
    async def quick() -> None: ...

    async def slow() -> None:
        await asyncio.Event().wait()

    async def flow(ctx: perdure.Context) -> None:
        ctx.on_cancel(quick)
        ctx.on_cancel(slow)
        ctx.on_cancel(quick)
        await ctx.await_event("never")

    run = await memory.start(flow)
    await memory.start_worker()
    await memory.clock.advance(2)
    await memory.clock.until(run.cancel())
    assert "run run: its on_cancel functions did not end in time: slow, quick" in lines(caplog)
