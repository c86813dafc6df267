"""What can't be stored: refused before the effect where that is possible, and never a reason to repeat it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Any, cast

import pytest

import perdure
from perdure.core.values import MAX_VALUE_BYTES
from perdure.errors import NotStorable, RunFailed, StepFailed, TooLarge
from tests.runs.cluster import Cluster
from tests.runs.shapes import AT, Bill, Line


class Custom:
    pass


def cycle() -> Any:
    found: list[Any] = []
    found.append({"again": found})
    return found


def deep() -> Any:
    found: list[Any] = []
    for _ in range(100_000):
        found = [found]
    return found


UNSTORABLE: list[tuple[str, Callable[[], Any], str]] = [
    ("nan", lambda: {"a": [1.0, float("nan")]}, ".a[1]"),
    ("infinity", lambda: [float("inf")], "[0]"),
    ("a class of one's own", lambda: {"x": {"y": Custom()}}, ".x.y"),
    ("a cycle", cycle, "[0].again"),
    ("too deep", deep, "[0]"),
    ("a function", lambda: [len], "[0]"),
    ("an integer beyond 64 bits", lambda: [2**64], "[0]"),
    ("a negative one", lambda: {"n": -(2**63) - 1}, ".n"),
    ("a lone surrogate", lambda: {"s": "\ud800"}, ".s"),
    ("a generator", lambda: (one for one in ()), ""),
    ("nan in a dataclass", lambda: Line(Decimal(1), AT) and Bill([], {}, float("nan")), ".note"),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(("make", "path"), [row[1:] for row in UNSTORABLE], ids=[row[0] for row in UNSTORABLE])
async def test_a_result_that_can_not_be_stored_fails_the_step_for_good_and_names_the_place(
    cluster: Cluster, make: Callable[[], Any], path: str
) -> None:
    async def flow(ctx: perdure.Context) -> list[Any]:
        async def pay() -> Any:
            cluster.done.append("paid")
            return make()

        try:
            await ctx.step("pay", pay, retry=perdure.Retry(attempts=3, initial=0, retryable=lambda _: True))
        except StepFailed as error:
            return [error.cause_type, error.message]
        return []

    cause, message = await cluster.run(flow)
    assert cause == "NotStorable"
    assert message.startswith(f"result of step 'pay'{path}")
    assert cluster.done == ["paid"]


async def test_a_result_over_the_limit_fails_the_step_for_good_and_says_how_large_it_is(cluster: Cluster) -> None:
    async def flow(ctx: perdure.Context) -> list[Any]:
        async def big() -> str:
            cluster.done.append("made")
            return "x" * MAX_VALUE_BYTES

        try:
            await ctx.step("big", big)
        except StepFailed as error:
            return [error.cause_type, f"{MAX_VALUE_BYTES + 2:,}" in error.message]
        return []

    assert await cluster.run(flow) == ["TooLarge", True]
    assert cluster.done == ["made"]


async def test_a_result_at_the_limit_is_stored(cluster: Cluster) -> None:
    async def flow(ctx: perdure.Context) -> int:
        async def big() -> str:
            return "x" * (MAX_VALUE_BYTES - 2)

        return len(await ctx.step("big", big))

    assert await cluster.run(flow) == MAX_VALUE_BYTES - 2


async def test_a_type_without_a_stored_form_is_refused_before_the_effect(cluster: Cluster) -> None:
    async def flow(ctx: perdure.Context) -> str:
        async def pay() -> list[Custom]:
            cluster.done.append("paid")
            return []

        try:
            await ctx.step("pay", pay)
        except NotStorable as error:
            return str(error)
        return "nothing was noticed"

    assert "Custom" in await cluster.run(flow)
    assert cluster.done == []


@pytest.mark.parametrize(("make", "path"), [row[1:] for row in UNSTORABLE], ids=[row[0] for row in UNSTORABLE])
async def test_a_result_of_the_run_that_can_not_be_stored_fails_it_and_names_the_place(
    cluster: Cluster, make: Callable[[], Any], path: str
) -> None:
    async def flow(ctx: perdure.Context) -> Any:
        return make()

    with pytest.raises(RunFailed) as failed:
        await cluster.run(flow)
    assert (failed.value.reason, failed.value.cause_type) == ("not_storable", "NotStorable")
    assert failed.value.message.startswith(f"result{path}")


async def test_an_event_or_an_argument_over_the_limit_is_refused_and_changes_nothing(cluster: Cluster) -> None:
    async def flow(ctx: perdure.Context, given: str = "") -> None:
        await ctx.await_event("go")

    run = await cluster.start(flow)
    before = await cluster.record()
    with pytest.raises(TooLarge) as refused:
        await run.emit_event("go", "x" * MAX_VALUE_BYTES)
    assert (refused.value.field, refused.value.size, refused.value.limit) == (
        "payload",
        MAX_VALUE_BYTES + 2,
        MAX_VALUE_BYTES,
    )
    assert await cluster.record() == before
    with pytest.raises(TooLarge):
        await cluster.start(flow, "x" * MAX_VALUE_BYTES, run_id="other")
    assert len(await cluster.client.runs()) == 1


async def test_an_annotation_that_can_not_be_resolved_is_a_typed_error_before_the_effect(memory: Cluster) -> None:
    async def flow(ctx: perdure.Context) -> str:
        async def step() -> Missing:  # type: ignore[name-defined] # noqa: F821 - that is the test
            memory.done.append("ran")

        function = cast("Any", step)
        try:
            await ctx.step("value", function)
        except perdure.PerdureError as error:
            return str(error)
        return "nothing was noticed"

    assert "Missing" in await memory.run(flow)
    assert memory.done == []


async def test_a_failures_data_is_kept_where_it_can_be_and_is_no_reason_to_fail_again(cluster: Cluster) -> None:
    class Odd(Exception):
        def __init__(self, message: str, data: Any) -> None:
            super().__init__(message)
            self.data = data

    async def flow(ctx: perdure.Context) -> list[Any]:
        async def raises(message: str, data: Any) -> None:
            raise Odd(message, data)

        found: list[Any] = []
        for data, message in [({"a": 1}, "plain"), (Custom(), "x" * 20_000), (cycle(), "a\ud800\0b")]:
            try:
                await ctx.step("raises", raises, message, data)
            except StepFailed as error:
                found.append([error.data, len(error.message)])
        return found

    assert await cluster.run(flow) == [[{"a": 1}, 5], [None, 8192], [None, 4]]


async def test_many_large_values_at_once_are_no_trouble(cluster: Cluster) -> None:
    async def flow(ctx: perdure.Context) -> int:
        async def big(number: int) -> str:
            await asyncio.sleep(0)
            return f"{number}" * 200_000

        made: list[str] = await ctx.gather(*[ctx.step("big", big, number) for number in range(10)])
        return sum(len(text) for text in made)

    assert await cluster.run(flow) == 2_000_000
