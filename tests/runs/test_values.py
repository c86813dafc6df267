"""Values come back as they were, the first time and after a crash: results, arguments, events, with their types."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
import pytest

import perdure
from perdure.errors import InputError
from tests.runs.cluster import Cluster
from tests.runs.shapes import AT, Bill, Colour, Known, Level, Line, Pair, Point, Word

BILL = Bill([Line(Decimal("10.10"), AT)], {"x": Colour.BLUE}, None)

VALUES: list[tuple[Any, Any]] = [
    (None, None),
    (bool, True),
    (int, 2**63),
    (int, -(2**63)),
    (float, 0.1),
    (float, 1.0),
    (float, 1e300),
    (str, "häß\u2028\U0001f600\0end"),
    (bytes, b"\x00\xff\x80"),
    (bytearray, bytearray(b"\x00\xff")),
    (list[int], [1, 2]),
    (tuple[int, str], (1, "a")),
    (tuple[int, ...], (1, 2, 3)),
    (set[int], {3, 1}),
    (frozenset[str], frozenset({"b", "a"})),
    (dict[str, list[int]], {"a": [1], "": []}),
    (dict[int, str], {1: "a", 2: "b"}),
    (dict[UUID, int], {UUID(int=7): 1}),
    (datetime, AT),
    (datetime, datetime(2026, 1, 1, 12, tzinfo=timezone(timedelta(hours=5, minutes=30)))),
    (datetime, datetime(2026, 1, 1, 12)),  # noqa: DTZ001 - naive ones come back naive
    (date, date(2026, 2, 28)),
    (time, time(23, 59, 59, 999999)),
    (timedelta, timedelta(days=-1, seconds=5, microseconds=7)),
    (Decimal, Decimal("0.10000000000000000000000001")),
    (Decimal, Decimal("1E+20")),
    (UUID, UUID("12345678-1234-5678-1234-567812345678")),
    (Colour, Colour.RED),
    (Level, Level.HIGH),
    (Word, Word.YES),
    (Literal["a", "b"], "b"),
    (Line, Line(Decimal("1.00"), AT)),
    (Bill, BILL),
    (list[Bill], [BILL, BILL]),
    (Bill | None, None),
    (Point, Point(1)),
    (dict[str, Point], {"p": Point(1, 2.5)}),
    (Point | int | None, Point(3)),
    (Pair, Pair("l", 2)),
    (Known, {"name": "Ana", "age": 7}),
    (Annotated[int, msgspec.Meta(ge=0)], 5),
]

NAMES = [f"{number} {getattr(kind, '__name__', kind)}" for number, (kind, _) in enumerate(VALUES)]


async def both_times(cluster: Cluster, step: Callable[..., Awaitable[Any]], **options: Any) -> tuple[Any, Any]:
    """What a step gives the attempt that executes it, and the one that replays it."""
    seen: list[Any] = []

    async def flow(ctx: perdure.Context) -> None:
        seen.append(await ctx.step("value", step, **options))
        await ctx.await_event("go")

    run = await cluster.start(flow)
    await cluster.start_worker()
    await cluster.clock.settle()
    await cluster.kill()
    await run.emit_event("go")
    await cluster.start_worker()
    await cluster.result(run)
    first, second = seen
    return first, second


@pytest.mark.parametrize(("kind", "value"), VALUES, ids=NAMES)
async def test_an_annotated_result_comes_back_with_its_type_the_first_time_and_on_replay(
    cluster: Cluster, kind: Any, value: Any
) -> None:
    async def step() -> Any:
        return value

    step.__annotations__["return"] = kind
    first, second = await both_times(cluster, step)
    assert first == second == value
    assert type(first) is type(second) is type(value)
    assert repr(first) == repr(second)


@pytest.mark.parametrize(("kind", "value"), [(Bill, BILL), (Decimal, Decimal("1.10")), (tuple[int, int], (1, 2))])
async def test_as_says_the_type_where_the_function_does_not(cluster: Cluster, kind: Any, value: Any) -> None:
    async def step() -> Any:
        return value

    first, second = await both_times(cluster, step, as_=kind)
    assert first == second == value


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        ((1, 2), [1, 2]),
        (Decimal("1.10"), "1.10"),
        (AT, "2026-02-28T23:59:59.123456Z"),
        (b"\x00\xff", "AP8="),
        (Colour.RED, "red"),
        (Point(1), {"x": 1, "y": 0.5}),
        ({1: "a"}, {"1": "a"}),
    ],
)
async def test_without_an_annotation_a_value_is_plain_json_the_first_time_too(
    cluster: Cluster, value: Any, plain: Any
) -> None:
    async def step():  # noqa: ANN202 - that is the test
        return value

    first, second = await both_times(cluster, step)
    assert first == second == plain
    assert type(first) is type(second) is type(plain)


@pytest.mark.parametrize(("kind", "value"), VALUES[5:], ids=NAMES[5:])
async def test_a_workflows_argument_and_result_come_with_their_types(memory: Cluster, kind: Any, value: Any) -> None:
    seen: list[Any] = []

    async def flow(ctx: perdure.Context, given: Any, *more: Any, named: Any = None, **others: Any) -> Any:
        seen.extend([given, *more, named, others["other"]])
        return given

    flow.__annotations__ |= dict.fromkeys(("given", "more", "named", "others", "return"), kind)
    result = await memory.run(flow, value, value, named=value, other=value)
    assert [result, *seen] == [value] * 5
    assert {type(one) for one in [result, *seen]} == {type(value)}


async def test_an_argument_with_a_default_may_be_left_out_and_is_the_codes_own(memory: Cluster) -> None:
    async def flow(ctx: perdure.Context, a: int, b: int = 7, *, c: Bill | None = None) -> list[Any]:
        return [a, b, c]

    assert await memory.run(flow, 1) == [1, 7, None]
    assert await memory.run(flow, 1, c=BILL, run_id="other") == [1, 7, msgspec.to_builtins(BILL)]


async def test_arguments_that_do_not_fit_are_refused_before_anything_changed(memory: Cluster) -> None:
    async def flow(ctx: perdure.Context, a: int, *, b: Decimal = Decimal(1)) -> None:
        raise AssertionError("it ran")

    for args, kwargs, word in [
        ((), {}, "a"),
        ((1, 2), {}, "positional"),
        ((1,), {"x": 1}, "x"),
        (("one",), {}, "a"),
        ((1,), {"b": "one"}, "b"),
        ((float("nan"),), {}, "arguments.a"),
    ]:
        with pytest.raises(InputError, match=word) as refused:
            await memory.start(flow, *args, **kwargs)
        assert refused.value.field.startswith("arguments")
    assert await memory.client.runs() == []


# What can't be stored.
