"""A committed outcome is final: it never runs again, and comes back as it was."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

import perdure
from perdure.errors import EventTimeout, RunFailed, StepFailed, StepTimedOut
from perdure.testing.dying import die_here
from tests.runs.cluster import Cluster

Flow = Callable[[perdure.Context], Awaitable[Any]]


async def twice(cluster: Cluster, flow: Flow) -> tuple[Any, Any]:
    """What a flow gives in the attempt that executes it, and in one that only replays it."""
    seen: list[Any] = []

    async def wrapped(ctx: perdure.Context) -> None:
        seen.append(await flow(ctx))
        await ctx.await_event("go")

    wrapped.__name__ = "wrapped"
    run = await cluster.start(wrapped)
    await cluster.start_worker()
    await cluster.clock.advance(20)
    assert await cluster.status() == "suspended"
    await cluster.kill()
    await run.emit_event("go")
    await cluster.start_worker()
    await cluster.result(run)
    first, second = seen[0], seen[-1]
    assert len(seen) == 2
    return first, second


async def test_a_committed_step_never_runs_again(cluster: Cluster) -> None:
    async def one() -> int:
        cluster.done.append("one")
        return 1

    async def two(first: int) -> int:
        cluster.done.append("two")
        return first + 1

    async def flow(ctx: perdure.Context) -> int:
        first = await ctx.step("one", one)
        await ctx.await_event("go")
        return await ctx.step("two", two, first)

    run = await cluster.start(flow)
    await cluster.start_worker()
    await cluster.clock.settle()
    assert await cluster.status() == "suspended"
    await cluster.kill()
    await run.emit_event("go")
    await cluster.start_worker()
    assert await cluster.result(run) == 2
    assert cluster.done == ["one", "two"]


async def test_an_attempt_that_died_goes_on_with_what_had_committed(cluster: Cluster) -> None:
    async def flow(ctx: perdure.Context) -> list[int]:
        async def step(number: int) -> int:
            cluster.done.append(f"{number}")
            if number == 2 and cluster.done.count("2") == 1:
                await die_here()
            return number

        return [await ctx.step("step", step, number) for number in range(4)]

    run = await cluster.start(flow)
    await cluster.start_worker()
    await cluster.clock.settle()
    await cluster.restart()
    assert await cluster.result(run) == [0, 1, 2, 3]
    assert cluster.done == ["0", "1", "2", "2", "3"]


async def fails() -> None:
    raise ValueError("no")


class Declined(Exception):
    def __init__(self) -> None:
        super().__init__("declined")
        self.data = {"card": "…1234", "tries": [1, 2]}


async def declines() -> None:
    raise Declined


async def test_a_failed_step_raises_the_same_the_first_time_and_on_replay(cluster: Cluster) -> None:
    async def flow(ctx: perdure.Context) -> list[Any]:
        try:
            await ctx.step("pay", declines)
        except StepFailed as error:
            return [type(error), str(error), {**vars(error)}]
        return []

    first, second = await twice(cluster, flow)
    assert first == second
    kind, _, fields = first
    assert kind is StepFailed
    assert fields["step"] == "pay"
    assert fields["position"] == "0"
    assert fields["cause_type"] == "Declined"
    assert fields["message"] == "declined"
    assert fields["data"] == {"card": "…1234", "tries": [1, 2]}
    assert fields["attempts"] == 1


async def test_a_step_failure_is_never_the_original_class(cluster: Cluster) -> None:
    async def flow(ctx: perdure.Context) -> str:
        try:
            await ctx.step("bad", fails)
        except ValueError:
            return "the original"
        except StepFailed as error:
            return error.cause_type
        return "nothing"

    assert await twice(cluster, flow) == ("ValueError", "ValueError")


async def test_a_timeout_is_final_and_is_raised_again(cluster: Cluster) -> None:
    async def slow() -> None:
        cluster.done.append("began")
        await asyncio.Event().wait()

    async def flow(ctx: perdure.Context) -> list[Any]:
        try:
            await ctx.step("slow", slow, timeout=3.0)
        except StepTimedOut as error:
            return [error.cause_type, error.message, error.attempts, error.code]
        return []

    first, second = await twice(cluster, flow)
    assert first == second == ["TimeoutError", "no end after 3.0 s", 1, "step_timed_out"]
    assert cluster.done == ["began"]


async def test_a_wait_that_timed_out_stays_so_even_if_the_event_comes_later(cluster: Cluster) -> None:
    async def flow(ctx: perdure.Context) -> str:
        try:
            await ctx.await_event("late", timeout=timedelta(seconds=2))
        except EventTimeout as error:
            return f"{error.key} {error.position}"
        return "came"

    seen: list[str] = []

    async def outer(ctx: perdure.Context) -> None:
        seen.append(await flow(ctx))
        await ctx.await_event("go")

    run = await cluster.start(outer)
    await cluster.start_worker()
    await cluster.clock.advance(5)
    assert await run.emit_event("late") is True
    await cluster.kill()
    await run.emit_event("go")
    await cluster.start_worker()
    await cluster.result(run)
    assert seen == ["late 0", "late 0"]


async def test_a_failed_run_says_what_its_function_raised(cluster: Cluster) -> None:
    async def flow(ctx: perdure.Context) -> None:
        raise ValueError("the reason")

    run = await cluster.start(flow)
    await cluster.start_worker()
    with pytest.raises(RunFailed, match="the reason") as failed:
        await cluster.result(run)
    assert (failed.value.cause_type, failed.value.reason) == ("ValueError", "error")
    assert (await cluster.record()).status == "failed"


async def test_what_a_caller_changes_in_a_value_does_not_change_what_is_stored(cluster: Cluster) -> None:
    kept = {"items": [1]}

    async def made() -> dict[str, list[int]]:
        return kept

    async def flow(ctx: perdure.Context) -> dict[str, list[int]]:
        value = await ctx.step("made", made)
        copy = {"items": list(value["items"])}
        value["items"].append(99)
        kept["items"].append(98)
        return copy

    first, second = await twice(cluster, flow)
    assert first == second == {"items": [1]}


async def test_steps_are_listed_with_what_there_is_to_know_of_them(cluster: Cluster) -> None:
    async def flow(ctx: perdure.Context) -> None:
        async def work() -> int:
            return 7

        await ctx.step("one", work, kind="llm", fingerprint={"a": 1})
        await ctx.sleep(0.25)

    await cluster.run(flow)
    steps = await cluster.steps()
    assert list(steps) == ["0", "1"]
    one, sleep = steps.values()
    assert (one.name, one.kind, one.status, one.attempts, one.result) == ("one", "llm", "completed", 1, b"7")
    assert one.fingerprint
    assert one.completed_at is not None
    assert (sleep.kind, sleep.status) == ("sleep", "completed")
    assert sleep.due_at is not None
    assert sleep.due_at - sleep.started_at == timedelta(seconds=0.25)
