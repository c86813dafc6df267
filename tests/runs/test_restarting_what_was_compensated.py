"""A failed step is tried again by a restart only where the workflow has not acted on its failure."""

from __future__ import annotations

from typing import Any

import pytest

import perdure
from perdure.errors import ChildFailed, EventTimeout, RunFailed, StepFailed
from tests.runs.cluster import Cluster
from tests.runs.test_restarting import Works, failed


async def restarted(cluster: Cluster, flow: Any) -> list[str]:
    """Fail, restart, and fail of the same again; what was done."""
    run = await failed(cluster, flow)
    before, done = (await cluster.record()).failure, list(cluster.done)
    steps = await cluster.steps()
    await run.restart()
    with pytest.raises(RunFailed):
        await cluster.result(run)
    assert (await cluster.record()).failure == before
    assert await cluster.steps() == steps
    assert cluster.done == done
    return done


@pytest.mark.parametrize("how", ["reraised", "kept", "translated", "finally"])
async def test_a_step_that_was_compensated_stays_failed(cluster: Cluster, how: str) -> None:
    works = Works(cluster, a=1)

    async def flow(ctx: perdure.Context) -> None:
        kept: Exception | None = None
        try:
            await ctx.step("a", works.step, "a")
        except StepFailed as error:
            kept = error
            if how in {"reraised", "translated"}:
                await ctx.step("undo", works.step, "undo")
            if how == "reraised":
                raise
            if how == "translated":
                raise KeyError("translated") from error
        finally:
            if how == "finally":
                await ctx.step("undo", works.step, "undo")
        if how == "kept":
            await ctx.step("undo", works.step, "undo")
        if kept is not None:
            raise kept

    assert await restarted(cluster, flow) == ["a", "undo"]


async def test_a_failure_in_a_branch_that_was_compensated_in_its_branch_stays(cluster: Cluster) -> None:
    works = Works(cluster, a=1)

    async def branch(ctx: perdure.Context) -> None:
        try:
            await ctx.step("a", works.step, "a")
        except StepFailed:
            await ctx.step("undo", works.step, "undo")
            raise

    async def flow(ctx: perdure.Context) -> None:
        await ctx.gather(lambda: branch(ctx), ctx.step("b", works.step, "b"))

    assert sorted(await restarted(cluster, flow)) == ["a", "b", "undo"]


@pytest.mark.parametrize("how", ["calls", "functions"])
async def test_a_failure_of_a_gather_that_was_compensated_after_it_stays(cluster: Cluster, how: str) -> None:
    works = Works(cluster, a=1, b=1)

    async def flow(ctx: perdure.Context) -> None:
        names = ("a", "b", "c")
        calls: list[Any] = [ctx.step(name, works.step, name) for name in names] if how == "calls" else []
        try:
            if calls:
                await ctx.gather(*calls)
            else:
                await ctx.map(lambda name: ctx.step(name, works.step, name), names)
        except StepFailed:
            await ctx.step("undo", works.step, "undo")
            raise

    assert sorted(await restarted(cluster, flow)) == ["a", "b", "c", "undo"]


async def test_of_branches_the_one_that_did_not_compensate_is_tried_again(cluster: Cluster) -> None:
    works = Works(cluster, a=1, b=1)

    async def first(ctx: perdure.Context) -> None:
        try:
            await ctx.step("a", works.step, "a")
        except StepFailed:
            await ctx.step("undo", works.step, "undo")
            raise

    async def flow(ctx: perdure.Context) -> None:
        await ctx.gather(lambda: first(ctx), lambda: ctx.step("b", works.step, "b"))

    run = await failed(cluster, flow)
    await run.restart()
    with pytest.raises(RunFailed, match="a failed"):
        await cluster.result(run)
    assert sorted(cluster.done) == ["a", "b", "b", "undo"]


@pytest.mark.parametrize("how", ["calls", "functions"])
async def test_what_ran_side_by_side_with_a_failed_step_is_no_reason(cluster: Cluster, how: str) -> None:
    works = Works(cluster, a=1)

    async def slowly(ctx: perdure.Context) -> None:
        await ctx.sleep(2)
        await ctx.step("b", works.step, "b")

    async def flow(ctx: perdure.Context) -> str:
        failing = ctx.step("a", works.step, "a")
        beside: Any = ctx.sleep(5) if how == "calls" else lambda: slowly(ctx)
        await ctx.gather(failing, beside)
        return "done"

    run = await failed(cluster, flow)
    await run.restart()
    assert await cluster.result(run) == "done"
    assert cluster.done.count("a") == 2
    assert cluster.done.count("b") == (0 if how == "calls" else 1)


async def test_a_child_whose_failure_was_compensated_stays_failed_for_its_parent(cluster: Cluster) -> None:
    works = Works(cluster, a=1)

    async def child(ctx: perdure.Context) -> str:
        return await ctx.step("a", works.step, "a")

    declared = cluster.workflow(child)

    async def flow(ctx: perdure.Context) -> None:
        started = await ctx.start(declared)
        try:
            await started.result()
        except ChildFailed:
            await ctx.step("undo", works.step, "undo")
            raise

    assert await restarted(cluster, flow) == ["a", "undo"]


async def test_a_wait_whose_timeout_was_acted_on_stays_timed_out(cluster: Cluster) -> None:
    works = Works(cluster)

    async def flow(ctx: perdure.Context) -> None:
        try:
            await ctx.await_event("go", timeout=1)
        except EventTimeout:
            await ctx.emit_event("late", run_id=ctx.run_id)
            await ctx.step("undo", works.step, "undo")
            raise

    assert await restarted(cluster, flow) == ["undo"]


async def test_code_that_was_mended_goes_on_from_what_is_recorded(cluster: Cluster) -> None:
    works = Works(cluster, a=1)
    is_mended: list[bool] = []

    async def flow(ctx: perdure.Context) -> str:
        try:
            await ctx.step("a", works.step, "a")
        except StepFailed:
            undone = await ctx.step("undo", works.step, "undo")
            if is_mended:
                return undone
            raise
        return "done"

    run = await failed(cluster, flow)
    is_mended.append(True)
    await run.restart()
    assert await cluster.result(run) == "undo"
    assert cluster.done == ["a", "undo"]


async def test_a_failure_that_is_replayed_after_a_death_is_as_settled_as_before(cluster: Cluster) -> None:
    works = Works(cluster, a=1)

    async def flow(ctx: perdure.Context) -> None:
        try:
            await ctx.step("a", works.step, "a")
        except StepFailed:
            await ctx.step("undo", works.step, "undo")
            await ctx.await_event("go")
            raise

    run = await cluster.start(flow)
    await cluster.start_worker()
    await cluster.clock.settle()
    await cluster.restart()
    await run.emit_event("go")
    with pytest.raises(RunFailed):
        await cluster.result(run)
    failure = (await cluster.record()).failure
    assert failure is not None
    assert (failure.positions, failure.settled) == (("0",), ("0",))
