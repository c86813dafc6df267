"""A failed run can be restarted: the steps that it failed with are tried again, and no other one."""

from __future__ import annotations

from typing import Any

import pytest

import perdure
from perdure import Retry
from perdure.errors import RunFailed, RunNotFound, RunStateWrong, StepFailed
from perdure.testing.dying import die_here
from tests.runs.cluster import Cluster


class Works:
    """Steps that fail as often as they are told to."""

    def __init__(self, cluster: Cluster, **failures: int) -> None:
        self.cluster = cluster
        self.failures = failures

    async def step(self, name: str) -> str:
        self.cluster.done.append(name)
        if self.failures.get(name, 0) > 0:
            self.failures[name] -= 1
            raise ValueError(f"{name} failed")
        return name


async def failed(cluster: Cluster, flow: Any) -> Any:
    run = await cluster.start(flow)
    await cluster.start_worker()
    with pytest.raises(RunFailed):
        await cluster.result(run)
    return run


async def test_only_the_step_that_it_failed_with_is_tried_again(cluster: Cluster) -> None:
    works = Works(cluster, b=1)

    async def flow(ctx: perdure.Context) -> list[str]:
        return [await ctx.step(name, works.step, name) for name in ("a", "b", "c")]

    run = await failed(cluster, flow)
    await cluster.kill()
    await run.restart()
    record = await cluster.record()
    await cluster.start_worker()
    assert (record.status, record.failure, record.completed_at) == ("queued", None, None)
    assert await cluster.result(run) == ["a", "b", "c"]
    assert cluster.done == ["a", "b", "b", "c"]
    assert (await cluster.step("1")).attempts == 2


async def test_while_it_runs_again_its_status_says_so(cluster: Cluster) -> None:
    works = Works(cluster, a=1)

    async def flow(ctx: perdure.Context) -> str:
        await ctx.step("a", works.step, "a")
        return await ctx.await_event("go")

    run = await failed(cluster, flow)
    await run.restart()
    await cluster.clock.settle()
    assert await cluster.status() == "suspended"
    await run.emit_event("go", "done")
    assert await cluster.result(run) == "done"


async def test_a_failure_that_was_handled_stays_one(cluster: Cluster) -> None:
    works = Works(cluster, handled=5, last=1)

    async def flow(ctx: perdure.Context) -> str:
        try:
            await ctx.step("handled", works.step, "handled")
        except StepFailed:
            cluster.done.append("handler")
        return await ctx.step("last", works.step, "last")

    run = await failed(cluster, flow)
    await run.restart()
    assert await cluster.result(run) == "last"
    assert cluster.done == ["handled", "handler", "last", "handler", "last"]


async def test_a_failure_within_a_handler_reopens_the_handlers_step_only(cluster: Cluster) -> None:
    works = Works(cluster, first=1, fallback=1)

    async def flow(ctx: perdure.Context) -> str:
        try:
            return await ctx.step("first", works.step, "first")
        except StepFailed:
            return await ctx.step("fallback", works.step, "fallback")

    run = await failed(cluster, flow)
    await run.restart()
    assert await cluster.result(run) == "fallback"
    assert cluster.done == ["first", "fallback", "fallback"]


@pytest.mark.parametrize("how", ["from it", "in its handler"])
async def test_a_failure_that_was_translated_still_reopens_its_step(cluster: Cluster, how: str) -> None:
    works = Works(cluster, a=1)

    async def flow(ctx: perdure.Context) -> str:
        try:
            return await ctx.step("a", works.step, "a")
        except StepFailed as error:
            if how == "from it":
                raise KeyError("translated") from error
            raise KeyError("translated")  # noqa: B904 - that is the other way

    run = await failed(cluster, flow)
    await run.restart()
    assert await cluster.result(run) == "a"


async def test_a_failure_of_the_workflow_itself_reopens_no_step(cluster: Cluster) -> None:
    works = Works(cluster)

    async def flow(ctx: perdure.Context) -> str:
        await ctx.step("a", works.step, "a")
        if cluster.done.count("tried") == 0:
            cluster.done.append("tried")
            raise ValueError("a bug in the workflow")
        return "fixed"

    run = await failed(cluster, flow)
    await run.restart()
    assert await cluster.result(run) == "fixed"
    assert cluster.done == ["a", "tried"]


async def test_a_timeout_of_a_wait_is_reopened_with_a_new_deadline(cluster: Cluster) -> None:
    async def flow(ctx: perdure.Context) -> str:
        return await ctx.await_event("go", timeout=5)

    run = await failed(cluster, flow)
    await run.restart()
    await cluster.clock.advance(3)
    assert await cluster.status() == "suspended"
    assert await run.emit_event("go", "came")
    assert await cluster.result(run) == "came"


async def test_its_retries_are_counted_anew_and_that_survives_a_death(cluster: Cluster) -> None:
    async def flow(ctx: perdure.Context) -> None:
        async def work() -> None:
            cluster.done.append("tried")
            if len(cluster.done) == 4:
                await die_here()
            raise ValueError

        await ctx.step("work", work, retry=Retry(attempts=3, initial=0.5, multiplier=1, jitter=False))

    run = await failed(cluster, flow)
    assert len(cluster.done) == 3
    await run.restart()
    await cluster.clock.settle()
    await cluster.restart()
    with pytest.raises(RunFailed):
        await cluster.result(run, within=100)
    # the one that died, and three that failed: it died before it showed, so that it does not count
    assert len(cluster.done) == 7
    assert (await cluster.step("0")).attempts == 6


async def test_a_death_between_the_retries_of_a_restart_gives_no_further_ones(cluster: Cluster) -> None:
    async def flow(ctx: perdure.Context) -> None:
        async def work() -> None:
            cluster.done.append("tried")
            raise ValueError

        await ctx.step("work", work, retry=Retry(attempts=3, initial=5, multiplier=1, jitter=False))

    run = await failed(cluster, flow)
    await run.restart()
    await cluster.clock.advance(1)
    assert len(cluster.done) == 4
    await cluster.restart()
    with pytest.raises(RunFailed):
        await cluster.result(run, within=100)
    assert len(cluster.done) == 6


async def test_a_restart_of_what_has_not_failed_is_refused(cluster: Cluster) -> None:
    async def flow(ctx: perdure.Context) -> None:
        await ctx.await_event("go")

    run = await cluster.start(flow)
    with pytest.raises(RunStateWrong) as refused:
        await run.restart()
    assert refused.value.status == "queued"
    await cluster.start_worker()
    await run.emit_event("go")
    await cluster.result(run)
    with pytest.raises(RunStateWrong):
        await run.restart()
    with pytest.raises(RunNotFound):
        await cluster.client.run("nobody").restart()


async def test_a_step_whose_result_could_not_be_stored_is_never_run_again(cluster: Cluster) -> None:
    async def flow(ctx: perdure.Context) -> str:
        async def pay() -> Any:
            cluster.done.append("paid")
            return object()

        try:
            await ctx.step("pay", pay)
        except StepFailed as error:
            cluster.done.append(f"{error.cause_type}")
            raise
        return "paid"

    run = await failed(cluster, flow)
    step = await cluster.step("0")
    assert step.failure is not None
    assert (step.status, step.failure.reason) == ("failed", "not_storable")
    await run.restart()
    with pytest.raises(RunFailed, match="result of step 'pay'"):
        await cluster.result(run)
    assert cluster.done == ["paid", "NotStorable", "NotStorable"]


async def test_a_parent_can_be_restarted_after_its_child_was(cluster: Cluster) -> None:
    works = Works(cluster, a=1)

    async def child(ctx: perdure.Context) -> str:
        return await ctx.step("a", works.step, "a")

    declared = cluster.workflow(child)

    async def flow(ctx: perdure.Context) -> str:
        return await (await ctx.start(declared)).result()

    run = await failed(cluster, flow)
    await cluster.client.run("run/0").restart()
    await cluster.clock.settle()
    assert await cluster.status("run/0") == "completed"
    await run.restart()
    assert await cluster.result(run) == "a"


async def test_an_outcome_and_the_end_are_new_after_a_restart(cluster: Cluster) -> None:
    works = Works(cluster, a=1)

    async def flow(ctx: perdure.Context) -> str:
        ctx.outcome = perdure.Outcome(passed=False, score=0.25)
        result = await ctx.step("a", works.step, "a")
        ctx.outcome = perdure.Outcome(passed=True, score=1.0)
        return result

    run = await failed(cluster, flow)
    before = await cluster.record()
    assert before.outcome is not None
    assert (before.outcome.passed, before.outcome.score) == (False, 0.25)
    assert "a failed" in (before.outcome.notes or "")
    await cluster.clock.advance(5)
    await run.restart()
    await cluster.result(run)
    after = await cluster.record()
    assert after.outcome == perdure.Outcome(passed=True, score=1.0)
    assert after.completed_at is not None
    assert before.completed_at is not None
    assert after.completed_at > before.completed_at


async def test_an_event_for_a_run_that_has_failed_is_there_when_it_is_restarted(cluster: Cluster) -> None:
    async def waiting(ctx: perdure.Context) -> Any:
        await ctx.step("begins", begins)
        return await ctx.await_event("answer")

    def begins() -> None:
        cluster.done.append("began")
        if len(cluster.done) == 1:
            raise ValueError("not yet")

    run = await cluster.start(waiting)
    await cluster.start_worker()
    with pytest.raises(RunFailed):
        await cluster.result(run)
    assert await run.emit_event("answer", 42)
    assert not await run.emit_event("answer", 43)
    assert (await cluster.record()).status == "failed"
    await run.restart()
    assert await cluster.result(run) == 42
