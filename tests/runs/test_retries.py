"""A step is tried as often as its policy says, with the pauses that it says, whatever dies in between."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest

import perdure
from perdure import Retry, RetryableError, TerminalError
from perdure.errors import PerdureError, RunFailed, SettingInvalid, StepFailed
from perdure.testing.dying import die_here
from tests.runs.cluster import Cluster

STEADY = Retry(attempts=4, initial=2.0, multiplier=3.0, cap=10.0, jitter=False)


def failing(cluster: Cluster, times: int, error: Exception | None = None) -> perdure.Workflow[..., float]:
    """A workflow with one step that fails so often, and notes when it is called."""

    async def work() -> float:
        cluster.done.append(f"{cluster.clock.elapsed():g}")
        if len(cluster.done) <= times:
            raise error or ValueError(f"failure {len(cluster.done)}")
        return cluster.clock.elapsed()

    async def flow(ctx: perdure.Context) -> float:
        return await ctx.step("work", work, retry=STEADY)

    return cluster.workflow(flow)


async def test_the_pauses_grow_and_are_capped(cluster: Cluster) -> None:
    run = await cluster.client.start(failing(cluster, 3), run_id="run")
    await cluster.start_worker()
    assert await cluster.result(run) == 18.0
    assert cluster.done == ["0", "2", "8", "18"]
    assert (await cluster.step("0")).attempts == 4


async def test_the_last_attempt_decides_and_says_how_many_there_were(cluster: Cluster) -> None:
    run = await cluster.client.start(failing(cluster, 9), run_id="run")
    await cluster.start_worker()
    with pytest.raises(RunFailed, match="failure 4"):
        await cluster.result(run)
    step = await cluster.step("0")
    assert (step.status, step.attempts) == ("failed", 4)
    assert len(cluster.done) == 4


async def test_without_a_policy_a_step_is_tried_once(cluster: Cluster) -> None:
    async def work() -> None:
        cluster.done.append("tried")
        raise ValueError

    async def flow(ctx: perdure.Context) -> None:
        await ctx.step("work", work)

    with pytest.raises(RunFailed):
        await cluster.run(flow)
    assert cluster.done == ["tried"]


async def test_the_count_of_attempts_survives_restarts(cluster: Cluster) -> None:
    run = await cluster.client.start(failing(cluster, 9), run_id="run")
    await cluster.start_worker()
    await cluster.clock.advance(1)
    for _ in range(3):
        await cluster.restart()
    with pytest.raises(RunFailed):
        await cluster.result(run, within=200)
    assert len(cluster.done) == 4
    assert (await cluster.step("0")).attempts == 4


async def test_a_pause_of_under_a_second_holds_the_run_and_a_longer_one_suspends_it(cluster: Cluster) -> None:
    async def work() -> None:
        cluster.done.append("tried")
        raise ValueError

    async def flow(ctx: perdure.Context) -> None:
        await ctx.step("work", work, retry=Retry(attempts=3, initial=0.9, multiplier=5, jitter=False))

    await cluster.start(flow)
    await cluster.start_worker()
    await cluster.clock.advance(0.5)
    record = await cluster.record()
    assert (record.status, record.worker_id is not None) == ("running", True)
    assert (await cluster.step("0")).retry_at is not None
    await cluster.clock.advance(0.5)
    assert cluster.done == ["tried", "tried"]
    record = await cluster.record()
    assert (record.status, record.worker_id, record.waiting_for) == ("suspended", None, ("retry:0",))
    assert record.due_at == (await cluster.step("0")).retry_at


async def test_a_pause_ends_when_it_was_to_end_whoever_waits_for_it(cluster: Cluster) -> None:
    run = await cluster.client.start(failing(cluster, 1), run_id="run")
    await cluster.start_worker()
    await cluster.clock.advance(0.5)
    await cluster.kill()
    await cluster.clock.advance(1.0)
    await cluster.start_worker()
    assert await cluster.result(run) == 2.0


@pytest.mark.parametrize(
    ("error", "attempts"),
    [
        (ValueError("x"), 4),
        (TerminalError("x"), 1),
        (RetryableError("x"), 4),
        (RetryableError("x", after=0.5), 4),
        (PerdureError("x"), 1),
    ],
)
async def test_which_errors_are_tried_again(memory: Cluster, error: Exception, attempts: int) -> None:
    run = await memory.client.start(failing(memory, 9, error), run_id="run")
    await memory.start_worker()
    with pytest.raises(RunFailed):
        await memory.result(run, within=300)
    assert len(memory.done) == attempts


async def test_a_predicate_says_which_errors_are_tried_again(memory: Cluster) -> None:
    async def work() -> None:
        memory.done.append("tried")
        raise KeyError if len(memory.done) == 1 else ValueError

    async def flow(ctx: perdure.Context) -> str:
        policy = Retry(attempts=5, initial=0, retryable=lambda error: isinstance(error, KeyError))
        try:
            await ctx.step("work", work, retry=policy)
        except StepFailed as error:
            return error.cause_type
        return ""

    assert await memory.run(flow) == "ValueError"
    assert memory.done == ["tried", "tried"]


async def test_a_predicate_never_overrules_a_terminal_error(memory: Cluster) -> None:
    async def work() -> None:
        memory.done.append("tried")
        raise TerminalError("never again")

    async def flow(ctx: perdure.Context) -> None:
        await ctx.step("work", work, retry=Retry(attempts=5, initial=0, retryable=lambda error: True))

    with pytest.raises(RunFailed, match="never again"):
        await memory.run(flow)
    assert memory.done == ["tried"]


@pytest.mark.parametrize("after", [5.0, timedelta(seconds=5)])
async def test_an_error_that_says_when_to_try_again_is_obeyed(memory: Cluster, after: float | timedelta) -> None:
    run = await memory.client.start(failing(memory, 1, RetryableError("busy", after=after)), run_id="run")
    await memory.start_worker()
    assert await memory.result(run) == 5.0


async def test_a_retry_after_of_any_error_is_obeyed(memory: Cluster) -> None:
    class Busy(Exception):
        retry_after = 7.0

    run = await memory.client.start(failing(memory, 1, Busy()), run_id="run")
    await memory.start_worker()
    assert await memory.result(run) == 7.0


async def test_a_retry_after_beyond_all_time_is_no_reason_to_fail_otherwise(memory: Cluster) -> None:
    class Busy(Exception):
        retry_after = 1e300

    await memory.client.start(failing(memory, 1, Busy()), run_id="run")
    await memory.start_worker()
    await memory.clock.advance(1)
    assert (await memory.record()).waiting_for == ("retry:0",)


async def test_with_jitter_a_pause_is_a_share_of_the_whole(memory: Cluster) -> None:
    async def work() -> None:
        memory.done.append(f"{memory.clock.elapsed()}")
        raise ValueError

    async def flow(ctx: perdure.Context) -> None:
        await ctx.step("work", work, retry=Retry(attempts=20, initial=4, multiplier=1))

    with pytest.raises(RunFailed):
        await memory.run(flow, within=300)
    at = [float(time) for time in memory.done]
    pauses = [later - sooner for sooner, later in pairwise(at)]
    assert all(0 <= pause <= 4.01 for pause in pauses)
    assert len({round(pause, 3) for pause in pauses}) > 10


async def test_an_attempt_that_was_in_flight_when_its_worker_died_counts_once_it_has_shown(cluster: Cluster) -> None:
    async def work() -> int:
        cluster.done.append("tried")
        if len(cluster.done) == 1:
            await cluster.sleep(1.0)
            await die_here()
        return len(cluster.done)

    async def flow(ctx: perdure.Context) -> int:
        return await ctx.step("work", work)

    run = await cluster.start(flow)
    await cluster.start_worker()
    await cluster.clock.advance(2)
    await cluster.restart()
    assert await cluster.result(run) == 2
    assert (await cluster.step("0")).attempts == 2


@pytest.mark.parametrize(
    "wrong",
    [
        {"attempts": 0},
        {"initial": -1},
        {"initial": float("nan")},
        {"cap": float("inf")},
        {"multiplier": 0.5},
        {"multiplier": float("nan")},
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(SettingInvalid) as refused:
        Retry(**wrong)  # pyright: ignore[reportArgumentType] - that is the test
    assert next(iter(wrong)) in str(refused.value)
