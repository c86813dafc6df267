"""A failed run can be restarted: the steps that it failed with are tried again, and no other one."""

from __future__ import annotations

from typing import Any

import pytest

import perdure
from perdure import Retry
from perdure.errors import RunFailed, RunNotFound, RunStateWrong, StepFailed
from perdure.testing.dying import die_here
from tests.runs.stage import Stage


class Works:
    """Steps that fail as often as they are told to."""

    def __init__(self, stage: Stage, **failures: int) -> None:
        self.stage = stage
        self.failures = failures

    async def step(self, name: str) -> str:
        self.stage.done.append(name)
        if self.failures.get(name, 0) > 0:
            self.failures[name] -= 1
            raise ValueError(f"{name} failed")
        return name


async def failed(stage: Stage, flow: Any) -> Any:
    run = await stage.start(flow)
    await stage.hand()
    with pytest.raises(RunFailed):
        await stage.result(run)
    return run


async def test_only_the_step_that_it_failed_with_is_tried_again(stage: Stage) -> None:
    works = Works(stage, b=1)

    async def flow(ctx: perdure.Context) -> list[str]:
        return [await ctx.step(name, works.step, name) for name in ("a", "b", "c")]

    run = await failed(stage, flow)
    await stage.kill()
    await run.restart()
    record = await stage.record()
    await stage.hand()
    assert (record.status, record.failure, record.completed_at) == ("queued", None, None)
    assert await stage.result(run) == ["a", "b", "c"]
    assert stage.done == ["a", "b", "b", "c"]
    assert (await stage.step("1")).attempts == 2


async def test_while_it_runs_again_its_status_says_so(stage: Stage) -> None:
    works = Works(stage, a=1)

    async def flow(ctx: perdure.Context) -> str:
        await ctx.step("a", works.step, "a")
        return await ctx.await_event("go")

    run = await failed(stage, flow)
    await run.restart()
    await stage.clock.settle()
    assert await stage.status() == "suspended"
    await run.emit_event("go", "done")
    assert await stage.result(run) == "done"


async def test_a_failure_that_was_handled_stays_one(stage: Stage) -> None:
    works = Works(stage, handled=5, last=1)

    async def flow(ctx: perdure.Context) -> str:
        try:
            await ctx.step("handled", works.step, "handled")
        except StepFailed:
            stage.done.append("handler")
        return await ctx.step("last", works.step, "last")

    run = await failed(stage, flow)
    await run.restart()
    assert await stage.result(run) == "last"
    assert stage.done == ["handled", "handler", "last", "handler", "last"]


async def test_a_failure_within_a_handler_reopens_the_handlers_step_only(stage: Stage) -> None:
    works = Works(stage, first=1, fallback=1)

    async def flow(ctx: perdure.Context) -> str:
        try:
            return await ctx.step("first", works.step, "first")
        except StepFailed:
            return await ctx.step("fallback", works.step, "fallback")

    run = await failed(stage, flow)
    await run.restart()
    assert await stage.result(run) == "fallback"
    assert stage.done == ["first", "fallback", "fallback"]


@pytest.mark.parametrize("how", ["from it", "in its handler"])
async def test_a_failure_that_was_translated_still_reopens_its_step(stage: Stage, how: str) -> None:
    works = Works(stage, a=1)

    async def flow(ctx: perdure.Context) -> str:
        try:
            return await ctx.step("a", works.step, "a")
        except StepFailed as error:
            if how == "from it":
                raise KeyError("translated") from error
            raise KeyError("translated")  # noqa: B904 - that is the other way

    run = await failed(stage, flow)
    await run.restart()
    assert await stage.result(run) == "a"


async def test_a_failure_of_the_workflow_itself_reopens_no_step(stage: Stage) -> None:
    works = Works(stage)

    async def flow(ctx: perdure.Context) -> str:
        await ctx.step("a", works.step, "a")
        if stage.done.count("tried") == 0:
            stage.done.append("tried")
            raise ValueError("a bug in the workflow")
        return "fixed"

    run = await failed(stage, flow)
    await run.restart()
    assert await stage.result(run) == "fixed"
    assert stage.done == ["a", "tried"]


async def test_a_timeout_of_a_wait_is_reopened_with_a_new_deadline(stage: Stage) -> None:
    async def flow(ctx: perdure.Context) -> str:
        return await ctx.await_event("go", timeout=5)

    run = await failed(stage, flow)
    await run.restart()
    await stage.clock.advance(3)
    assert await stage.status() == "suspended"
    assert await run.emit_event("go", "came")
    assert await stage.result(run) == "came"


async def test_its_retries_are_counted_anew_and_that_survives_a_death(stage: Stage) -> None:
    async def flow(ctx: perdure.Context) -> None:
        async def work() -> None:
            stage.done.append("tried")
            if len(stage.done) == 4:
                await die_here()
            raise ValueError

        await ctx.step("work", work, retry=Retry(attempts=3, initial=0.5, multiplier=1, jitter=False))

    run = await failed(stage, flow)
    assert len(stage.done) == 3
    await run.restart()
    await stage.clock.settle()
    await stage.restart()
    with pytest.raises(RunFailed):
        await stage.result(run, within=100)
    # the one that died, and three that failed: it died before it showed, so that it does not count
    assert len(stage.done) == 7
    assert (await stage.step("0")).attempts == 6


async def test_a_death_between_the_retries_of_a_restart_gives_no_further_ones(stage: Stage) -> None:
    async def flow(ctx: perdure.Context) -> None:
        async def work() -> None:
            stage.done.append("tried")
            raise ValueError

        await ctx.step("work", work, retry=Retry(attempts=3, initial=5, multiplier=1, jitter=False))

    run = await failed(stage, flow)
    await run.restart()
    await stage.clock.advance(1)
    assert len(stage.done) == 4
    await stage.restart()
    with pytest.raises(RunFailed):
        await stage.result(run, within=100)
    assert len(stage.done) == 6


async def test_a_restart_of_what_has_not_failed_is_refused(stage: Stage) -> None:
    async def flow(ctx: perdure.Context) -> None:
        await ctx.await_event("go")

    run = await stage.start(flow)
    with pytest.raises(RunStateWrong) as refused:
        await run.restart()
    assert refused.value.status == "queued"
    await stage.hand()
    await run.emit_event("go")
    await stage.result(run)
    with pytest.raises(RunStateWrong):
        await run.restart()
    with pytest.raises(RunNotFound):
        await stage.client.run("nobody").restart()


async def test_a_step_whose_result_could_not_be_stored_is_never_run_again(stage: Stage) -> None:
    async def flow(ctx: perdure.Context) -> str:
        async def pay() -> Any:
            stage.done.append("paid")
            return object()

        try:
            await ctx.step("pay", pay)
        except StepFailed as error:
            stage.done.append(f"{error.cause_type}")
            raise
        return "paid"

    run = await failed(stage, flow)
    step = await stage.step("0")
    assert step.failure is not None
    assert (step.status, step.failure.reason) == ("failed", "not_storable")
    await run.restart()
    with pytest.raises(RunFailed, match="result of step 'pay'"):
        await stage.result(run)
    assert stage.done == ["paid", "NotStorable", "NotStorable"]


async def test_a_parent_can_be_restarted_after_its_child_was(stage: Stage) -> None:
    works = Works(stage, a=1)

    async def child(ctx: perdure.Context) -> str:
        return await ctx.step("a", works.step, "a")

    declared = stage.workflow(child)

    async def flow(ctx: perdure.Context) -> str:
        return await (await ctx.start(declared)).result()

    run = await failed(stage, flow)
    await stage.client.run("run/0").restart()
    await stage.clock.settle()
    assert await stage.status("run/0") == "completed"
    await run.restart()
    assert await stage.result(run) == "a"


async def test_an_outcome_and_the_end_are_new_after_a_restart(stage: Stage) -> None:
    works = Works(stage, a=1)

    async def flow(ctx: perdure.Context) -> str:
        ctx.outcome = perdure.Outcome(passed=False, score=0.25)
        result = await ctx.step("a", works.step, "a")
        ctx.outcome = perdure.Outcome(passed=True, score=1.0)
        return result

    run = await failed(stage, flow)
    before = await stage.record()
    assert before.outcome is not None
    assert (before.outcome.passed, before.outcome.score) == (False, 0.25)
    assert "a failed" in (before.outcome.notes or "")
    await stage.clock.advance(5)
    await run.restart()
    await stage.result(run)
    after = await stage.record()
    assert after.outcome == perdure.Outcome(passed=True, score=1.0)
    assert after.completed_at is not None
    assert before.completed_at is not None
    assert after.completed_at > before.completed_at
