"""Values come back as they were, the first time and after a crash: results, arguments, events, with their types."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from typing import Annotated, Any, Literal, NamedTuple, TypedDict, cast
from uuid import UUID

import msgspec
import pytest

import perdure
from perdure.core.values import MAX_VALUE_BYTES
from perdure.errors import InputError, NotStorable, RunFailed, StepFailed, TooLarge
from tests.runs.stage import Stage


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Level(IntEnum):
    LOW = 1
    HIGH = 2


class Word(StrEnum):
    YES = "yes"


@dataclass
class Line:
    amount: Decimal
    at: datetime


@dataclass
class Bill:
    lines: list[Line]
    by: dict[str, Colour] = field(default_factory=dict[str, Colour])
    note: str | None = None


class Point(msgspec.Struct, frozen=True):
    x: int
    y: float = 0.5


class Pair(NamedTuple):
    left: str
    right: int


class Known(TypedDict):
    name: str
    age: int


AT = datetime(2026, 2, 28, 23, 59, 59, 123456, UTC)
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


async def both_times(stage: Stage, step: Callable[..., Awaitable[Any]], **options: Any) -> tuple[Any, Any]:
    """What a step gives the attempt that executes it, and the one that replays it."""
    seen: list[Any] = []

    async def flow(ctx: perdure.Context) -> None:
        seen.append(await ctx.step("value", step, **options))
        await ctx.await_event("go")

    run = await stage.start(flow)
    await stage.hand()
    await stage.clock.settle()
    await stage.kill()
    await run.emit_event("go")
    await stage.hand()
    await stage.result(run)
    first, second = seen
    return first, second


@pytest.mark.parametrize(("kind", "value"), VALUES, ids=NAMES)
async def test_an_annotated_result_comes_back_with_its_type_the_first_time_and_on_replay(
    stage: Stage, kind: Any, value: Any
) -> None:
    async def step() -> Any:
        return value

    step.__annotations__["return"] = kind
    first, second = await both_times(stage, step)
    assert first == second == value
    assert type(first) is type(second) is type(value)
    assert repr(first) == repr(second)


@pytest.mark.parametrize(("kind", "value"), [(Bill, BILL), (Decimal, Decimal("1.10")), (tuple[int, int], (1, 2))])
async def test_as_says_the_type_where_the_function_does_not(stage: Stage, kind: Any, value: Any) -> None:
    async def step() -> Any:
        return value

    first, second = await both_times(stage, step, as_=kind)
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
    stage: Stage, value: Any, plain: Any
) -> None:
    async def step():  # noqa: ANN202 - that is the test
        return value

    first, second = await both_times(stage, step)
    assert first == second == plain
    assert type(first) is type(second) is type(plain)


@pytest.mark.parametrize(("kind", "value"), VALUES[5:], ids=NAMES[5:])
async def test_a_workflows_argument_and_result_come_with_their_types(memory: Stage, kind: Any, value: Any) -> None:
    seen: list[Any] = []

    async def flow(ctx: perdure.Context, given: Any, *more: Any, named: Any = None, **others: Any) -> Any:
        seen.extend([given, *more, named, others["other"]])
        return given

    flow.__annotations__ |= dict.fromkeys(("given", "more", "named", "others", "return"), kind)
    result = await memory.run(flow, value, value, named=value, other=value)
    assert [result, *seen] == [value] * 5
    assert {type(one) for one in [result, *seen]} == {type(value)}


async def test_an_argument_with_a_default_may_be_left_out_and_is_the_codes_own(memory: Stage) -> None:
    async def flow(ctx: perdure.Context, a: int, b: int = 7, *, c: Bill | None = None) -> list[Any]:
        return [a, b, c]

    assert await memory.run(flow, 1) == [1, 7, None]
    assert await memory.run(flow, 1, c=BILL, run_id="other") == [1, 7, msgspec.to_builtins(BILL)]


async def test_arguments_that_do_not_fit_are_refused_before_anything_changed(memory: Stage) -> None:
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
    stage: Stage, make: Callable[[], Any], path: str
) -> None:
    async def flow(ctx: perdure.Context) -> list[Any]:
        async def pay() -> Any:
            stage.done.append("paid")
            return make()

        try:
            await ctx.step("pay", pay, retry=perdure.Retry(attempts=3, initial=0, retryable=lambda _: True))
        except StepFailed as error:
            return [error.cause_type, error.message]
        return []

    cause, message = await stage.run(flow)
    assert cause == "NotStorable"
    assert message.startswith(f"result of step 'pay'{path}")
    assert stage.done == ["paid"]


async def test_a_result_over_the_limit_fails_the_step_for_good_and_says_how_large_it_is(stage: Stage) -> None:
    async def flow(ctx: perdure.Context) -> list[Any]:
        async def big() -> str:
            stage.done.append("made")
            return "x" * MAX_VALUE_BYTES

        try:
            await ctx.step("big", big)
        except StepFailed as error:
            return [error.cause_type, f"{MAX_VALUE_BYTES + 2:,}" in error.message]
        return []

    assert await stage.run(flow) == ["TooLarge", True]
    assert stage.done == ["made"]


async def test_a_result_at_the_limit_is_stored(stage: Stage) -> None:
    async def flow(ctx: perdure.Context) -> int:
        async def big() -> str:
            return "x" * (MAX_VALUE_BYTES - 2)

        return len(await ctx.step("big", big))

    assert await stage.run(flow) == MAX_VALUE_BYTES - 2


async def test_a_type_without_a_stored_form_is_refused_before_the_effect(stage: Stage) -> None:
    async def flow(ctx: perdure.Context) -> str:
        async def pay() -> list[Custom]:
            stage.done.append("paid")
            return []

        try:
            await ctx.step("pay", pay)
        except NotStorable as error:
            return str(error)
        return "nothing was noticed"

    assert "Custom" in await stage.run(flow)
    assert stage.done == []


@pytest.mark.parametrize(("make", "path"), [row[1:] for row in UNSTORABLE], ids=[row[0] for row in UNSTORABLE])
async def test_a_result_of_the_run_that_can_not_be_stored_fails_it_and_names_the_place(
    stage: Stage, make: Callable[[], Any], path: str
) -> None:
    async def flow(ctx: perdure.Context) -> Any:
        return make()

    with pytest.raises(RunFailed) as failed:
        await stage.run(flow)
    assert (failed.value.reason, failed.value.cause_type) == ("not_storable", "NotStorable")
    assert failed.value.message.startswith(f"result{path}")


async def test_an_event_or_an_argument_over_the_limit_is_refused_and_changes_nothing(stage: Stage) -> None:
    async def flow(ctx: perdure.Context, given: str = "") -> None:
        await ctx.await_event("go")

    run = await stage.start(flow)
    before = await stage.record()
    with pytest.raises(TooLarge) as refused:
        await run.emit_event("go", "x" * MAX_VALUE_BYTES)
    assert (refused.value.field, refused.value.size, refused.value.limit) == (
        "payload",
        MAX_VALUE_BYTES + 2,
        MAX_VALUE_BYTES,
    )
    assert await stage.record() == before
    with pytest.raises(TooLarge):
        await stage.start(flow, "x" * MAX_VALUE_BYTES, run_id="other")
    assert len(await stage.client.runs()) == 1


async def test_a_value_that_no_longer_fits_comes_back_plain_and_its_effect_is_not_repeated(
    memory: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[Any] = []

    def version(kind: Any) -> Callable[[perdure.Context], Awaitable[None]]:
        async def step() -> Any:
            memory.done.append("ran")
            return {"x": 1, "y": 2.0}

        step.__annotations__["return"] = kind

        async def flow(ctx: perdure.Context) -> None:
            seen.append(await ctx.step("value", step))
            await ctx.await_event("go")

        return flow

    run = await memory.start(version(Point))
    await memory.hand()
    await memory.clock.settle()
    await memory.kill()
    memory.workflow(version(tuple[int, int]))
    await run.emit_event("go")
    await memory.hand()
    await memory.result(run)
    assert seen == [Point(1, 2.0), {"x": 1, "y": 2.0}]
    assert memory.done == ["ran"]
    assert "does not fit" in caplog.text


async def test_an_annotation_that_can_not_be_resolved_is_a_typed_error_before_the_effect(memory: Stage) -> None:
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


async def test_a_failures_data_is_kept_where_it_can_be_and_is_no_reason_to_fail_again(stage: Stage) -> None:
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

    assert await stage.run(flow) == [[{"a": 1}, 5], [None, 8192], [None, 4]]


async def test_many_large_values_at_once_are_no_trouble(stage: Stage) -> None:
    async def flow(ctx: perdure.Context) -> int:
        async def big(number: int) -> str:
            await asyncio.sleep(0)
            return f"{number}" * 200_000

        made: list[str] = await ctx.gather(*[ctx.step("big", big, number) for number in range(10)])
        return sum(len(text) for text in made)

    assert await stage.run(flow) == 2_000_000
