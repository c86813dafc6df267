"""Code that raises before it has come to a step that its journal holds has changed, as code that returns there has.

The run is parked, whatever was raised: nothing of it is lost, and it goes on with code that agrees. What raises after
all that is recorded is the workflow's failure, as ever.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest

import perdure
from perdure.errors import Divergence, ReplayError, RunNotFound, StepFailed, TerminalError
from perdure.testing.dying import die_here
from tests.runs.cluster import Cluster
from tests.runs.diverging import Flow, assert_diverged, changed, one_step, value
from tests.runs.driving import Driver


class Own(Exception):
    def __init__(self, *, needed: int) -> None:
        super().__init__("own")
        self.needed = needed


class Panic(BaseException):
    pass


class Silent(Exception):
    def __str__(self) -> str:
        raise RuntimeError("not even its text")


RAISED: dict[str, Callable[[], BaseException]] = {
    "Exception": lambda: ValueError("of the new code"),
    "own __init__": lambda: Own(needed=1),
    "BaseException": Panic,
    "group": lambda: BaseExceptionGroup("several", [Panic(), ValueError()]),
    "SystemExit": lambda: SystemExit(3),
    "CancelledError": asyncio.CancelledError,
    "GeneratorExit": GeneratorExit,
    "StopIteration": StopIteration,
    "TerminalError": lambda: TerminalError("never again"),
    "without a text": Silent,
    "an error of perdure": lambda: RunNotFound("other"),
    "StepFailed": lambda: StepFailed("x", "9", "ValueError", "of another run"),
}


@pytest.mark.parametrize("raised", RAISED)
async def test_what_is_raised_before_a_recorded_step_parks_the_run(cluster: Cluster, raised: str) -> None:
    async def after(ctx: perdure.Context) -> None:
        error = RAISED[raised]()
        raise error

    record = await changed(cluster, one_step, after)
    assert_diverged(record, "0", "the journal has logic 'a'", "the end of the workflow, which raises")


async def test_it_says_what_was_raised_and_logs_where(cluster: Cluster, caplog: pytest.LogCaptureFixture) -> None:
    async def after(ctx: perdure.Context) -> None:
        raise ValueError("of the new code")

    with caplog.at_level(logging.WARNING):
        record = await changed(cluster, one_step, after)
    assert_diverged(record, "0", "which raises ValueError: of the new code")
    assert 'raise ValueError("of the new code")' in caplog.text


async def test_the_run_goes_on_with_code_that_agrees(cluster: Cluster) -> None:
    async def after(ctx: perdure.Context) -> None:
        raise ImportError("no module named 'new'")

    assert_diverged(await changed(cluster, one_step, after), "0")

    async def mended(ctx: perdure.Context) -> None:
        await one_step(ctx)

    cluster.workflow(mended, name="flow")
    await cluster.restart()
    assert await cluster.status() == "completed"


async def three(ctx: perdure.Context) -> None:
    for name in "abc":
        await ctx.step(name, value)
    await ctx.await_event("go")


@pytest.mark.parametrize("reached", [0, 1, 2, 3])
async def test_it_parks_as_long_as_the_journal_goes_further_and_fails_after_it(cluster: Cluster, reached: int) -> None:
    async def after(ctx: perdure.Context) -> None:
        for name in "abc"[:reached]:
            await ctx.step(name, value)
        raise ValueError("here")

    record = await changed(cluster, three, after)
    if reached == 3:
        assert (record.status, record.failure and record.failure.message) == ("failed", "here")
    else:
        assert_diverged(record, f"{reached}", f"logic {'abc'[reached]!r}")


async def test_a_failure_that_the_code_handled_once_and_does_no_more_parks(cluster: Cluster) -> None:
    async def fails() -> None:
        raise ValueError("as ever")

    async def before(ctx: perdure.Context) -> None:
        try:
            await ctx.step("a", fails)
        except StepFailed:
            await ctx.step("undo", value)
        await ctx.await_event("go")

    async def after(ctx: perdure.Context) -> None:
        await ctx.step("a", fails)

    assert_diverged(await changed(cluster, before, after), "1", "'undo'", "which raises ValueError: as ever")


async def test_a_wait_with_a_deadline_and_a_pause_before_a_retry_are_recorded_too(cluster: Cluster) -> None:
    async def fails() -> None:
        raise ValueError

    async def before(ctx: perdure.Context) -> None:
        await ctx.step("a", fails, retry=perdure.Retry(attempts=2, initial=60, jitter=False))

    async def after(ctx: perdure.Context) -> None:
        raise ValueError("of the new code")

    await changed(cluster, before, after)
    await cluster.clock.advance(60)
    assert_diverged(await cluster.record(), "0", "'a'")


async def test_a_mistake_in_the_use_of_the_context_parks_too(cluster: Cluster) -> None:
    async def forgets(ctx: perdure.Context) -> None:
        ctx.step("a", value)

    assert_diverged(await changed(cluster, one_step, forgets), "0", "StepNotAwaited")


async def test_a_mistake_in_a_task_that_nobody_awaits_parks_too(cluster: Cluster) -> None:
    async def foreign(ctx: perdure.Context) -> None:
        async def inside() -> None:
            await ctx.step("a", value)

        kept = asyncio.create_task(inside())
        await cluster.sleep(1)
        assert kept.done()

    assert_diverged(await changed(cluster, one_step, foreign), "0", "ForeignTask")


# Branches.


def branches(middle: Flow | None = None, *, handled: Flow | None = None) -> Flow:
    """Three branches of a step each; the one in the middle may do something else first."""

    async def flow(ctx: perdure.Context) -> None:
        async def branch(number: int) -> None:
            if number == 1 and middle is not None:
                await middle(ctx)
            else:
                await ctx.step("work", value, number)

        try:
            await ctx.map(branch, range(3))
        except BaseException:
            if handled is None:
                raise
            await handled(ctx)
        await ctx.await_event("go")

    return flow


@pytest.mark.parametrize("how", ["raises", "returns"])
async def test_a_branch_that_ends_early_parks_before_anybody_acts_on_it(cluster: Cluster, how: str) -> None:
    async def effect() -> None:
        cluster.done.append("refunded")

    async def middle(ctx: perdure.Context) -> None:
        if how == "raises":
            raise ValueError("of the new code")

    async def refunds(ctx: perdure.Context) -> None:
        await ctx.step("refund", effect)

    record = await changed(cluster, branches(), branches(middle, handled=refunds))
    assert_diverged(record, "0.1.0", "'work'", "the end of branch 0.1")
    assert cluster.done == []


async def test_a_branch_inside_of_a_branch_is_one_too(cluster: Cluster) -> None:
    def flow(inner: Flow) -> Flow:
        async def outer(ctx: perdure.Context) -> None:
            async def branch() -> None:
                await inner(ctx)

            try:
                await ctx.gather(branch)
            except ValueError:
                await ctx.step("refund", value)
            await ctx.await_event("go")

        return outer

    async def early(ctx: perdure.Context) -> None:
        raise ValueError("of the new code")

    def nested(inner: Flow) -> Flow:
        return flow(flow_in_branch(inner))

    def flow_in_branch(inner: Flow) -> Flow:
        async def within(ctx: perdure.Context) -> None:
            await ctx.gather(lambda: inner(ctx))

        return within

    async def one(ctx: perdure.Context) -> None:
        await ctx.step("work", value)

    assert_diverged(await changed(cluster, nested(one), nested(early)), "0.0.0.0.0", "the end of branch 0.0.0.0")


async def test_a_branch_that_fails_after_what_is_recorded_is_a_failure_that_may_be_handled(cluster: Cluster) -> None:
    async def middle(ctx: perdure.Context) -> None:
        await ctx.step("work", value, 1)
        raise ValueError("later")

    async def notes(ctx: perdure.Context) -> None:
        cluster.done.append("handled")

    record = await changed(cluster, branches(), branches(middle, handled=notes))
    assert (record.status, cluster.done) == ("completed", ["handled"])


# What is no divergence.


async def test_a_failure_of_the_same_code_is_a_failure_whenever_its_worker_dies(cluster: Cluster) -> None:
    async def flow(ctx: perdure.Context) -> None:
        await ctx.step("a", value)
        try:
            await ctx.step("b", die_here)
        finally:
            cluster.done.append("ended")

    await cluster.start(flow)
    await cluster.start_worker()
    await cluster.clock.settle()
    for _ in range(6):
        await cluster.restart()
    record = await cluster.record()
    assert (record.status, record.failure and record.failure.reason) == ("failed", "poisoned")


async def test_a_restart_that_replays_to_the_same_failure_fails(cluster: Cluster) -> None:
    async def fails() -> None:
        raise ValueError("as ever")

    async def flow(ctx: perdure.Context) -> None:
        await ctx.step("a", value)
        try:
            await ctx.gather(ctx.step("b", fails), ctx.step("c", value))
        except StepFailed:
            await ctx.step("undo", value)
            raise

    run = await cluster.start(flow)
    await cluster.start_worker()
    for _ in range(3):
        await cluster.clock.advance(1)
        record = await cluster.record()
        assert (record.status, record.failure and record.failure.message) == ("failed", "as ever")
        await run.restart()


async def test_a_run_that_is_being_cancelled_ends_as_cancelled(cluster: Cluster) -> None:
    async def before(ctx: perdure.Context) -> None:
        ctx.on_cancel(lambda: ctx.step("undo", value))
        await ctx.step("a", value)
        await ctx.step("b", die_here)

    async def after(ctx: perdure.Context) -> None:
        raise ValueError("of the new code")

    await cluster.start(before)
    await cluster.start_worker()
    await cluster.clock.settle()
    await cluster.ask_to_cancel()

    async def new(ctx: perdure.Context) -> Any:
        return await after(ctx)

    cluster.workflow(new, name="before")
    await cluster.restart()
    assert await cluster.status() == "cancelled"


# run_durable.


async def test_run_durable_raises_the_divergence_with_what_was_raised_as_its_cause(
    cluster: Cluster, drive: Driver
) -> None:
    async def waits(ctx: perdure.Context) -> None:
        await ctx.step("a", value)
        await ctx.await_event("go")

    driving = asyncio.ensure_future(drive(waits))
    await cluster.clock.advance(2)
    driving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cluster.clock.until(driving)

    async def new(ctx: perdure.Context) -> None:
        raise ValueError("of the new code")

    with pytest.raises(ReplayError) as raised:
        await cluster.clock.until(drive(new))
    assert isinstance(raised.value.__cause__, ValueError)
    assert (await cluster.record()).is_parked


async def test_a_completed_run_whose_code_raises_says_at_which_step(cluster: Cluster, drive: Driver) -> None:
    async def task(ctx: perdure.Context) -> int:
        return await ctx.step("a", value)

    await cluster.clock.until(drive(task))

    async def new(ctx: perdure.Context) -> int:
        raise ValueError("of the new code")

    with pytest.raises(Divergence, match=r"at 0: the journal has logic 'a'.*ValueError: of the new code"):
        await cluster.clock.until(drive(new))
