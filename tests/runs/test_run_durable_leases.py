"""run_durable: its lease, and who else wants the run."""

from __future__ import annotations

import asyncio
import threading
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
from tests.runs.driving import Driver


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


@pytest.mark.parametrize("run_id", ["run", "another"])
async def test_a_second_driver_with_the_worker_id_of_one_that_lives_is_refused_and_the_first_goes_on(
    cluster: Cluster, drive: Driver, run_id: str
) -> None:
    async def task(ctx: perdure.Context) -> str:
        await ctx.step("work", cluster.sleep, 5.0)
        return "worked"

    first = asyncio.ensure_future(drive(task, worker_id="ana"))
    await cluster.clock.advance(0.5)
    with pytest.raises(SettingInvalid, match="'ana' already") as refused:
        await cluster.clock.until(drive(task, run_id=run_id, worker_id="ana"))
    assert refused.value.field == "worker_id"
    done: Durable[str] = await cluster.clock.until(first)
    assert (done.result, done.record.token) == ("worked", 1)
    again: Durable[str] = await cluster.clock.until(drive(task, run_id="another", worker_id="ana"))
    assert again.result == "worked"


async def test_of_two_that_begin_at_once_with_one_worker_id_one_is_refused(cluster: Cluster, drive: Driver) -> None:
    async def task(ctx: perdure.Context) -> None:
        await ctx.step("work", cluster.sleep, 5.0)

    drives = [asyncio.ensure_future(drive(task, run_id=name, worker_id="ana")) for name in ("one", "two")]
    ends = await cluster.clock.until(asyncio.gather(*drives, return_exceptions=True))
    assert {type(end) for end in ends} == {Durable, SettingInvalid}


async def test_a_driver_with_the_id_of_a_worker_that_lives_is_refused_and_so_is_the_worker(
    cluster: Cluster, drive: Driver
) -> None:
    async def task(ctx: perdure.Context) -> None:
        await ctx.step("work", cluster.sleep, 5.0)

    worker = perdure.Worker(cluster.store, cluster.workflows, clock=cluster.clock, worker_id="ana")
    await worker.start()
    with pytest.raises(SettingInvalid, match="'ana' already"):
        await cluster.clock.until(drive(task, worker_id="ana"))
    await cluster.clock.until(worker.stop())
    driving = asyncio.ensure_future(drive(task, worker_id="ana"))
    await cluster.clock.advance(0.5)
    with pytest.raises(SettingInvalid, match="'ana' already"):
        await worker.start()
    await cluster.clock.until(driving)
    await worker.start()
    await cluster.clock.until(worker.stop())


async def test_while_a_function_of_a_driver_that_was_cancelled_goes_on_its_worker_id_is_taken(
    memory: Cluster,
) -> None:
    drive = Driver(memory)
    began, may_end = threading.Event(), threading.Event()
    running: list[int] = [0, 0]

    def work() -> None:
        running[0] += 1
        running[1] = max(running)
        began.set()
        may_end.wait(30)
        running[0] -= 1

    async def task(ctx: perdure.Context) -> None:
        await ctx.step("work", work)

    first = asyncio.ensure_future(drive(task, worker_id="ana"))
    assert await asyncio.to_thread(began.wait, 30)
    first.cancel()
    await memory.clock.advance(10)
    with pytest.raises(asyncio.CancelledError):
        await memory.clock.until(first)
    with pytest.raises(SettingInvalid, match="'ana' already"):
        await memory.clock.until(drive(task, worker_id="ana"))
    may_end.set()
    while await memory.store.workers.list():
        await memory.clock.advance(0.1)
    await memory.clock.until(drive(task, worker_id="ana"))
    assert running == [0, 1]


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
