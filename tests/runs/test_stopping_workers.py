"""A worker that stops claims nothing new, lets what runs end within its grace, and releases the rest."""

from __future__ import annotations

import asyncio
import threading

import pytest

import perdure
from tests.runs.cluster import Cluster, deaths


def takes(cluster: Cluster, seconds: float) -> perdure.Workflow[..., str]:
    async def work() -> str:
        cluster.done.append("began")
        await cluster.sleep(seconds)
        return "done"

    async def flow(ctx: perdure.Context) -> str:
        return await ctx.step("work", work)

    return cluster.workflow(flow)


async def test_it_claims_nothing_new(cluster: Cluster) -> None:
    flow = takes(cluster, 3)
    await cluster.client.start(flow, run_id="one")
    simulated = await cluster.start_worker()
    await cluster.clock.advance(1)
    stopping = asyncio.ensure_future(simulated.worker.stop())
    await cluster.client.start(flow, run_id="two")
    await cluster.clock.until(stopping)
    assert [await cluster.status(name) for name in ("one", "two")] == ["completed", "queued"]
    assert cluster.clock.elapsed() == 3.0
    assert await cluster.store.workers.list() == []


async def test_what_does_not_end_within_the_grace_is_released_for_others_at_once(cluster: Cluster) -> None:
    flow = takes(cluster, 60)
    run = await cluster.client.start(flow, run_id="run")
    simulated = await cluster.start_worker(grace=10.0)
    await cluster.clock.advance(1)
    await cluster.clock.until(simulated.worker.stop())
    assert cluster.clock.elapsed() == 11.0
    record = await cluster.record()
    assert (record.status, record.worker_id, deaths(record)) == ("queued", None, 0)
    assert (await cluster.step("0")).status == "in_doubt"
    await cluster.start_worker()
    assert await cluster.result(run, within=70) == "done"
    assert cluster.done == ["began", "began"]


async def test_at_once_does_not_wait(cluster: Cluster) -> None:
    await cluster.client.start(takes(cluster, 60), run_id="run")
    simulated = await cluster.start_worker()
    await cluster.clock.advance(1)
    await cluster.clock.until(simulated.worker.stop(at_once=True))
    assert cluster.clock.elapsed() == 1.0
    assert await cluster.status() == "queued"


async def test_a_second_stop_at_once_cuts_the_first_one_short(cluster: Cluster) -> None:
    await cluster.client.start(takes(cluster, 60), run_id="run")
    simulated = await cluster.start_worker(grace=30.0)
    await cluster.clock.advance(1)
    first = asyncio.ensure_future(simulated.worker.stop())
    await cluster.clock.advance(2)
    assert not first.done()
    await simulated.worker.stop(at_once=True)
    await cluster.clock.until(first)
    assert cluster.clock.elapsed() == 3.0
    assert await cluster.status() == "queued"


async def test_a_stop_that_is_cancelled_before_it_has_begun_is_made_all_the_same(cluster: Cluster) -> None:
    await cluster.client.start(takes(cluster, 60), run_id="run")
    simulated = await cluster.start_worker(grace=30.0)
    await cluster.clock.advance(1)
    stopping = asyncio.ensure_future(simulated.worker.stop())
    await asyncio.sleep(0)
    inside = [task for task in asyncio.all_tasks() if "Worker._stop" in repr(task.get_coro())]
    for task in (*inside, stopping):
        task.cancel()
    assert inside
    with pytest.raises(asyncio.CancelledError):
        await cluster.clock.until(stopping)
    assert (cluster.clock.elapsed(), await cluster.status()) == (1.0, "queued")
    assert await cluster.store.workers.list() == []


async def test_stop_is_safe_twice_and_before_start(memory: Cluster) -> None:
    worker = perdure.Worker(memory.store, memory.workflows, clock=memory.clock)
    await worker.stop()
    await worker.stop(at_once=True)
    simulated = await memory.start_worker()
    await memory.clock.until(simulated.worker.stop())
    await memory.clock.until(simulated.worker.stop())
    await memory.clock.until(simulated.worker.stop(at_once=True))


async def test_start_is_safe_twice(memory: Cluster) -> None:
    simulated = await memory.start_worker()
    await simulated.worker.start()
    assert len(await memory.store.workers.list()) == 1
    await memory.clock.until(simulated.worker.stop())


async def test_a_run_that_suspends_or_retries_meanwhile_leaves_the_worker(cluster: Cluster) -> None:
    async def flow(ctx: perdure.Context) -> str:
        async def work() -> None:
            await cluster.sleep(2)

        await ctx.step("work", work)
        return await ctx.await_event("go")

    run = await cluster.start(flow)
    simulated = await cluster.start_worker()
    await cluster.clock.advance(1)
    await cluster.clock.until(simulated.worker.stop())
    assert (cluster.clock.elapsed(), await cluster.status()) == (2.0, "suspended")
    await run.emit_event("go", "gone")
    await cluster.start_worker()
    assert await cluster.result(run) == "gone"


async def test_a_step_that_swallows_its_release_is_given_up_and_its_run_is_held_until_it_ends(
    cluster: Cluster,
) -> None:
    may_end = asyncio.Event()

    async def flow(ctx: perdure.Context) -> None:
        async def unresponsive() -> None:
            cluster.done.append("began")
            while not may_end.is_set():
                try:
                    await may_end.wait()
                except asyncio.CancelledError:
                    continue
            cluster.done.append("ended")

        await ctx.step("unresponsive", unresponsive)

    run = await cluster.start(flow)
    simulated = await cluster.start_worker()
    await cluster.clock.advance(1)
    try:
        await cluster.clock.until(simulated.worker.stop(at_once=True))
        assert cluster.clock.elapsed() <= 7
        await cluster.start_worker()
        await cluster.clock.advance(100)
        assert (await cluster.status(), cluster.done) == ("running", ["began"])
    finally:
        may_end.set()
    await cluster.result(run)
    assert cluster.done == ["began", "ended"]


async def test_a_synchronous_step_that_outlives_the_stop_holds_its_run_until_it_ends(cluster: Cluster) -> None:
    may_end = threading.Event()

    def slow() -> str:
        cluster.done.append("began")
        may_end.wait(30)
        cluster.done.append("ended")
        return "done"

    async def flow(ctx: perdure.Context) -> str:
        return await ctx.step("slow", slow)

    run = await cluster.start(flow)
    simulated = await cluster.start_worker()
    await cluster.clock.settle()
    try:
        await cluster.clock.until(simulated.worker.stop(at_once=True))
        assert cluster.clock.elapsed() <= 7
        await cluster.start_worker()
        await cluster.clock.advance(100)
        assert (await cluster.status(), cluster.done) == ("running", ["began"])
        assert len(await cluster.store.workers.list()) == 2
    finally:
        may_end.set()
    assert await cluster.result(run) == "done"
    assert cluster.done == ["began", "ended"], "what it returned was committed"
    assert len(await cluster.store.workers.list()) == 1


async def test_a_run_that_was_being_cancelled_is_cancelled_by_its_release(cluster: Cluster) -> None:
    await cluster.client.start(takes(cluster, 60), run_id="run")
    simulated = await cluster.start_worker()
    await cluster.clock.advance(1)
    cancelling = asyncio.ensure_future(cluster.client.run("run").cancel())
    await cluster.clock.until(simulated.worker.stop(at_once=True))
    await cluster.clock.until(cancelling)
    assert await cluster.status() == "cancelled"


async def test_its_threads_end_with_it(memory: Cluster) -> None:
    def work(number: int) -> int:
        return number

    async def flow(ctx: perdure.Context) -> int:
        return sum(await ctx.gather(*[ctx.step("work", work, number) for number in range(30)]))

    before = {thread for thread in threading.enumerate() if thread.name == "perdure-call"}
    await memory.run(flow)
    mine = {thread for thread in threading.enumerate() if thread.name == "perdure-call"} - before
    assert mine
    await memory.clock.until(memory.workers[0].worker.stop())
    for thread in mine:
        await asyncio.to_thread(thread.join, 10)
        assert not thread.is_alive()


@pytest.mark.parametrize("when", ["queued", "running"])
async def test_nothing_is_lost_by_a_worker_that_stops_and_another_that_starts(cluster: Cluster, when: str) -> None:
    flow = takes(cluster, 3)
    runs = [await cluster.client.start(flow, run_id=f"{number}") for number in range(5)]
    simulated = await cluster.start_worker(slots=2 if when == "queued" else 10, grace=0.5)
    await cluster.clock.advance(1)
    await cluster.clock.until(simulated.worker.stop())
    await cluster.start_worker()
    assert [await cluster.result(run) for run in runs] == ["done"] * 5
