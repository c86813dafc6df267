"""Two who write to one row at one moment: whatever happens while a commit of a run is on its way, nothing is lost.

Each test tries each commit of its program, and each phase of it. What happens meanwhile is done by somebody else, who
has no part in the run; the run's own process hears of it and looks while its commit is still on its way.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

import perdure
from perdure.core.operations import Operation
from perdure.core.states import ENDED
from perdure.runs.handles import Run
from perdure.testing.interleaving import PHASES, Interleaving, InterleavingStore, Moment, Phase
from tests.runs.cluster import Cluster

MAX_COMMITS = 20
SOON = 20.0
"""Units: seconds of the clock. What waits longer was not woken."""

Flow = Callable[[perdure.Context], Awaitable[Any]]


class Races:
    """Runs of one program, one for each of its commits; `who` acts while that is on its way."""

    def __init__(self, cluster: Cluster, phase: Phase) -> None:
        self.cluster = cluster
        self.phase: Phase = phase
        self.store = InterleavingStore(cluster.store)

    async def each(
        self, flow: Flow, act: Callable[[str], Awaitable[object]]
    ) -> AsyncIterator[tuple[Run[Any], Interleaving]]:
        """Start a run for each commit that the program makes, and let the clock stand; `act` gets the run's id."""
        await self.cluster.start_worker(store=self.store)
        for number in range(MAX_COMMITS):
            run_id = f"run-{number}"

            async def happen(_: tuple[Operation, ...], run_id: str = run_id) -> None:
                await act(run_id)

            planned = self.store.interleave(Moment(number, self.phase), happen, run_id)
            run = await self.cluster.start(flow, run_id=run_id)
            await self.cluster.clock.settle()
            yield run, planned
            assert (await run.record()).status in ENDED, f"{run_id} did not end"
            if not planned.has_happened:
                assert number, "the program makes no commit"
                return
        raise AssertionError(f"more than {MAX_COMMITS} commits")

    async def soon(self, run: Run[Any]) -> Any:
        """The result of a run that has no reason to wait."""
        return await self.cluster.result(run, within=SOON)


in_each_phase = pytest.mark.parametrize("phase", PHASES)


async def one() -> int:
    return 1


async def waits_for_days(ctx: perdure.Context) -> Any:
    await ctx.step("before", one)
    return await ctx.await_event("go", timeout=timedelta(days=7))


async def waits_for_ever(ctx: perdure.Context) -> Any:
    await ctx.step("before", one)
    return await ctx.await_event("go")


async def waits_for_several(ctx: perdure.Context) -> Any:
    first, second, _ = await ctx.gather(
        ctx.await_event("go", timeout=timedelta(days=7)), ctx.await_event("go"), ctx.sleep(timedelta(seconds=5))
    )
    return first if first == second else None


@pytest.mark.parametrize("flow", [waits_for_days, waits_for_ever, waits_for_several])
@in_each_phase
async def test_an_event_reaches_its_wait_whatever_was_on_its_way_when_it_came(
    cluster: Cluster, phase: Phase, flow: Flow
) -> None:
    races = Races(cluster, phase)

    async def emit(run_id: str) -> None:
        await cluster.client.run(run_id).emit_event("go", 7)  # the first one is accepted

    async for run, planned in races.each(flow, emit):
        if not planned.has_happened:
            await emit(run.id)  # it waits, and comes to that commit by this only
        assert await races.soon(run) == 7, planned.operations


@in_each_phase
async def test_an_answer_reaches_its_step_whatever_was_on_its_way_when_it_came(cluster: Cluster, phase: Phase) -> None:
    races = Races(cluster, phase)
    client, clock = cluster.client, cluster.clock

    async def fails_first(ctx: perdure.Context) -> Any:
        return await ctx.step("pay", never, timeout=timedelta(seconds=1), in_doubt="ask", as_=int)

    async def never() -> int:
        await asyncio.Event().wait()
        return 0

    async def answer(run_id: str) -> None:
        for question in await cluster.store.questions.list(tenant=None, run_id=run_id):
            if question.answer is None:
                await client.questions.answer(question.question_id, "value", 7)

    async for run, planned in races.each(fails_first, answer):
        await clock.advance(2.0)
        if not planned.has_happened or (await run.record()).status == "suspended":
            await answer(run.id)  # it was not asked yet
        assert await races.soon(run) == 7, planned.operations


@in_each_phase
async def test_the_end_of_a_child_reaches_its_parent_whatever_was_on_its_way_when_it_came(
    cluster: Cluster, phase: Phase
) -> None:
    races = Races(cluster, phase)
    client = cluster.client

    async def child(ctx: perdure.Context) -> int:
        return await ctx.await_event("end", as_=int)

    declared = cluster.workflow(child)

    async def parent(ctx: perdure.Context) -> Any:
        started = await ctx.start(declared)
        await ctx.step("beside", one)
        return await started.result()

    async def end(run_id: str) -> None:
        for record in await cluster.store.runs.list(tenant=None, parent_id=run_id):
            of_child = client.run(record.run_id)
            await of_child.emit_event("end", 7)
            for _ in range(1000):
                if (await of_child.record()).status in ENDED:
                    break
                await asyncio.sleep(0)

    async for run, planned in races.each(parent, end):
        await cluster.clock.advance(2.0)
        await end(run.id)  # where there was no child yet
        assert await races.soon(run) == 7, planned.operations


@in_each_phase
async def test_an_event_that_was_accepted_before_its_deadline_was_committed_is_not_timed_out(
    cluster: Cluster, phase: Phase
) -> None:
    """And one that was accepted after that is no reason to take the deadline back."""
    races = Races(cluster, phase)

    async def waits_a_moment(ctx: perdure.Context) -> Any:
        try:
            return await ctx.await_event("go", timeout=timedelta(seconds=0.5))
        except perdure.EventTimeout:
            await ctx.step("after", one)
            return "timed out"

    has_timed_out: dict[str, bool] = {}

    async def emit(run_id: str) -> None:
        steps = await cluster.steps(run_id)
        has_timed_out[run_id] = "0" in steps and steps["0"].status == "failed"
        await cluster.client.run(run_id).emit_event("go", 7)

    timed_out = list[bool]()
    async for run, planned in races.each(waits_a_moment, emit):
        result = await races.soon(run)
        if planned.has_happened:
            timed_out.append(has_timed_out[run.id])
            assert result == ("timed out" if has_timed_out[run.id] else 7), planned.operations
    assert set(timed_out) == {True, False}


@pytest.mark.parametrize("lost", ["lost_before", "lost_after"])
async def test_a_step_keeps_its_outcome_where_its_commit_failed_while_its_run_was_released(
    cluster: Cluster, lost: Phase
) -> None:
    async def work() -> int:
        cluster.done.append("worked")
        return 7

    async def flow(ctx: perdure.Context) -> Any:
        return await ctx.step("work", work)

    async def release(_: tuple[Operation, ...]) -> None:
        [attempt] = simulated.worker.holder.attempts.values()
        attempt.release(asyncio.get_running_loop())

    store = InterleavingStore(cluster.store)
    simulated = await cluster.start_worker(store=store)
    planned = store.interleave(Moment(0, lost), release)
    run = await cluster.start(flow)
    assert await cluster.result(run, within=SOON) == 7
    assert planned.has_happened
    assert cluster.done == ["worked"]
