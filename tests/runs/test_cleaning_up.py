"""What a workflow registers with `on_cancel`: it runs after a cancel, with the context, within the cancel's time."""

from __future__ import annotations

import asyncio

import perdure
from tests.runs.cluster import Cluster


async def test_what_is_to_be_cleaned_up_may_still_commit_last_registered_first(cluster: Cluster) -> None:
    async def flow(ctx: perdure.Context) -> None:
        async def undo(what: str) -> None:
            cluster.done.append(what)

        async def one() -> None:
            await ctx.step("undo one", undo, "one")
            await ctx.sleep(0.5)
            await ctx.step("undo one more", undo, "one more")

        async def two() -> None:
            await ctx.step("undo two", undo, "two")
            raise ValueError("a cleanup that fails keeps nobody else from cleaning up")

        ctx.on_cancel(one)
        ctx.on_cancel(two)
        await ctx.step("hangs", asyncio.Event().wait)

    run = await cluster.start(flow)
    await cluster.start_worker()
    await cluster.clock.advance(1)
    assert (await cluster.clock.until(run.cancel())).status == "cancelled"
    assert cluster.done == ["two", "one", "one more"]
    names = [step.name for position, step in (await cluster.steps()).items() if position.startswith("cancel")]
    assert names == ["undo two", "undo one", "sleep", "undo one more"]


async def test_a_cleanup_that_takes_too_long_is_cut_off_within_the_bound(cluster: Cluster) -> None:
    async def flow(ctx: perdure.Context) -> None:
        async def forever() -> None:
            await ctx.step("forever", asyncio.Event().wait)

        ctx.on_cancel(forever)
        await ctx.step("hangs", asyncio.Event().wait)

    run = await cluster.start(flow)
    simulated = await cluster.start_worker()
    await cluster.clock.advance(1)
    began = cluster.clock.elapsed()
    assert (await cluster.clock.until(run.cancel(), within=20)).status == "cancelled"
    assert cluster.clock.elapsed() - began <= 6
    await cluster.clock.advance(10)
    assert simulated.worker.holder.attempts == {}


async def test_cleanups_are_for_a_cancel_only(cluster: Cluster) -> None:
    async def flow(ctx: perdure.Context) -> str:
        async def undo() -> None:
            cluster.done.append("undone")

        ctx.on_cancel(undo)
        await ctx.await_event("go")
        return "done"

    run = await cluster.start(flow)
    await cluster.start_worker()
    await cluster.clock.settle()
    await run.emit_event("go")
    assert await cluster.result(run) == "done"
    assert cluster.done == []


async def test_what_is_cleaned_up_hears_of_events_and_of_children(cluster: Cluster) -> None:
    async def undo(ctx: perdure.Context) -> str:
        return await ctx.step("undo", lambda: "undone")

    undoing = cluster.workflow(undo)

    async def flow(ctx: perdure.Context) -> None:
        async def clean() -> None:
            cluster.done.append(await (await ctx.start(undoing)).result())
            cluster.done.append(await ctx.await_event("confirmed"))

        ctx.on_cancel(clean)
        await ctx.await_event("never")

    run = await cluster.start(flow)
    await cluster.start_worker()
    await cluster.clock.settle()
    cancelling = asyncio.ensure_future(run.cancel("enough"))
    await cluster.clock.advance(1)
    assert await run.emit_event("confirmed", "yes")
    assert (await cluster.clock.until(cancelling)).status == "cancelled"
    assert cluster.done == ["undone", "yes"]
