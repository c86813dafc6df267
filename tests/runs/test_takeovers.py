"""Takeovers: when a worker counts as dead, and when its runs as poisoned."""

from __future__ import annotations

import perdure
from perdure.stores.port import TakeOver
from perdure.testing.dying import die_here
from tests.runs.stage import LEASE_FOR, Stage, takes


async def test_the_runs_of_a_dead_worker_are_taken_over_when_its_lease_ends_and_not_before(stage: Stage) -> None:
    run = await stage.client.start(takes(stage, 5), run_id="run")
    await stage.hand()
    await stage.clock.advance(1)
    await stage.kill()
    await stage.hand()
    await stage.clock.advance(LEASE_FOR - 2)
    assert (await stage.record()).token == 1
    assert await stage.result(run) == "done"
    record = await stage.record()
    assert record.token == 3  # taken over, then claimed
    assert stage.done.count("ended") == 1


async def test_a_wall_clock_jump_moves_no_lease(stage: Stage) -> None:
    await stage.client.start(takes(stage, 20), run_id="run")
    await stage.hand()
    await stage.hand()
    await stage.clock.advance(1)
    for seconds in (3600, -7200, 86400):
        stage.clock.jump(seconds)
        await stage.clock.advance(2)
    record = await stage.record()
    assert (record.status, record.token, stage.done) == ("running", 1, ["began"])


async def test_a_worker_that_renews_at_the_last_moment_is_not_taken_over(stage: Stage) -> None:
    """The reaper looks at it, it renews, and then the takeover comes: it looks again."""
    await stage.client.start(takes(stage, 100), run_id="run")
    hand = await stage.hand()
    await stage.clock.advance(1)
    now = stage.clock.lease_now()
    (taken,) = await stage.store.commit(
        TakeOver(
            worker_id=hand.worker.worker_id, at=stage.clock.now(), lease_now=now, boot_id=hand.worker.holder.boot_id
        )
    )
    assert taken == []
    assert (await stage.record()).token == 1


async def test_a_step_that_kills_every_worker_is_poison(stage: Stage) -> None:
    async def flow(ctx: perdure.Context) -> None:
        async def harmless() -> None:
            return None

        await ctx.step("harmless", harmless)

        async def deadly() -> None:
            stage.done.append("began")
            await die_here()

        await ctx.step("deadly", deadly)

    await stage.start(flow)
    await stage.hand()
    for _ in range(6):
        await stage.restart()
    await stage.hand()
    await stage.clock.advance(LEASE_FOR * 2)
    record = await stage.record()
    assert record.failure is not None
    assert (record.status, record.failure.reason, record.takeovers) == ("failed", "poisoned", 6)
    assert len(stage.done) == 6
    await stage.clock.advance(LEASE_FOR * 2)
    assert len(stage.done) == 6


async def test_takeovers_with_progress_between_them_are_no_poison(stage: Stage) -> None:
    async def flow(ctx: perdure.Context) -> int:
        for number in range(8):

            async def work(number: int = number) -> None:
                stage.done.append(f"{number}")
                if stage.done.count(f"{number}") == 1:
                    await die_here()

            await ctx.step("work", work)
        return len(stage.done)

    run = await stage.start(flow)
    await stage.hand()
    for _ in range(8):
        await stage.restart()
    assert await stage.result(run) == 16


async def test_a_poisoned_run_can_be_restarted(stage: Stage) -> None:
    async def flow(ctx: perdure.Context) -> str:
        async def deadly() -> str:
            stage.done.append("began")
            if len(stage.done) <= 6:
                await die_here()
            return "survived"

        return await ctx.step("deadly", deadly)

    run = await stage.start(flow)
    await stage.hand()
    for _ in range(6):
        await stage.restart()
    await stage.hand()
    await stage.clock.advance(LEASE_FOR + 1)
    assert await stage.status() == "failed"
    await run.restart()
    assert await stage.result(run) == "survived"


# Strays: rows that name a worker which does not execute them.
