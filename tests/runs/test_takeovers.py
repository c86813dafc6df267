"""Takeovers: when a worker counts as dead, and when its runs as poisoned."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import perdure
from perdure.core.operations import TakeOver
from perdure.core.suspicion import ALONE_AT, POISONED_AT, SUSPECT_AT
from perdure.testing.dying import die_here
from tests.runs.cluster import LEASE_FOR, Cluster, deaths, takes
from tests.runs.test_renewals_that_fail import Unrenewed

DEATHS = SUSPECT_AT + POISONED_AT
"""How many workers a run kills that is alone with each of them, until it has failed."""


async def test_the_runs_of_a_dead_worker_are_taken_over_when_its_lease_ends_and_not_before(memory: Cluster) -> None:
    run = await memory.client.start(takes(memory, 5), run_id="run")
    await memory.start_worker()
    await memory.clock.advance(1)
    await memory.kill()
    await memory.start_worker()
    await memory.clock.advance(LEASE_FOR - 2)
    assert (await memory.record()).token == 1
    assert await memory.result(run) == "done"
    record = await memory.record()
    assert record.token == 3  # taken over, then claimed
    assert memory.done.count("ended") == 1


async def test_the_runs_of_a_worker_whose_death_is_proven_are_taken_over_at_once(sqlite: Cluster) -> None:
    run = await sqlite.client.start(takes(sqlite, 5), run_id="run")
    await sqlite.start_worker()
    await sqlite.clock.advance(1)
    await sqlite.kill()
    await sqlite.start_worker()
    await sqlite.clock.settle()
    assert ((await sqlite.record()).token, sqlite.taken) == (3, ["run"])
    assert await sqlite.result(run, within=6) == "done"
    assert sqlite.done.count("ended") == 1


async def test_all_runs_of_a_dead_worker_are_taken_over_at_once_however_many_it_had(sqlite: Cluster) -> None:
    many = 2 * 100 + 3  # a takeover takes a hundred at most
    flow = takes(sqlite, 5)
    runs = [await sqlite.client.start(flow, run_id=f"run {number}") for number in range(many)]
    await sqlite.start_worker()
    await sqlite.clock.advance(1)
    await sqlite.kill()
    await sqlite.start_worker()
    await sqlite.clock.settle()
    assert len(sqlite.taken) == many
    assert {(await run.record()).token for run in runs} == {3}


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
    """The recovery looks at it, it renews, and then the takeover comes: it looks again."""
    await cluster.client.start(takes(cluster, 100), run_id="run")
    simulated = await cluster.start_worker()
    await cluster.clock.advance(1)
    holder = simulated.worker.holder
    take = TakeOver(worker_id=holder.worker_id, incarnation=holder.incarnation, at=cluster.clock.now())
    assert await cluster.store.execute(take) == ()
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
    for _ in range(DEATHS - 1):
        await cluster.restart()
    await cluster.start_worker()
    await cluster.clock.advance(LEASE_FOR * 2)
    record = await cluster.record()
    assert record.failure is not None
    assert (record.status, record.failure.reason) == ("failed", "poisoned")
    assert record.failure.message == (
        "5 workers died while they executed it, without a step or a chunk between; 3 of them had nothing else"
    )
    assert len(cluster.done) == DEATHS
    await cluster.clock.advance(LEASE_FOR * 2)
    assert len(cluster.done) == DEATHS


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


async def test_a_suspension_takes_the_suspicion_back(cluster: Cluster) -> None:
    async def flow(ctx: perdure.Context) -> str:
        cluster.done.append("began")
        if len(cluster.done) <= SUSPECT_AT:
            await die_here()
        return await ctx.await_event("go")

    run = await cluster.start(flow)
    await cluster.start_worker()
    for _ in range(SUSPECT_AT):
        await cluster.restart()
    assert (await cluster.status(), deaths(await cluster.record())) == ("suspended", 0)
    await run.emit_event("go", "gone")
    assert await cluster.result(run) == "gone"


async def test_the_neighbours_of_poison_complete(cluster: Cluster) -> None:
    """Each death counts against them too, and none of them is ever alone at one: they are not failed as poisoned."""

    async def poison(ctx: perdure.Context) -> None:
        async def deadly() -> None:
            await cluster.sleep(0.2)
            cluster.done.append("killed")
            await die_here()

        await ctx.step("deadly", deadly)

    async def harmless(ctx: perdure.Context) -> str:
        async def work() -> str:
            await cluster.sleep(0.5)
            return "done"

        return await ctx.step("work", work)

    declared = cluster.workflow(harmless)
    runs = [await cluster.client.start(declared, run_id=f"before {number}") for number in range(3)]
    await cluster.start(poison)
    runs += [await cluster.client.start(declared, run_id=f"after {number}") for number in range(3)]
    await cluster.start_worker()
    for _ in range(12):
        await cluster.restart()
    assert [(await run.record()).status for run in runs] == ["completed"] * len(runs)
    record = await cluster.record()
    assert record.failure is not None
    assert (record.status, record.failure.reason) == ("failed", "poisoned")
    assert len(cluster.done) <= 2 * DEATHS


async def test_a_suspect_that_died_on_trial_waits_until_a_worker_has_nothing_else(cluster: Cluster) -> None:
    async def poison(ctx: perdure.Context) -> None:
        cluster.done.append("killed")
        await die_here()

    async def busy(ctx: perdure.Context) -> None:
        await ctx.step("work", cluster.sleep, 60)

    await cluster.start(poison)
    await cluster.start_worker()
    for _ in range(ALONE_AT - 1):
        await cluster.restart()
    await cluster.start(busy, run_id="busy")
    await cluster.clock.advance(1)  # it has been claimable for longer than what is taken over now
    await cluster.start_worker()
    await cluster.clock.advance(LEASE_FOR + 10)
    assert (await cluster.status("busy"), await cluster.status()) == ("running", "queued")
    assert len(cluster.done) == ALONE_AT
    await cluster.clock.advance(30)
    assert (await cluster.status("busy"), len(cluster.done)) == ("completed", ALONE_AT + 1)


async def test_a_poisoned_run_can_be_restarted(cluster: Cluster) -> None:
    async def flow(ctx: perdure.Context) -> str:
        async def deadly() -> str:
            cluster.done.append("began")
            if len(cluster.done) <= DEATHS:
                await die_here()
            return "survived"

        return await ctx.step("deadly", deadly)

    run = await cluster.start(flow)
    await cluster.start_worker()
    for _ in range(DEATHS - 1):
        await cluster.restart()
    await cluster.start_worker()
    await cluster.clock.advance(LEASE_FOR + 1)
    assert await cluster.status() == "failed"
    await run.restart()
    assert await cluster.result(run) == "survived"


async def test_a_worker_that_gets_its_run_back_waits_until_its_own_earlier_attempt_has_unwound(
    memory: Cluster,
) -> None:
    running, at_once = 0, list[int]()

    async def slow_to_leave() -> None:
        nonlocal running
        running += 1
        at_once.append(running)
        try:
            if len(at_once) == 1:
                await asyncio.Event().wait()
        finally:
            for _ in range(2):  # it is cancelled twice: when its lease has ended, and when that is known to be lost
                with suppress(asyncio.CancelledError):
                    await memory.sleep(2)
            running -= 1

    async def flow(ctx: perdure.Context) -> None:
        await ctx.step("slow", slow_to_leave)

    run = await memory.start(flow)
    frozen = Unrenewed(memory)
    frozen.is_down = False
    await memory.start_worker(store=frozen, lease_for=1.0)
    await memory.clock.advance(0.5)
    frozen.is_down = True
    await memory.start_worker(queues={"other": 1}, lease_for=1.0)
    while (await run.record()).status == "running":
        await memory.clock.advance(0.1)
    frozen.is_down = False
    await memory.result(run)
    assert at_once == [1, 1]
