"""Any annotation works, or is a typed error that names the parameter: never a bare TypeError, never after an effect."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import InitVar, dataclass, field
from datetime import date
from pathlib import Path
from types import GenericAlias
from typing import (
    Annotated,
    Any,
    Final,
    Generic,
    Literal,
    LiteralString,
    NamedTuple,
    NewType,
    NoReturn,
    Optional,
    ParamSpec,
    Protocol,
    TypedDict,
    TypeVar,
    Union,
    get_args,
)

import msgspec
import pytest
from pydantic import Field, SecretStr
from typing_extensions import TypeAliasType

import perdure
from perdure import Agent
from perdure.core.values import form_of
from perdure.errors import InputError, NotStorable, PerdureError, RunFailed, ToolSignatureInvalid
from tests.runs.cluster import Cluster
from tests.values.shapes import Card, Cash, Left, Right
from tests.values.test_table import annotated

T = TypeVar("T")
Chosen = TypeVar("Chosen", int, str)
P = ParamSpec("P")


class HasName(Protocol):
    name: str


class Custom:
    pass


@dataclass
class Started:
    x: int
    seed: InitVar[int] = 0
    y: int = field(init=False)

    def __post_init__(self, seed: int) -> None:
        self.y = self.x + seed


@dataclass
class HoldsCustom:
    custom: Custom


@dataclass
class Boxed(Generic[T]):
    item: T


@dataclass
class Many(Generic[T]):
    items: list[T]
    other: T | None = None


class UnionInStruct(msgspec.Struct):
    paid: Left | Right


class UnionInDict(TypedDict):
    paid: Card | Cash


class UnionInTuple(NamedTuple):
    paid: Left | Right


Tree = TypeAliasType("Tree", "list[Tree] | int")
Listed = TypeAliasType("Listed", list[T], type_params=(T,))

Numbers = TypeAliasType("Numbers", list[int])
Paid = TypeAliasType("Paid", Card | Cash)
FREE: Any = TypeVar("FREE")

WORK: dict[str, tuple[Any, Any]] = {
    "a union of models": (Card | Cash, Cash(amount=1)),
    "the old spelling": (Union[Card, Cash, None], Cash(amount=1)),  # noqa: UP007 - that is the test
    "optional union": (Optional[Card | Cash], None),  # noqa: UP045 - that is the test
    "a union of dataclasses": (Left | Right, Right(1)),
    "annotated union": (Annotated[Card | Cash, Field(description="how")], Cash(amount=1)),
    "annotated number": (Annotated[int, "cents"], 1),
    "literal": (Literal["a", 1], "a"),
    "new type": (NewType("Cents", int), 1),
    "new type of a union": (NewType("Paid", Card | Cash), Cash(amount=1)),  # type: ignore[valid-newtype]
    "type variable": (FREE, 1),
    "list of a type variable": (GenericAlias(list, (FREE,)), [1]),
    "alias": (Numbers, [1]),
    "generic alias": (Listed[int], [1]),
    "optional alias": (Paid | None, Cash(amount=1)),
    "final": (Final[int], 1),
    "literal string": (LiteralString, "a"),
    "object": (object, [1]),
    "forward reference": ("Card | Cash", Cash(amount=1)),
    "any": (Any, 1),
    "a dataclass with an InitVar": (Started, Started(1, 5)),
    "generic dataclass": (Boxed[int], Boxed(1)),
    "generic dataclass of a union": (Boxed[Card | Cash], Boxed(Cash(amount=1))),
    "generic dataclass of a list of a union": (
        Many[Card | Cash],
        Many[Card | Cash]([Cash(amount=1)], Card(number="1")),
    ),
    "date or text": (date | str, date(2026, 1, 1)),
    "bytes or text": (str | bytes, "é"),
}

REFUSED: dict[str, Any] = {
    "protocol": HasName,
    "callable": Callable[[int], int],
    "a list of callables": list[Callable[[], None]],
    "custom class": Custom,
    "custom in a dataclass": HoldsCustom,
    "custom or model": Custom | Card,
    "type": type[int],
    "iterator": Iterator[int],
    "awaitable": Awaitable[int],
    "path": Path,
    "complex": complex,
    "exception": ValueError,
    "ordered": OrderedDict,
    "deque": deque[int],
    "a union in a struct": UnionInStruct,
    "a union in a typed dict": UnionInDict,
    "a union in a named tuple": UnionInTuple,
    "literal bytes": Literal[b"a"],
    "parameters": P,
    "a number": 5,
    "recursive alias": Tree,
    "secret": SecretStr,
    "secret or number": SecretStr | int,
}

works = pytest.mark.parametrize(("kind", "value"), WORK.values(), ids=WORK)
refused = pytest.mark.parametrize("kind", REFUSED.values(), ids=REFUSED)


@works
async def test_what_has_a_form_works_in_every_place(memory: Cluster, kind: Any, value: Any) -> None:
    async def step(given: Any) -> Any:
        return given

    async def flow(ctx: perdure.Context, given: Any, also: Any = None) -> Any:
        kinds = dict.fromkeys(("given", "return"), kind)
        once = await ctx.step("once", annotated(step, **kinds), given)
        as_ = Card | Cash if isinstance(kind, str) else kind
        await ctx.emit_event("seen", once)
        return await ctx.await_event("seen", as_=as_)

    annotated(flow, **dict.fromkeys(("given", "also", "return"), kind))
    result = await memory.run(flow, value, also=value)
    assert result == value
    assert type(result) is type(value)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (date | str, str | date),
        (Left | Right, Right | Left),
        (list[Card | Cash], list[Cash | Card]),
        (str | bytes, bytes | str),
        (list[int] | set[int], set[int] | list[int]),
    ],
    ids=str,
)
def test_the_order_of_a_union_means_nothing_as_python_has_it(one: Any, other: Any) -> None:
    assert one == other
    orders = [_members(one), _members(other)]
    form_of.__globals__["_cached_form"].cache_clear()  # in another process the other one comes first
    orders += [_members(other), _members(one)]
    assert orders == [orders[0]] * 4


def _members(kind: Any) -> list[str]:
    form: Any = form_of(kind)
    inner = get_args(form)[0] if get_args(form) else form
    return [str(member) for member in inner.members]


@works
def test_what_has_a_form_can_be_a_tools_parameter(kind: Any, value: Any) -> None:
    def take(given: Any) -> None: ...

    agent = Agent("assistant", tools=[annotated(take, given=kind)])
    assert agent.tools["take"].spec.parameters["required"] == ["given"]


@refused
async def test_a_parameter_without_a_form_is_named_by_start(memory: Cluster, kind: Any) -> None:
    async def flow(ctx: perdure.Context, first: int, given: Any = None) -> None:
        raise AssertionError("it ran")

    with pytest.raises(NotStorable) as told:
        await memory.start(annotated(flow, given=kind), 1)
    assert told.value.field.startswith("arguments.given")
    assert await memory.client.runs() == []


@pytest.mark.parametrize(
    ("kind", "value", "field"),
    [
        (int, "two", "arguments.given"),
        (dict[str, list[int]], {"a": [1, "two"]}, "arguments.given[...][1]"),
        (Left, {"x": "two"}, "arguments.given.x"),
        (Card, {"number": 5}, "arguments.given"),
        (Card | Cash, [], "arguments.given"),
    ],
    ids=str,
)
async def test_an_argument_that_does_not_fit_is_refused_with_its_field(
    memory: Cluster, kind: Any, value: Any, field: str
) -> None:
    async def flow(ctx: perdure.Context, given: Any) -> None:
        raise AssertionError("it ran")

    with pytest.raises(InputError) as told:
        await memory.start(annotated(flow, given=kind), value)
    assert told.value.field == field
    assert await memory.client.runs() == []


@refused
async def test_a_result_without_a_form_is_named_by_start(memory: Cluster, kind: Any) -> None:
    async def flow(ctx: perdure.Context) -> Any:
        raise AssertionError("it ran")

    with pytest.raises(NotStorable, match="result of workflow 'flow'"):
        await memory.start(annotated(flow, **{"return": kind}))
    assert await memory.client.runs() == []


@refused
async def test_a_child_without_a_form_is_named_and_not_started(memory: Cluster, kind: Any) -> None:
    async def child(ctx: perdure.Context, given: Any) -> None:
        raise AssertionError("it ran")

    declared = memory.workflow(annotated(child, given=kind))

    async def flow(ctx: perdure.Context) -> None:
        await ctx.start(declared, 1)

    with pytest.raises(RunFailed, match=r"arguments\.given"):
        await memory.run(flow)


@refused
async def test_a_step_or_an_event_without_a_form_is_named_before_the_effect(memory: Cluster, kind: Any) -> None:
    async def pay() -> Any:
        memory.done.append("paid")

    async def flow(ctx: perdure.Context) -> list[str]:
        found = list[str]()
        for call in (
            lambda: ctx.step("pay", annotated(pay, **{"return": kind})),
            lambda: ctx.step("pay", pay, as_=kind),
            lambda: ctx.await_event("go", as_=kind),
        ):
            try:
                await call()
            except NotStorable as error:
                found.append(error.field)
        return found

    one, other, third = await memory.run(flow)
    assert one.startswith("step 'pay'")
    assert other.startswith("step 'pay'")
    assert third.startswith("as_")
    assert memory.done == []


@pytest.mark.parametrize("kind", [kind for kind in REFUSED.values() if kind is not UnionInDict], ids=str)
def test_a_tools_parameter_without_a_form_is_named_at_its_declaration(kind: Any) -> None:
    def take(given: Any) -> None: ...

    with pytest.raises(ToolSignatureInvalid) as told:
        Agent("assistant", tools=[annotated(take, given=kind)])
    assert told.value.field.startswith("given")


@pytest.mark.parametrize("kind", ["Missing", "list[Missing]", "Card[", "1 +"])
async def test_a_reference_that_leads_nowhere_is_a_typed_error(memory: Cluster, kind: str) -> None:
    async def flow(ctx: perdure.Context, given: Any) -> None: ...

    def take(given: Any) -> None: ...

    with pytest.raises(PerdureError):
        await memory.start(annotated(flow, given=kind), 1)
    with pytest.raises(ToolSignatureInvalid):
        Agent("assistant", tools=[annotated(take, given=kind)])


async def test_a_function_that_never_returns_may_say_so(memory: Cluster) -> None:
    async def flow(ctx: perdure.Context) -> NoReturn:
        raise ValueError("always")

    with pytest.raises(RunFailed, match="always"):
        await memory.run(flow)
