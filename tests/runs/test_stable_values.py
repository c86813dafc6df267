"""now, uuid and random: the same in every replay, and another one in every run."""

from __future__ import annotations

from typing import Any

import perdure
from tests.runs.cluster import Cluster


async def test_they_are_the_same_in_every_replay(cluster: Cluster) -> None:
    seen: list[list[Any]] = []

    async def flow(ctx: perdure.Context) -> None:
        async def branch() -> list[Any]:
            return [ctx.uuid(), ctx.random().random(), await ctx.now()]

        both = await ctx.gather(branch, branch)
        source = ctx.random()
        seen.append([ctx.uuid(), ctx.uuid(), source.random(), source.random(), await ctx.now(), *both])
        await ctx.await_event("go")

    run = await cluster.start(flow)
    await cluster.start_worker()
    await cluster.clock.advance(5)
    await cluster.kill()
    await cluster.clock.advance(60)
    await run.emit_event("go")
    await cluster.start_worker()
    await cluster.result(run)
    first, second = seen
    assert first == second
    assert len({str(value) for value in first[:4]}) == 4
    (one, other) = first[5:]
    assert one[:2] != other[:2]
    assert first[0].version == 4


async def test_they_are_others_in_another_run(memory: Cluster) -> None:
    async def flow(ctx: perdure.Context) -> list[Any]:
        return [str(ctx.uuid()), ctx.random().random()]

    one = await memory.run(flow, run_id="one")
    other = await memory.run(flow, run_id="other")
    assert set(one).isdisjoint(other)


async def test_now_is_aware_and_is_the_instant_of_the_clock(memory: Cluster) -> None:
    async def flow(ctx: perdure.Context) -> bool:
        now = await ctx.now()
        return now == memory.clock.now() and now.utcoffset() is not None

    assert await memory.run(flow) is True


async def test_a_restart_keeps_them(memory: Cluster) -> None:
    seen: list[str] = []

    async def flow(ctx: perdure.Context) -> None:
        async def fails_once() -> None:
            if len(seen) < 2:
                raise ValueError

        seen.append(f"{ctx.uuid()} {await ctx.now()}")
        await ctx.step("fails once", fails_once)

    run = await memory.start(flow)
    await memory.start_worker()
    await memory.clock.until(run.wait())
    await memory.clock.advance(10)
    await run.restart()
    await memory.result(run)
    assert len(set(seen)) == 1
    assert len(seen) == 2
