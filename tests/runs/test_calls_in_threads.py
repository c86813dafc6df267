"""Synchronous functions in threads: one that was given up gives its place back, and a step's time is its function's."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Iterator

import pytest

import perdure
from perdure import Retry
from perdure.errors import StepFailed, StepTimedOut, ThreadsExhausted
from perdure.runs.pool import MAX_THREADS, Pool
from tests.runs.cluster import Cluster
from tests.runs.driving import Driver


@pytest.fixture
def may_end() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not is_so():  # noqa: ASYNC110 - a thread makes it so
            await asyncio.sleep(0.001)


async def hang(pool: Pool, may_end: threading.Event) -> None:
    """A call that was given up while it runs."""
    began = threading.Event()

    def work() -> None:
        began.set()
        may_end.wait(30)

    call = pool.start(work)
    await asyncio.to_thread(began.wait, 10)
    assert pool.abandon(call)


async def test_calls_that_hang_past_their_timeout_keep_nobody_from_running(
    memory: Cluster, may_end: threading.Event
) -> None:
    async def flow(ctx: perdure.Context) -> str:
        async def hangs() -> str:
            try:
                await ctx.step("hangs", may_end.wait, timeout=0.5)
            except StepTimedOut:
                return "timed out"
            return "ended"

        said = await ctx.gather(*[hangs] * (MAX_THREADS + 6))
        assert set(said) == {"timed out"}
        return await ctx.step("works", lambda: "worked", as_=str)

    assert await memory.run(flow) == "worked"
    pool = memory.workers[0].worker.holder.pool
    assert pool.stuck == MAX_THREADS + 6
    may_end.set()
    await until(lambda: pool.stuck == 0)


async def test_a_steps_time_begins_when_its_function_does(memory: Cluster, may_end: threading.Event) -> None:
    def waits() -> str:
        may_end.wait(30)
        return "ended"

    async def flow(ctx: perdure.Context) -> list[str]:
        return await ctx.gather(
            *[ctx.step("waits", waits) for _ in range(MAX_THREADS)], ctx.step("quick", lambda: "ended", timeout=1.0)
        )

    run = await memory.start(flow)
    await memory.start_worker()
    await memory.clock.advance(20)
    assert await memory.status() == "running"
    may_end.set()
    assert set(await memory.result(run)) == {"ended"}


async def test_a_call_that_is_given_up_before_it_begins_never_begins(may_end: threading.Event) -> None:
    pool, begun = Pool(limit=1), list[str]()
    first = pool.start(may_end.wait)
    second = pool.start(lambda: begun.append("second"))
    assert not pool.abandon(second)
    third = pool.start(lambda: begun.append("third"))
    may_end.set()
    await asyncio.gather(first, third)
    assert begun == ["third"]
    assert not second.done()
    pool.close()


async def test_that_calls_wait_for_a_thread_is_logged_once(
    may_end: threading.Event, caplog: pytest.LogCaptureFixture
) -> None:
    pool = Pool(limit=2)
    with caplog.at_level(logging.WARNING):
        calls = [pool.start(may_end.wait) for _ in range(20)]
    assert caplog.text.count("all 2 threads") == 1
    may_end.set()
    await asyncio.gather(*calls)
    pool.close()


async def test_the_places_that_are_given_back_have_a_limit_and_then_a_typed_error(
    may_end: threading.Event, caplog: pytest.LogCaptureFixture
) -> None:
    pool = Pool(limit=2, stuck_limit=3)
    for _ in range(5):
        await hang(pool, may_end)
    with pytest.raises(ThreadsExhausted) as refused:
        pool.start(may_end.wait)
    assert refused.value.stuck == pool.stuck == 5
    assert "5 calls that nobody waits for any more still run in threads" in caplog.text
    may_end.set()
    await until(lambda: pool.stuck == 0)
    assert await pool.start(lambda: "again") == "again"
    pool.close()


async def test_that_no_thread_is_left_is_a_failure_that_a_retry_may_repeat(
    memory: Cluster, may_end: threading.Event
) -> None:
    async def flow(ctx: perdure.Context) -> str:
        try:
            await ctx.step("never begins", lambda: None, retry=Retry(attempts=2, initial=0))
        except StepFailed as error:
            return f"{error.cause_code} {error.attempts}"
        return "it began"

    await memory.start_worker()
    pool = memory.workers[0].worker.holder.pool = Pool(limit=1, stuck_limit=0)
    await hang(pool, may_end)
    assert await memory.run(flow) == "threads_exhausted 2"


# Where the run is let go while a thread works.


async def test_who_is_cancelled_while_a_synchronous_step_runs_holds_the_run_until_it_ends(
    cluster: Cluster, drive: Driver, may_end: threading.Event
) -> None:
    def work() -> int:
        cluster.done.append("began")
        may_end.wait(30)
        return len(cluster.done)

    async def task(ctx: perdure.Context) -> int:
        return await ctx.step("work", work)

    driving = asyncio.ensure_future(drive(task))
    await cluster.clock.advance(1)
    driving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cluster.clock.until(driving, within=10)
    await cluster.clock.advance(100)
    assert await cluster.status() == "running"
    may_end.set()
    async with asyncio.timeout(10):
        while await cluster.status() != "queued":  # noqa: ASYNC110 - a thread ends
            await asyncio.sleep(0.001)
    assert (await cluster.clock.until(drive(task))).result == 1
    assert cluster.done == ["began"], "what it returned was committed"


async def test_a_run_whose_lease_was_lost_is_not_begun_beside_its_own_function(
    cluster: Cluster, may_end: threading.Event
) -> None:
    def work() -> str:
        cluster.done.append("began")
        may_end.wait(30)
        cluster.done.append("ended")
        return "done"

    async def flow(ctx: perdure.Context) -> str:
        return await ctx.step("work", work)

    run = await cluster.start(flow)
    simulated = await cluster.start_worker()
    await cluster.clock.settle()
    simulated.worker.holder.expired(simulated.worker.holder.incarnation)
    other = await cluster.store.runs.get("run", tenant=None)
    assert other is not None
    await cluster.clock.advance(60)
    assert cluster.done == ["began"]
    may_end.set()
    assert await cluster.result(run) == "done"
    assert cluster.done == ["began", "ended", "began", "ended"]
