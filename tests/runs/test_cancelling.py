"""Stop is a fact in the store: honoured wherever a run stands, within a bound also where its owner does not respond."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import perdure
from perdure import Retry
from perdure.core.operations import CancelRun
from perdure.errors import RunCancelled, RunNotFound
from perdure.testing.dying import die_here
from tests.runs.cluster import Cluster


async def hangs(ctx: perdure.Context) -> None:
    await ctx.step("hangs", asyncio.Event().wait)


async def test_a_queued_run_is_cancelled_at_once_and_never_starts(cluster: Cluster) -> None:
    run = await cluster.start(hangs)
    record = await run.cancel("not needed")
    assert (record.status, record.cancel_reason, record.token) == ("cancelled", "not needed", 0)
    await cluster.start_worker()
    await cluster.clock.advance(1)
    assert await cluster.steps() == {}
    with pytest.raises(RunCancelled, match="not needed"):
        await run.result()


@pytest.mark.parametrize("waits_for", ["event", "sleep", "retry", "question"])
async def test_a_waiting_run_is_cancelled_at_once_and_stays_so(cluster: Cluster, waits_for: str) -> None:
    async def fails() -> None:
        raise ValueError

    async def flow(ctx: perdure.Context) -> None:
        if waits_for == "event":
            await ctx.await_event("go")
        elif waits_for == "sleep":
            await ctx.sleep(60)
        elif waits_for == "retry":
            await ctx.step("fails", fails, retry=Retry(attempts=2, initial=60, jitter=False))
        else:
            await ctx.step("in doubt", asyncio.Event().wait, timeout=2, in_doubt="ask")

    run = await cluster.start(flow)
    await cluster.start_worker()
    await cluster.clock.advance(5)
    assert await cluster.status() == "suspended"
    before = cluster.clock.elapsed()
    record = await run.cancel()
    assert (record.status, record.due_at, record.waiting_for) == ("cancelled", None, ())
    assert cluster.clock.elapsed() == before
    await cluster.client.emit_event("run", "go")
    await cluster.clock.advance(120)
    assert await cluster.status() == "cancelled"


async def test_a_running_step_is_cut_off_and_is_in_doubt(cluster: Cluster) -> None:
    async def work() -> None:
        cluster.done.append("began")
        try:
            await asyncio.Event().wait()
        finally:
            cluster.done.append("cut off")

    async def flow(ctx: perdure.Context) -> None:
        await ctx.step("work", work)
        await ctx.step("never", work)

    run = await cluster.start(flow)
    await cluster.start_worker()
    await cluster.clock.advance(1)
    record = await cluster.clock.until(run.cancel("enough"), within=1)
    assert (record.status, record.cancel_reason, record.worker_id) == ("cancelled", "enough", None)
    assert cluster.done == ["began", "cut off"]
    assert [(step.position, step.status) for step in (await cluster.steps()).values()] == [("0", "in_doubt")]
    with pytest.raises(RunCancelled):
        await run.result()


async def test_what_had_committed_is_kept(cluster: Cluster) -> None:
    async def one() -> int:
        return 1

    async def flow(ctx: perdure.Context) -> None:
        await ctx.step("one", one)
        await ctx.step("hangs", asyncio.Event().wait)

    run = await cluster.start(flow)
    await cluster.start_worker()
    await cluster.clock.advance(0.3)
    await cluster.clock.until(run.cancel())
    assert [step.status for step in (await cluster.steps()).values()] == ["completed", "in_doubt"]


async def test_between_two_steps_a_cancel_is_honoured_before_the_next_one(cluster: Cluster) -> None:
    async def flow(ctx: perdure.Context) -> None:
        async def first() -> None:
            await cluster.ask_to_cancel()
            cluster.done.append("first")

        async def second() -> None:
            cluster.done.append("second")

        await ctx.step("first", first)
        for _ in range(10):
            await asyncio.sleep(0)
        await ctx.step("second", second)

    await cluster.start(flow)
    await cluster.start_worker()
    await cluster.clock.advance(1)
    assert await cluster.status() == "cancelled"
    assert "second" not in cluster.done


async def test_parallel_steps_and_waits_are_all_cut_off(cluster: Cluster) -> None:
    async def flow(ctx: perdure.Context) -> None:
        async def branch() -> None:
            await ctx.step("hangs", asyncio.Event().wait)

        await ctx.gather(branch, branch, ctx.step("hangs", asyncio.Event().wait), ctx.await_event("never"))

    run = await cluster.start(flow)
    await cluster.start_worker()
    await cluster.clock.advance(1)
    record = await cluster.clock.until(run.cancel(), within=1)
    assert record.status == "cancelled"
    assert {step.status for step in (await cluster.steps()).values()} == {"in_doubt"}


async def test_user_code_that_swallows_its_cancellation_is_given_up_within_the_bound(cluster: Cluster) -> None:
    may_end = asyncio.Event()

    async def flow(ctx: perdure.Context) -> str:
        async def unresponsive() -> None:
            while not may_end.is_set():
                try:
                    await may_end.wait()
                except asyncio.CancelledError:
                    cluster.done.append("swallowed")

        await ctx.step("unresponsive", unresponsive)
        return "done"

    run = await cluster.start(flow)
    simulated = await cluster.start_worker()
    await cluster.clock.advance(1)
    began = cluster.clock.elapsed()
    assert (await cluster.clock.until(run.cancel(), within=20)).status == "cancelled"
    assert cluster.clock.elapsed() - began <= 6
    await cluster.clock.advance(10)
    assert simulated.worker.holder.attempts == {}
    assert cluster.done
    may_end.set()


async def test_a_step_of_user_code_that_ends_after_all_changes_nothing_any_more(cluster: Cluster) -> None:
    async def flow(ctx: perdure.Context) -> str:
        async def late() -> str:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                await cluster.sleep(20)
            return "late"

        return await ctx.step("late", late)

    run = await cluster.start(flow)
    await cluster.start_worker()
    await cluster.clock.advance(1)
    await cluster.clock.until(run.cancel(), within=20)
    before = await cluster.record()
    await cluster.clock.advance(60)
    assert await cluster.record() == before
    assert before.status == "cancelled"


async def test_a_dead_owner_is_not_waited_for_longer_than_the_deadline(cluster: Cluster) -> None:
    async def flow(ctx: perdure.Context) -> None:
        await ctx.step("dies", die_here)

    run = await cluster.start(flow)
    await cluster.start_worker()
    await cluster.clock.settle()
    token = (await cluster.record()).token
    cancelling = asyncio.ensure_future(run.cancel(within=3))
    await cluster.clock.advance(2.9)
    assert await cluster.status() == "cancelling"
    await cluster.clock.advance(0.1)
    record = await cancelling
    assert (record.status, record.worker_id, record.token) == ("cancelled", None, token + 1)


async def test_who_asked_may_go_away_and_a_worker_seals_the_run_of_an_unresponsive_owner(cluster: Cluster) -> None:
    async def flow(ctx: perdure.Context) -> None:
        async def unresponsive() -> None:
            while not may_end.is_set():
                try:
                    await may_end.wait()
                except asyncio.CancelledError:
                    continue

        await ctx.step("unresponsive", unresponsive)

    may_end = asyncio.Event()
    await cluster.start(flow)
    await cluster.start_worker()
    await cluster.clock.settle()
    await cluster.ask_to_cancel(reason="gone")
    await cluster.start_worker()
    await cluster.clock.advance(4.5)
    assert await cluster.status() == "cancelling"
    await cluster.clock.advance(1.5)
    assert await cluster.status() == "cancelled"
    may_end.set()


async def test_a_worker_ends_the_cancelled_run_of_a_dead_owner_within_its_time(cluster: Cluster) -> None:
    """At once where the death is proven, and at the latest when the time for the cancel has passed."""

    async def flow(ctx: perdure.Context) -> None:
        await ctx.step("dies", die_here)

    await cluster.start(flow)
    await cluster.start_worker()
    await cluster.clock.settle()
    await cluster.ask_to_cancel(reason="gone")
    await cluster.start_worker()
    await cluster.clock.advance(4.5)
    assert await cluster.status() == ("cancelled" if cluster.store.abilities.proves_death else "cancelling")
    await cluster.clock.advance(1.5)
    assert await cluster.status() == "cancelled"


async def test_a_sealed_run_takes_nothing_from_its_old_owner(cluster: Cluster) -> None:
    may_end = asyncio.Event()

    async def flow(ctx: perdure.Context) -> str:
        async def unresponsive() -> str:
            while not may_end.is_set():
                try:
                    await may_end.wait()
                except asyncio.CancelledError:
                    continue
            return "too late"

        return await ctx.step("unresponsive", unresponsive)

    run = await cluster.start(flow)
    await cluster.start_worker()
    await cluster.clock.advance(1)
    record = await cluster.clock.until(run.cancel(within=2))
    may_end.set()
    await cluster.clock.advance(30)
    assert await cluster.record() == record
    assert [step.status for step in (await cluster.steps()).values()] != ["completed"]


async def test_a_run_that_completes_while_it_is_being_cancelled_has_completed(cluster: Cluster) -> None:
    async def flow(ctx: perdure.Context) -> str:
        async def last() -> str:
            await cluster.ask_to_cancel()
            return "done"

        return await ctx.step("last", last)

    run = await cluster.start(flow)
    await cluster.start_worker()
    await cluster.clock.advance(10)
    record = await run.record()
    assert record.status in {"completed", "cancelled"}
    assert (record.status == "completed") == (record.result is not None)


async def test_to_cancel_what_has_ended_changes_nothing(cluster: Cluster) -> None:
    async def flow(ctx: perdure.Context) -> int:
        return 1

    await cluster.run(flow)
    before = await cluster.record()
    run = cluster.client.run("run")
    assert await run.cancel("too late") == before
    assert await cluster.record() == before


async def test_to_cancel_twice_is_to_cancel_once(cluster: Cluster) -> None:
    run = await cluster.start(hangs)
    await cluster.start_worker()
    await cluster.clock.advance(1)
    first = asyncio.ensure_future(run.cancel("first"))
    second = asyncio.ensure_future(run.cancel("second"))
    records = await cluster.clock.until(asyncio.gather(first, second))
    assert [(record.status, record.cancel_reason) for record in records] == [("cancelled", "first")] * 2


async def test_to_cancel_nobody_is_refused_by_name(cluster: Cluster) -> None:
    with pytest.raises(RunNotFound, match="nobody"):
        await cluster.client.run("nobody").cancel()


async def test_a_cancel_from_another_process_is_heard(sqlite: Cluster) -> None:
    run = await sqlite.start(hangs)
    await sqlite.start_worker()
    await sqlite.clock.advance(1)
    other = await sqlite.another_store()
    now = sqlite.clock.now()
    await other.execute(CancelRun(tenant=None, run_id="run", at=now, within=60.0))
    async with asyncio.timeout(10):
        record: Any = await run.wait()
    assert record.status == "cancelled"
    assert sqlite.clock.now() == now
