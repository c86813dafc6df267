"""run_durable: its lease, and who else wants the run."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any

import pytest

import perdure
from perdure.errors import (
    LeaseHeld,
    LeaseLost,
    SettingInvalid,
    StepFailed,
)
from perdure.runs.durable import Durable
from perdure.runs.heartbeat import STALL_LIMIT
from perdure.testing.dying import Process
from tests.runs.cluster import Cluster
from tests.runs.driving import Driver, manifest


async def value(number: int = 1) -> int:
    return number


async def test_the_lease_is_as_long_as_it_says_and_is_kept(cluster: Cluster, drive: Driver) -> None:
    async def task(ctx: perdure.Context) -> None:
        await ctx.step("long", cluster.sleep, 60.0)

    driving = asyncio.ensure_future(drive(task, lease_for=timedelta(seconds=6), worker_id="ana"))
    await cluster.clock.advance(1)
    (worker,) = await cluster.store.workers.list()
    assert (worker.worker_id, worker.lease_until - cluster.clock.lease_now()) == ("ana", 5.0)
    done = await cluster.clock.until(driving)
    assert done.record.token == 1


@pytest.mark.parametrize("lease_for", [0, -1, float("nan"), float("inf")])
async def test_a_lease_that_makes_no_sense_is_refused(cluster: Cluster, drive: Driver, lease_for: float) -> None:
    async def task(ctx: perdure.Context) -> None:
        return None

    with pytest.raises(SettingInvalid) as refused:
        await cluster.clock.until(drive(task, lease_for=lease_for))
    assert "lease_for" in str(refused.value)
    assert await cluster.store.runs.get("run", tenant=None) is None


async def test_a_lost_lease_is_raised_and_nothing_is_written(cluster: Cluster, drive: Driver) -> None:
    async def task(ctx: perdure.Context) -> str:
        token = ctx.token

        async def work() -> str:
            await cluster.sleep(300)
            return f"by {token}"

        return await ctx.step("work", work)

    process = Process(cluster.clock, cluster.store)
    loser = process.run(drive(task, store=process.store, clock=process.clock))
    await cluster.clock.advance(1)
    process.clock.kill()  # its time stands still: it is stopped, not dead
    await cluster.clock.advance(STALL_LIMIT + 1)  # where its life is proven, it is dead only then
    winner = asyncio.ensure_future(drive(task))
    await cluster.clock.advance(1)
    taken = await cluster.record()
    process.store.inner = cluster.store
    with pytest.raises(LeaseLost):
        await cluster.clock.until(_resumed(cluster, loser))
    assert (await cluster.record()).token == taken.token
    assert (await cluster.clock.until(winner, within=310)).result == f"by {taken.token}"


async def test_of_many_that_start_one_run_at_once_one_executes_it_and_the_others_are_refused_by_type(
    cluster: Cluster, drive: Driver
) -> None:
    async def task(ctx: perdure.Context) -> str:
        async def work() -> str:
            cluster.done.append("worked")
            await cluster.sleep(1)
            return "done"

        return await ctx.step("work", work)

    drives = [asyncio.ensure_future(drive(task)) for _ in range(20)]
    ends = await cluster.clock.until(asyncio.gather(*drives, return_exceptions=True))
    assert cluster.done == ["worked"]
    won = [end for end in ends if not isinstance(end, BaseException)]
    lost = [end for end in ends if isinstance(end, BaseException)]
    assert (len(won), {type(error) for error in lost}) == (1, {LeaseHeld})


async def test_of_two_that_restart_one_failed_run_at_once_one_executes_it_and_the_other_is_refused_by_type(
    cluster: Cluster, drive: Driver
) -> None:
    async def task(ctx: perdure.Context) -> str:
        async def work() -> str:
            cluster.done.append("worked")
            if len(cluster.done) == 1:
                raise ValueError
            await cluster.sleep(1)
            return "done"

        return await ctx.step("work", work)

    with pytest.raises(StepFailed):
        await cluster.clock.until(drive(task))
    drives = [asyncio.ensure_future(drive(task)) for _ in range(2)]
    ends = await cluster.clock.until(asyncio.gather(*drives, return_exceptions=True))
    assert cluster.done == ["worked", "worked"]
    assert {type(end) for end in ends} == {Durable, LeaseHeld}


async def test_two_drivers_with_one_worker_id_at_once_lose_nothing_but_a_lease(cluster: Cluster, drive: Driver) -> None:
    async def task(ctx: perdure.Context, seconds: float) -> str:
        await ctx.step("work", cluster.sleep, seconds)
        return f"after {seconds}"

    def long() -> Coroutine[Any, Any, Durable[Any]]:
        return drive(task, run_id="long", worker_id="ana", manifest=manifest(input=5.0))

    first = asyncio.ensure_future(long())
    await cluster.clock.advance(0.5)
    second = asyncio.ensure_future(drive(task, run_id="short", worker_id="ana", manifest=manifest(input=1.0)))
    done: Durable[str] = await cluster.clock.until(second)
    assert done.result == "after 1.0"
    with pytest.raises(LeaseLost):
        await cluster.clock.until(first)
    assert await cluster.status("long") in {"queued", "running"}
    again: Durable[str] = await cluster.clock.until(long())
    assert again.result == "after 5.0"


async def test_a_run_that_another_one_holds_is_refused_with_holder_and_expiry(cluster: Cluster, drive: Driver) -> None:
    async def task(ctx: perdure.Context) -> None:
        await ctx.step("hangs", asyncio.Event().wait)

    first = asyncio.ensure_future(drive(task, worker_id="ana", lease_for=20))
    await cluster.clock.advance(0.5)
    with pytest.raises(LeaseHeld) as held:
        await cluster.clock.until(drive(task, worker_id="bob"))
    assert (held.value.run_id, held.value.holder) == ("run", "ana")
    assert held.value.expires_at is not None
    left = held.value.expires_at - cluster.clock.now()
    assert timedelta(seconds=19) < left <= timedelta(seconds=20)
    assert [worker.worker_id for worker in await cluster.store.workers.list()] == ["ana"]
    first.cancel()
    await cluster.clock.until(asyncio.gather(first, return_exceptions=True))


async def _resumed(cluster: Cluster, loser: asyncio.Task[Any]) -> Any:
    """The loser finds out by itself: by the news of its run."""
    return await loser
