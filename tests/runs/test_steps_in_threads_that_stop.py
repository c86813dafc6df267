"""What a function in a thread has done when its run is let go is committed: nobody can cancel it, and none is repeated.

That holds for one that has returned when its task is cancelled, however short ago, and for one that goes on while its
run is released or parked.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import perdure
from perdure.errors import Divergence, RunFailed, StepFailed
from perdure.runs.branch import BranchTask
from perdure.runs.halting import Halt
from perdure.runs.pool import MAX_THREADS
from tests.runs.cluster import Cluster
from tests.runs.diverging import assert_diverged, value
from tests.runs.driving import Driver


@pytest.fixture
def may_end() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


def branches() -> list[BranchTask[Any]]:
    return [task for task in asyncio.all_tasks() if isinstance(task, BranchTask)]


class Effect:
    """A function in a thread: it returns how often it was called, once it may."""

    def __init__(self, may_end: threading.Event) -> None:
        self._may_end = may_end
        self.began = threading.Event()
        self.calls = 0

    def __call__(self) -> int:
        self.calls += 1
        self.began.set()
        self._may_end.wait(30)
        return self.calls


async def begin(cluster: Cluster, effect: Effect) -> None:
    async def flow(ctx: perdure.Context) -> int:
        return await ctx.step("effect", effect)

    await cluster.start(flow)
    await cluster.start_worker()
    await asyncio.to_thread(effect.began.wait, 10)


def let_it_return(cluster: Cluster, may_end: threading.Event) -> None:
    """Let the function return while the loop stands still: it does not know of the outcome yet."""
    pool = cluster.workers[0].worker.holder.pool
    may_end.set()
    until = time.monotonic() + 10
    while pool._running and time.monotonic() < until:  # pyright: ignore[reportPrivateUsage] - when it has returned
        time.sleep(0.001)
    time.sleep(0.01)


def at_once(halt: Callable[[], None]) -> None:
    halt()


def after_it_was_settled(halt: Callable[[], None]) -> None:
    asyncio.get_running_loop().call_soon(halt)


@pytest.mark.parametrize("when", [at_once, after_it_was_settled])
@pytest.mark.parametrize("kind", ["release", "cancel", "diverged"])
async def test_what_has_returned_when_its_attempt_is_stopped_is_committed(
    cluster: Cluster, may_end: threading.Event, kind: str, when: Callable[[Callable[[], None]], None]
) -> None:
    effect = Effect(may_end)
    await begin(cluster, effect)
    (attempt,) = cluster.workers[0].worker.holder.attempts.values()
    let_it_return(cluster, may_end)
    when(lambda: attempt.stop(Halt(kind)))  # type: ignore[arg-type] # one of its kinds
    await cluster.clock.advance(2)
    step = await cluster.step("0")
    assert (step.status, step.result, effect.calls) == ("completed", b"1", 1)


@pytest.mark.parametrize("when", [at_once, after_it_was_settled])
async def test_a_run_whose_lease_is_lost_meanwhile_ends_all_the_same(
    cluster: Cluster, may_end: threading.Event, when: Callable[[Callable[[], None]], None]
) -> None:
    effect = Effect(may_end)
    await begin(cluster, effect)
    holder = cluster.workers[0].worker.holder
    let_it_return(cluster, may_end)
    when(lambda: holder.expired(holder.incarnation))
    assert await cluster.result(cluster.client.run("run"), within=200) == effect.calls


async def test_what_has_returned_when_its_time_is_over_is_its_result(memory: Cluster, may_end: threading.Event) -> None:
    effect = Effect(may_end)

    async def flow(ctx: perdure.Context) -> int:
        return await ctx.step("effect", effect, timeout=3)

    run = await memory.start(flow)
    await memory.start_worker()
    await asyncio.to_thread(effect.began.wait, 10)
    await memory.clock.settle()
    let_it_return(memory, may_end)
    memory.workers[0].worker.holder.attempts[None, "run"].running["0"].timeout._expire()  # type: ignore[attr-defined]
    assert await memory.result(run) == 1


async def test_a_worker_that_stops_commits_what_its_functions_return_before_it_releases_their_runs(
    cluster: Cluster, may_end: threading.Event
) -> None:
    effect = Effect(may_end)
    await begin(cluster, effect)
    stopping = asyncio.ensure_future(cluster.workers[0].worker.stop(at_once=True))
    await cluster.clock.advance(1)
    assert not stopping.done()
    may_end.set()
    async with asyncio.timeout(10):
        await stopping
    assert (await cluster.status(), (await cluster.step("0")).result) == ("queued", b"1")
    await cluster.start_worker()
    assert await cluster.result(cluster.client.run("run")) == 1
    assert effect.calls == 1


async def test_what_it_raises_meanwhile_is_its_failure_and_no_doubt(cluster: Cluster, may_end: threading.Event) -> None:
    class Fails(Effect):
        def __call__(self) -> int:
            super().__call__()
            raise ValueError("as it is")

    effect = Fails(may_end)
    await begin(cluster, effect)
    stopping = asyncio.ensure_future(cluster.workers[0].worker.stop(at_once=True))
    await cluster.clock.advance(1)
    may_end.set()
    async with asyncio.timeout(10):
        await stopping
    step = await cluster.step("0")
    assert (await cluster.status(), step.status, step.failure and step.failure.message) == (
        "queued",
        "failed",
        "as it is",
    )
    await cluster.start_worker()
    with pytest.raises(RunFailed, match="as it is"):
        await cluster.result(cluster.client.run("run"))
    assert effect.calls == 1


async def test_the_workflow_does_not_go_on_with_it(cluster: Cluster, may_end: threading.Event) -> None:
    effect = Effect(may_end)

    async def flow(ctx: perdure.Context) -> int:
        try:
            return await ctx.step("effect", effect)
        except StepFailed:
            return -1
        finally:
            cluster.done.append(f"unwinding: {ctx.unwinding}")

    run = await cluster.start(flow)
    await cluster.start_worker()
    await asyncio.to_thread(effect.began.wait, 10)
    stopping = asyncio.ensure_future(cluster.workers[0].worker.stop(at_once=True))
    await cluster.clock.advance(1)
    may_end.set()
    async with asyncio.timeout(10):
        await stopping
    await cluster.start_worker()
    assert await cluster.result(run) == 1
    assert cluster.done == ["unwinding: True", "unwinding: False"]


async def test_a_run_that_has_diverged_is_held_until_its_function_has_ended(
    cluster: Cluster, may_end: threading.Event
) -> None:
    effect = Effect(may_end)
    await begin(cluster, effect)
    (attempt,) = cluster.workers[0].worker.holder.attempts.values()
    attempt.diverge(Divergence("1", "logic 'b'", "logic 'c'"))
    await cluster.clock.advance(60)
    assert await cluster.status() == "running"
    may_end.set()
    async with asyncio.timeout(10):
        while await cluster.status() == "running":  # noqa: ASYNC110 - a thread ends
            await asyncio.sleep(0.001)
    assert_diverged(await cluster.record(), "1", "'b'")
    assert (await cluster.step("0")).result == b"1"


async def test_a_run_whose_driver_is_cancelled_repeats_nothing(
    cluster: Cluster, drive: Driver, may_end: threading.Event
) -> None:
    effect = Effect(may_end)

    async def task(ctx: perdure.Context) -> int:
        return await ctx.step("effect", effect) + await ctx.step("more", value, 10)

    driving = asyncio.ensure_future(drive(task))
    await asyncio.to_thread(effect.began.wait, 10)
    driving.cancel()
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await cluster.clock.until(driving, within=10)
    assert (await cluster.clock.until(drive(task))).result == 11
    assert effect.calls == 1


async def test_a_task_that_is_cancelled_from_outside_ends_with_what_its_function_returns(
    cluster: Cluster, may_end: threading.Event
) -> None:
    effect = Effect(may_end)
    await begin(cluster, effect)
    for task in branches():
        task.cancel()
    await cluster.clock.advance(1)
    assert await cluster.status() == "running"
    may_end.set()
    async with asyncio.timeout(10):
        while await cluster.status() == "running":  # noqa: ASYNC110 - a thread ends
            await asyncio.sleep(0.001)
    assert (await cluster.step("0")).result == b"1"


@pytest.mark.parametrize("ended_by", ["cancel", "expire"])
async def test_a_function_that_still_waits_for_a_thread_keeps_no_task(
    memory: Cluster, may_end: threading.Event, ended_by: str
) -> None:
    """As where no thread can be started: its task once waited for a call that never came."""
    effects = [Effect(may_end) for _ in range(MAX_THREADS + 1)]

    async def flow(ctx: perdure.Context) -> None:
        await ctx.gather(*(ctx.step("effect", effect) for effect in effects))

    await memory.start(flow)
    await memory.start_worker()
    for effect in effects[:-1]:
        await asyncio.to_thread(effect.began.wait, 10)
    (task,) = (task for task in branches() if task.branch.prefix.endswith(str(MAX_THREADS)))
    getattr(task, ended_by)()
    async with asyncio.timeout(10):
        await asyncio.wait([task])
    may_end.set()
    await memory.clock.advance(10)
    assert effects[-1].calls <= 1


async def test_a_function_that_does_not_end_keeps_no_loop_open(memory: Cluster, may_end: threading.Event) -> None:
    effect = Effect(may_end)
    await begin(memory, effect)
    worker = memory.workers[0].worker
    await memory.clock.until(worker.stop(at_once=True))
    left = branches()
    assert left
    await worker.abandon()
    async with asyncio.timeout(10):
        await asyncio.gather(*left, return_exceptions=True)
    assert effect.calls == 1
