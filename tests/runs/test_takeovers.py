"""Takeovers: when a worker counts as dead, and when its runs as poisoned."""

from __future__ import annotations

import perdure
from perdure.stores.port import TakeOver
from perdure.testing.dying import die_here
from tests.runs.cluster import LEASE_FOR, Cluster, takes


async def test_the_runs_of_a_dead_worker_are_taken_over_when_its_lease_ends_and_not_before(cluster: Cluster) -> None:
    run = await cluster.client.start(takes(cluster, 5), run_id="run")
    await cluster.start_worker()
    await cluster.clock.advance(1)
    await cluster.kill()
    await cluster.start_worker()
    await cluster.clock.advance(LEASE_FOR - 2)
    assert (await cluster.record()).token == 1
    assert await cluster.result(run) == "done"
    record = await cluster.record()
    assert record.token == 3  # taken over, then claimed
    assert cluster.done.count("ended") == 1


async def test_a_wall_clock_jump_moves_no_lease(cluster: Cluster) -> None:
    await cluster.client.start(takes(cluster, 20), run_id="run")
    await cluster.start_worker()
    await cluster.start_worker()
    await cluster.clock.advance(1)
    for seconds in (3600, -7200, 86400):
        cluster.clock.jump(seconds)
        await cluster.clock.advance(2)
    record = await cluster.record()
    assert (record.status, record.token, cluster.done) == ("running", 1, ["began"])


async def test_a_worker_that_renews_at_the_last_moment_is_not_taken_over(cluster: Cluster) -> None:
    """The reaper looks at it, it renews, and then the takeover comes: it looks again."""
    await cluster.client.start(takes(cluster, 100), run_id="run")
    simulated = await cluster.start_worker()
    await cluster.clock.advance(1)
    now = cluster.clock.lease_now()
    (taken,) = await cluster.store.commit(
        TakeOver(
            worker_id=simulated.worker.worker_id,
            at=cluster.clock.now(),
            lease_now=now,
            boot_id=simulated.worker.holder.boot_id,
        )
    )
    assert taken == []
    assert (await cluster.record()).token == 1


async def test_a_step_that_kills_every_worker_is_poison(cluster: Cluster) -> None:
    async def flow(ctx: perdure.Context) -> None:
        async def harmless() -> None:
            return None

        await ctx.step("harmless", harmless)

        async def deadly() -> None:
            cluster.done.append("began")
            await die_here()

        await ctx.step("deadly", deadly)

    await cluster.start(flow)
    await cluster.start_worker()
    for _ in range(6):
        await cluster.restart()
    await cluster.start_worker()
    await cluster.clock.advance(LEASE_FOR * 2)
    record = await cluster.record()
    assert record.failure is not None
    assert (record.status, record.failure.reason, record.takeovers) == ("failed", "poisoned", 6)
    assert len(cluster.done) == 6
    await cluster.clock.advance(LEASE_FOR * 2)
    assert len(cluster.done) == 6


async def test_takeovers_with_progress_between_them_are_no_poison(cluster: Cluster) -> None:
    async def flow(ctx: perdure.Context) -> int:
        for number in range(8):

            async def work(number: int = number) -> None:
                cluster.done.append(f"{number}")
                if cluster.done.count(f"{number}") == 1:
                    await die_here()

            await ctx.step("work", work)
        return len(cluster.done)

    run = await cluster.start(flow)
    await cluster.start_worker()
    for _ in range(8):
        await cluster.restart()
    assert await cluster.result(run) == 16


async def test_a_poisoned_run_can_be_restarted(cluster: Cluster) -> None:
    async def flow(ctx: perdure.Context) -> str:
        async def deadly() -> str:
            cluster.done.append("began")
            if len(cluster.done) <= 6:
                await die_here()
            return "survived"

        return await ctx.step("deadly", deadly)

    run = await cluster.start(flow)
    await cluster.start_worker()
    for _ in range(6):
        await cluster.restart()
    await cluster.start_worker()
    await cluster.clock.advance(LEASE_FOR + 1)
    assert await cluster.status() == "failed"
    await run.restart()
    assert await cluster.result(run) == "survived"


# Strays: rows that name a worker which does not execute them.
