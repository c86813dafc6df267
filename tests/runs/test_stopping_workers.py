"""A worker that stops claims nothing new, lets what runs end within its grace, and releases the rest."""

from __future__ import annotations

import asyncio
import threading

import pytest

import perdure
from tests.runs.stage import Stage


def takes(stage: Stage, seconds: float) -> perdure.Workflow[..., str]:
    async def work() -> str:
        stage.done.append("began")
        await stage.sleep(seconds)
        return "done"

    async def flow(ctx: perdure.Context) -> str:
        return await ctx.step("work", work)

    return stage.workflow(flow)


async def test_it_claims_nothing_new(stage: Stage) -> None:
    flow = takes(stage, 3)
    await stage.client.start(flow, run_id="one")
    hand = await stage.hand()
    await stage.clock.advance(1)
    stopping = asyncio.ensure_future(hand.worker.stop())
    await stage.client.start(flow, run_id="two")
    await stage.clock.until(stopping)
    assert [await stage.status(name) for name in ("one", "two")] == ["completed", "queued"]
    assert stage.clock.elapsed() == 3.0
    assert await stage.store.workers.list() == []


async def test_what_does_not_end_within_the_grace_is_released_for_others_at_once(stage: Stage) -> None:
    flow = takes(stage, 60)
    run = await stage.client.start(flow, run_id="run")
    hand = await stage.hand(grace=10.0)
    await stage.clock.advance(1)
    await stage.clock.until(hand.worker.stop())
    assert stage.clock.elapsed() == 11.0
    record = await stage.record()
    assert (record.status, record.worker_id, record.takeovers) == ("queued", None, 0)
    assert (await stage.step("0")).status == "in_doubt"
    await stage.hand()
    assert await stage.result(run, within=70) == "done"
    assert stage.done == ["began", "began"]


async def test_at_once_does_not_wait(stage: Stage) -> None:
    await stage.client.start(takes(stage, 60), run_id="run")
    hand = await stage.hand()
    await stage.clock.advance(1)
    await stage.clock.until(hand.worker.stop(at_once=True))
    assert stage.clock.elapsed() == 1.0
    assert await stage.status() == "queued"


async def test_a_second_stop_at_once_cuts_the_first_one_short(stage: Stage) -> None:
    await stage.client.start(takes(stage, 60), run_id="run")
    hand = await stage.hand(grace=30.0)
    await stage.clock.advance(1)
    first = asyncio.ensure_future(hand.worker.stop())
    await stage.clock.advance(2)
    assert not first.done()
    await hand.worker.stop(at_once=True)
    await stage.clock.until(first)
    assert stage.clock.elapsed() == 3.0
    assert await stage.status() == "queued"


async def test_stop_is_safe_twice_and_before_start(memory: Stage) -> None:
    worker = perdure.Worker(memory.store, memory.workflows, clock=memory.clock)
    await worker.stop()
    await worker.stop(at_once=True)
    hand = await memory.hand()
    await memory.clock.until(hand.worker.stop())
    await memory.clock.until(hand.worker.stop())
    await memory.clock.until(hand.worker.stop(at_once=True))


async def test_start_is_safe_twice(memory: Stage) -> None:
    hand = await memory.hand()
    await hand.worker.start()
    assert len(await memory.store.workers.list()) == 1
    await memory.clock.until(hand.worker.stop())


async def test_a_run_that_suspends_or_retries_meanwhile_leaves_the_worker(stage: Stage) -> None:
    async def flow(ctx: perdure.Context) -> str:
        async def work() -> None:
            await stage.sleep(2)

        await ctx.step("work", work)
        return await ctx.await_event("go")

    run = await stage.start(flow)
    hand = await stage.hand()
    await stage.clock.advance(1)
    await stage.clock.until(hand.worker.stop())
    assert (stage.clock.elapsed(), await stage.status()) == (2.0, "suspended")
    await run.emit_event("go", "gone")
    await stage.hand()
    assert await stage.result(run) == "gone"


async def test_user_code_that_swallows_its_release_is_given_up(stage: Stage) -> None:
    let_go = asyncio.Event()

    async def flow(ctx: perdure.Context) -> None:
        async def deaf() -> None:
            while not let_go.is_set():
                try:
                    await let_go.wait()
                except asyncio.CancelledError:
                    continue

        await ctx.step("deaf", deaf)

    await stage.start(flow)
    hand = await stage.hand()
    await stage.clock.advance(1)
    await stage.clock.until(hand.worker.stop(at_once=True))
    assert stage.clock.elapsed() <= 7
    assert await stage.status() == "queued"
    let_go.set()


async def test_a_run_that_was_being_cancelled_is_cancelled_by_its_release(stage: Stage) -> None:
    await stage.client.start(takes(stage, 60), run_id="run")
    hand = await stage.hand()
    await stage.clock.advance(1)
    cancelling = asyncio.ensure_future(stage.client.run("run").cancel())
    await stage.clock.until(hand.worker.stop(at_once=True))
    await stage.clock.until(cancelling)
    assert await stage.status() == "cancelled"


async def test_its_threads_end_with_it(memory: Stage) -> None:
    def work(number: int) -> int:
        return number

    async def flow(ctx: perdure.Context) -> int:
        return sum(await ctx.gather(*[ctx.step("work", work, number) for number in range(30)]))

    before = {thread for thread in threading.enumerate() if thread.name == "perdure-call"}
    await memory.run(flow)
    mine = {thread for thread in threading.enumerate() if thread.name == "perdure-call"} - before
    assert mine
    await memory.clock.until(memory.hands[0].worker.stop())
    for thread in mine:
        await asyncio.to_thread(thread.join, 10)
        assert not thread.is_alive()


@pytest.mark.parametrize("when", ["queued", "running"])
async def test_nothing_is_lost_by_a_worker_that_stops_and_another_that_starts(stage: Stage, when: str) -> None:
    flow = takes(stage, 3)
    runs = [await stage.client.start(flow, run_id=f"{number}") for number in range(5)]
    hand = await stage.hand(slots=2 if when == "queued" else 10, grace=0.5)
    await stage.clock.advance(1)
    await stage.clock.until(hand.worker.stop())
    await stage.hand()
    assert [await stage.result(run) for run in runs] == ["done"] * 5
