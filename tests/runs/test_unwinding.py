"""Unwinding: nothing is cut off by a suspension, and user code can neither swallow one nor hold others up."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

import perdure
from tests.runs.cluster import Cluster

LONG = timedelta(hours=3)


async def test_no_running_sibling_is_cut_off_by_a_wait(cluster: Cluster) -> None:
    async def flow(ctx: perdure.Context) -> list[Any]:
        async def work() -> str:
            cluster.done.append("began")
            await cluster.sleep(5)
            return "worked"

        return list(await ctx.gather(ctx.await_event("go"), ctx.sleep(LONG), ctx.step("work", work)))

    run = await cluster.start(flow)
    await cluster.start_worker()
    await cluster.clock.advance(4)
    assert await cluster.status() == "running"
    await cluster.clock.advance(2)
    record = await cluster.record()
    assert (record.status, record.waiting_for) == ("suspended", ("event:go", "timer:1"))
    await run.emit_event("go", 1)
    await cluster.clock.advance(1)
    assert (await cluster.record()).waiting_for == ("timer:1",)
    await cluster.kill()
    cluster.clock.jump(LONG.total_seconds())
    await cluster.start_worker()
    assert await cluster.result(run) == [1, None, "worked"]
    assert cluster.done == ["began"]


async def test_finally_runs_at_each_suspension_and_can_ask_why(cluster: Cluster) -> None:
    async def flow(ctx: perdure.Context) -> str:
        try:
            await ctx.await_event("go")
        finally:
            cluster.done.append(f"finally, unwinding: {ctx.unwinding}")
        return "done"

    run = await cluster.start(flow)
    await cluster.start_worker()
    await cluster.clock.settle()
    await run.emit_event("go")
    await cluster.result(run)
    assert cluster.done == ["finally, unwinding: True", "finally, unwinding: False"]


async def _except_exception(ctx: perdure.Context) -> str:
    try:
        await ctx.await_event("go")
    except Exception:
        return "swallowed"
    return "came"


async def _except_base_exception(ctx: perdure.Context) -> str:
    try:
        await ctx.await_event("go")
    except BaseException:
        return "swallowed"
    return "came"


async def _bare_retry(ctx: perdure.Context) -> str:
    for _ in range(3):
        try:
            await ctx.await_event("go")
        except BaseException:
            await asyncio.sleep(0)
            continue
        return "came"
    raise ValueError("given up")


async def _raises_something_else(ctx: perdure.Context) -> str:
    try:
        await ctx.await_event("go")
    except BaseException as error:
        raise ValueError("translated") from error
    return "came"


async def _steps_in_the_handler(ctx: perdure.Context) -> str:
    async def compensate() -> None:
        raise AssertionError("a step ran while the run unwound")

    try:
        await ctx.await_event("go")
    except BaseException:
        await ctx.step("compensate", compensate)
    return "came"


async def _return_in_finally(ctx: perdure.Context) -> str:
    came = "nothing"
    try:
        await ctx.await_event("go")
        came = "came"
    finally:
        return came  # noqa: B012 - that is the trap


async def _in_a_gather(ctx: perdure.Context) -> str:
    async def branch() -> str:
        try:
            await ctx.await_event("go")
        except BaseException:
            return "swallowed"
        return "came"

    first, _ = await ctx.gather(branch, branch)
    return first


@pytest.mark.parametrize(
    "flow",
    [
        _except_exception,
        _except_base_exception,
        _bare_retry,
        _raises_something_else,
        _steps_in_the_handler,
        _return_in_finally,
        _in_a_gather,
    ],
)
async def test_user_code_can_not_swallow_a_suspension(
    cluster: Cluster, flow: Callable[[perdure.Context], Awaitable[str]]
) -> None:
    run = await cluster.start(flow)
    await cluster.start_worker()
    await cluster.clock.settle()
    assert await cluster.status() == "suspended"
    await run.emit_event("go")
    assert await cluster.result(run) == "came"


async def test_user_code_that_will_not_end_is_given_up_and_its_run_is_suspended_all_the_same(cluster: Cluster) -> None:
    async def flow(ctx: perdure.Context) -> str:
        try:
            await ctx.await_event("go")
        except BaseException:
            cluster.done.append("hangs")
            await asyncio.Event().wait()
        return "came"

    run = await cluster.start(flow)
    await cluster.start_worker()
    await cluster.clock.advance(10)
    assert (await cluster.status(), cluster.done) == ("suspended", ["hangs"])
    await run.emit_event("go")
    assert await cluster.result(run) == "came"


async def test_user_code_that_swallows_each_unwinding_and_calls_again_stops_nobody_else(cluster: Cluster) -> None:
    over = asyncio.Event()

    async def flow(ctx: perdure.Context) -> str:
        while True:
            try:
                return await ctx.await_event("go")
            except BaseException:
                if len(cluster.done) > 1_000 or over.is_set():
                    raise
                cluster.done.append("swallowed")

    run = await cluster.start(flow)
    await cluster.start_worker()
    await cluster.clock.advance(10)
    assert await cluster.status() == "suspended"
    assert len(cluster.done) < 1_000
    await run.emit_event("go", "came")
    assert await cluster.result(run) == "came"
    over.set()


async def test_many_branches_that_unwind_are_not_taken_for_code_that_swallows(cluster: Cluster) -> None:
    async def flow(ctx: perdure.Context) -> list[Any]:
        async def one(number: int) -> Any:
            try:
                return await ctx.await_event(f"event {number}")
            except BaseException:
                await ctx.sleep(0)  # a handler that would do something: it is told that the attempt is over
                raise

        return await ctx.map(one, range(300))

    run = await cluster.start(flow)
    await cluster.start_worker()
    await cluster.clock.advance(0.5)
    assert await cluster.status() == "suspended"  # at once, and not when the attempt is given up
    for number in range(300):
        await run.emit_event(f"event {number}", number)
    assert await cluster.result(run) == list(range(300))
