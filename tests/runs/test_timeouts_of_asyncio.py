"""A timeout of asyncio round a wait is refused where the wait begins, whether or not it would fire in time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

import perdure
from perdure import Retry
from perdure.errors import StepAborted, TimeoutNotDurable
from tests.runs.cluster import Cluster

Wait = Callable[[perdure.Context], Awaitable[Any]]


async def nothing() -> None:
    return None


async def fails() -> None:
    raise ValueError


@perdure.App("memory:").workflow
async def some_child(ctx: perdure.Context) -> None:
    return None


WAITS: dict[str, Wait] = {
    "sleep": lambda ctx: ctx.sleep(60),
    "a short sleep": lambda ctx: ctx.sleep(0.5),
    "a sleep of no time": lambda ctx: ctx.sleep(0),
    "await_event": lambda ctx: ctx.await_event("go"),
    "an event with a timeout": lambda ctx: ctx.await_event("go", timeout=timedelta(days=1)),
    "gather": lambda ctx: ctx.gather(ctx.sleep(60)),
    "map": lambda ctx: ctx.map(ctx.sleep, [60]),
    "emit": lambda ctx: ctx.emit_event("mine"),
    "now": lambda ctx: ctx.now(),
    "start": lambda ctx: ctx.start(some_child),
    "a retry": lambda ctx: ctx.step("fails", fails, retry=Retry(attempts=2, initial=60, jitter=False)),
    "a question": lambda ctx: ctx.step("hangs", asyncio.Event().wait, timeout=0.1, in_doubt="ask"),
}


@asynccontextmanager
async def limited():  # noqa: ANN201 - a user's own
    async with asyncio.timeout(3600):
        yield


async def _timeout(wait: Callable[[], Awaitable[Any]]) -> None:
    async with asyncio.timeout(3600):
        await wait()


async def _timeout_at(wait: Callable[[], Awaitable[Any]]) -> None:
    async with asyncio.timeout_at(asyncio.get_running_loop().time() + 3600):
        await wait()


async def _of_the_users_own(wait: Callable[[], Awaitable[Any]]) -> None:
    async with limited():
        await wait()


async def _in_a_stack(wait: Callable[[], Awaitable[Any]]) -> None:
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(asyncio.timeout(3600))
        await wait()


async def _set_later(wait: Callable[[], Awaitable[Any]]) -> None:
    async with asyncio.timeout(None) as scope:
        scope.reschedule(asyncio.get_running_loop().time() + 3600)
        await wait()


async def _around_another(wait: Callable[[], Awaitable[Any]]) -> None:
    async with asyncio.timeout(3600), asyncio.timeout(None):
        await wait()


async def refused(cluster: Cluster, flow: Callable[[perdure.Context], Awaitable[Any]]) -> None:
    run = await cluster.start(flow)
    await cluster.start_worker()
    record = await cluster.clock.until(run.wait(), within=5)
    assert record.failure is not None
    assert (record.failure.cause_type, record.failure.code) == ("TimeoutNotDurable", "timeout_not_durable")
    assert "timeout=" in record.failure.message


@pytest.mark.parametrize("wait", WAITS)
async def test_each_wait_is_refused_by_name(cluster: Cluster, wait: str) -> None:
    async def flow(ctx: perdure.Context) -> None:
        async with asyncio.timeout(3600):
            await WAITS[wait](ctx)

    await refused(cluster, flow)


@pytest.mark.parametrize("scope", [_timeout, _timeout_at, _of_the_users_own, _in_a_stack, _set_later, _around_another])
async def test_each_way_to_set_a_timeout_is_seen(memory: Cluster, scope: Callable[..., Awaitable[None]]) -> None:
    async def flow(ctx: perdure.Context) -> None:
        await scope(lambda: ctx.await_event("go"))

    await refused(memory, flow)


async def test_in_a_branch_it_is_refused_too(memory: Cluster) -> None:
    async def flow(ctx: perdure.Context) -> None:
        async def branch() -> None:
            async with asyncio.timeout(3600):
                await ctx.sleep(60)

        await ctx.gather(branch, branch)

    await refused(memory, flow)


async def test_wait_for_is_refused_with_a_typed_error(memory: Cluster) -> None:
    async def flow(ctx: perdure.Context) -> None:
        async def waits() -> None:
            await ctx.sleep(60)

        await asyncio.wait_for(waits(), 3600)

    run = await memory.start(flow)
    await memory.start_worker()
    record = await memory.clock.until(run.wait(), within=5)
    assert record.failure is not None
    assert record.failure.cause_type in {"ForeignTask", "TimeoutNotDurable"}  # before and since Python 3.12


async def test_it_can_be_caught_as_what_a_cut_off_step_raises(memory: Cluster) -> None:
    async def flow(ctx: perdure.Context) -> str:
        try:
            async with asyncio.timeout(3600):
                await ctx.sleep(60)
        except StepAborted as error:
            return type(error).__name__
        return "nothing was noticed"

    assert await memory.run(flow) == TimeoutNotDurable.__name__


async def test_what_is_no_timeout_round_a_wait_is_left_alone(memory: Cluster) -> None:
    @asynccontextmanager
    async def session():  # noqa: ANN202 - a user's own
        yield

    async def flow(ctx: perdure.Context) -> str:
        async def inside() -> str:
            async with asyncio.timeout(3600):
                await asyncio.sleep(0)
            return "worked"

        async with asyncio.timeout(3600):
            await asyncio.sleep(0)
        async with session(), asyncio.timeout(None):
            await ctx.sleep(60)
        async with asyncio.timeout(3600):
            return await ctx.step("inside", inside)

    assert await memory.run(flow, within=100) == "worked"


# A task that the context did not start, and that nobody awaits.


async def test_a_run_fails_when_a_foreign_task_is_refused_and_nobody_awaits_it(cluster: Cluster) -> None:
    async def flow(ctx: perdure.Context) -> None:
        over = asyncio.Event()

        async def work() -> None:
            await ctx.step("work", nothing)
            over.set()

        kept = asyncio.create_task(work())
        await over.wait()
        assert kept

    run = await cluster.start(flow)
    await cluster.start_worker()
    record = await cluster.clock.until(run.wait(), within=2)
    assert record.failure is not None
    assert (record.status, record.failure.code) == ("failed", "foreign_task")


async def test_a_run_fails_when_a_foreign_task_is_refused_inside_a_step(cluster: Cluster) -> None:
    async def flow(ctx: perdure.Context) -> None:
        async def outer() -> None:
            over = asyncio.Event()

            async def inner() -> None:
                await ctx.step("inner", nothing)
                over.set()

            kept = asyncio.create_task(inner())
            await over.wait()
            assert kept

        await ctx.step("outer", outer)

    run = await cluster.start(flow)
    await cluster.start_worker()
    record = await cluster.clock.until(run.wait(), within=2)
    assert record.failure is not None
    assert (record.status, record.failure.code) == ("failed", "step_nested")


async def test_a_foreign_task_whose_refusal_is_caught_fails_nothing(memory: Cluster) -> None:
    async def flow(ctx: perdure.Context) -> str:
        async def work() -> None:
            await ctx.step("work", nothing)

        [refusal] = await asyncio.gather(work(), return_exceptions=True)
        await ctx.sleep(0.9)
        return type(refusal).__name__

    assert await memory.run(flow) == "ForeignTask"
