"""A run that must have a worker for itself is executed, also where no worker is ever empty."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from perdure import Context
from perdure.core import suspicion
from perdure.core.operations import RegisterWorker, TakeOver, TakeRun
from perdure.runs import claim_pause
from tests.runs.cluster import Cluster

STEP_TAKES = 3.0


async def die_with(cluster: Cluster, *run_ids: str, number: int) -> None:
    """Let a worker take these runs and die."""
    own: dict[str, Any] = {"worker_id": f"mortal-{number}", "incarnation": "1"}
    at = cluster.clock.now()
    await cluster.store.execute(
        RegisterWorker(
            **own, at=at, lease_for=1.0, stall_limit=1.0, host="a", pid=1, process_token="", queues=("default",)
        )
    )
    for run_id in run_ids:
        await cluster.store.execute(TakeRun(tenant=None, run_id=run_id, claim_id=f"{run_id}-{number}", at=at, **own))
    await cluster.clock.advance(2)
    taken = await cluster.store.execute(TakeOver(at=cluster.clock.now(), **own))
    assert sorted(run_id for _, run_id in taken) == sorted(run_ids)


def takes(cluster: Cluster, seconds: float) -> Callable[[Context, int], Any]:
    async def busy(ctx: Context, number: int) -> int:
        async def work() -> int:
            await cluster.sleep(seconds)
            return number

        return await ctx.step("work", work)

    busy.__name__ = busy.__qualname__ = f"busy_{seconds:g}"
    return busy


async def feed(cluster: Cluster, seconds: float) -> None:
    """Start a run every second, for ever."""
    number = 0
    while True:
        number += 1
        await cluster.start(takes(cluster, seconds), number, run_id=f"busy-{number}")
        await cluster.sleep(1)


async def quick(ctx: Context) -> str:
    return await ctx.step("quick", lambda: "done")


async def prepare_suspect(cluster: Cluster) -> None:
    await cluster.start(takes(cluster, STEP_TAKES), 0, run_id="first")  # what a worker claims first
    await cluster.start(quick, run_id="suspect")
    await cluster.start(takes(cluster, 1), 0, run_id="beside")
    for number in range(suspicion.ALONE_AT):
        await die_with(cluster, "suspect", "beside", number=number)
    assert suspicion.must_be_alone(await cluster.record("suspect"))


async def test_a_worker_that_is_never_empty_makes_room_for_a_run_that_must_be_alone(memory: Cluster) -> None:
    cluster = memory  # where a death needs no proof
    await prepare_suspect(cluster)
    feeding = asyncio.ensure_future(feed(cluster, STEP_TAKES))
    await cluster.start_worker()
    await cluster.clock.advance(claim_pause.WAITS_AFTER - 2)
    assert (await cluster.record("suspect")).status == "queued"
    await cluster.clock.advance(claim_pause.LOOK_EVERY + claim_pause.PAUSE_FOR)
    assert (await cluster.record("suspect")).status == "completed"
    await cluster.clock.advance(2 * STEP_TAKES)
    assert (await cluster.record("busy-1")).status == "completed"
    feeding.cancel()


async def test_what_goes_on_for_long_holds_up_others_for_a_short_time_only(memory: Cluster) -> None:
    cluster = memory  # where a death needs no proof
    await prepare_suspect(cluster)
    await cluster.start(takes(cluster, 1000), 0, run_id="long")
    feeding = asyncio.ensure_future(feed(cluster, STEP_TAKES))
    await cluster.start_worker()
    await cluster.clock.advance(100)
    ended = [run for run in await cluster.client.runs(status=("completed",)) if run.run_id.startswith("busy")]
    held_up = 2 * claim_pause.PAUSE_FOR + STEP_TAKES
    assert len(ended) >= 100 - held_up - 5
    assert (await cluster.record("long")).status == "running"
    feeding.cancel()
