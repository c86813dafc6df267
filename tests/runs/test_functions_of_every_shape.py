"""What a step can be made of: each shape of a function that has one result, whose type comes back; the rest is refused.

A refused one is refused before it is called, with what to do instead.
"""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from dataclasses import dataclass
from enum import Enum
from itertools import product
from typing import Any, NamedTuple

import msgspec
import pydantic
import pytest

import perdure
from perdure.errors import NotStorable, SettingInvalid
from tests.runs.cluster import Cluster
from tests.runs.driving import Driver


@dataclass
class Order:
    number: int


class Struct(msgspec.Struct):
    number: int


class Model(pydantic.RootModel[int]):
    pass


class Pair(NamedTuple):
    number: int


class Colour(Enum):
    RED = 1


class Keeper:
    def __call__(self, number: int) -> Order:
        return Order(number)

    def method(self, number: int) -> Order:
        return Order(number)

    async def later(self, number: int) -> Order:
        return Order(number)

    @classmethod
    def of_class(cls, number: int) -> Order:
        return Order(number)

    @staticmethod
    def static(number: int) -> Order:
        return Order(number)


class AsyncKeeper:
    async def __call__(self, number: int) -> Order:
        return Order(number)


def plain(number: int) -> Order:
    return Order(number)


async def later(number: int) -> Order:
    return Order(number)


def gives_awaitable(number: int) -> Awaitable[Order]:
    return later(number)


def gives_coroutine(number: int) -> Coroutine[Any, Any, Order]:
    return later(number)


@functools.wraps(later)
def wrapped(*args: int) -> Any:
    return later(*args)


@functools.singledispatch
def dispatched(number: int) -> Order:
    return Order(number)


WORKING: dict[str, tuple[Callable[[int], Any], Any]] = {
    "a function": (plain, Order(1)),
    "an async function": (later, Order(1)),
    "a dataclass": (Order, Order(1)),
    "a struct": (Struct, Struct(1)),
    "a model": (Model, Model(1)),
    "a named tuple": (Pair, Pair(1)),
    "an enum": (Colour, Colour.RED),
    "a builtin class": (int, 1),
    "a method": (Keeper().method, Order(1)),
    "an async method": (Keeper().later, Order(1)),
    "a class method": (Keeper.of_class, Order(1)),
    "a static method": (Keeper.static, Order(1)),
    "an object": (Keeper(), Order(1)),
    "an async object": (AsyncKeeper(), Order(1)),
    "a partial of a function": (functools.partial(plain), Order(1)),
    "a partial of a class": (functools.partial(Order), Order(1)),
    "a partial of an async method": (functools.partial(Keeper().later), Order(1)),
    "a partial of a partial": (functools.partial(functools.partial(AsyncKeeper())), Order(1)),
    "a cache": (functools.cache(plain), Order(1)),
    "a decorated function": (wrapped, Order(1)),
    "a generic function": (dispatched, Order(1)),
    "a function that gives an awaitable": (gives_awaitable, Order(1)),
    "a function that gives a coroutine": (gives_coroutine, Order(1)),
    "a builtin function": (abs, 1),
    "a lambda": (lambda number: number, 1),
}


@pytest.mark.parametrize("shape", WORKING)
async def test_a_step_of_each_shape_gives_a_value_of_its_type_the_first_time_and_on_a_replay(
    memory: Cluster, shape: str
) -> None:
    function, expected = WORKING[shape]
    found = list[Any]()

    async def flow(ctx: perdure.Context) -> None:
        found.append(await ctx.step("make", function, 1))
        await ctx.await_event("go")

    run = await memory.start(flow)
    await memory.start_worker()
    await memory.clock.advance(2)
    await memory.kill()
    await run.emit_event("go")
    await memory.start_worker()
    await memory.result(run)
    assert found == [expected, expected]
    assert [type(value) for value in found] == [type(expected)] * 2


def generator(number: int) -> Iterator[int]:
    yield number


async def async_generator(number: int) -> AsyncIterator[int]:
    yield number


class Generates:
    def __call__(self, number: int) -> Iterator[int]:
        yield number


class Opaque:
    def __init__(self, number: int) -> None:
        raise AssertionError("it was called")


NEVER_CALLED: dict[str, tuple[Callable[[int], Any], str]] = {
    "a generator function": (generator, "generator is a generator function, and a step has one result; return a list"),
    "an async generator function": (async_generator, "async_generator is a generator function"),
    "a partial of a generator function": (functools.partial(generator), "generator is a generator function"),
    "an object that generates": (Generates(), "Generates is a generator function"),
    "a class without a stored form": (Opaque, "Opaque has no stored form; return plain data, a dataclass or a model"),
}


@pytest.mark.parametrize(("shape", "as_"), [*product(NEVER_CALLED, [None]), ("a generator function", int)])
async def test_what_has_no_result_that_can_be_kept_is_refused_before_it_is_called(
    memory: Cluster, shape: str, as_: Any
) -> None:
    function, said = NEVER_CALLED[shape]

    async def flow(ctx: perdure.Context) -> str:
        with pytest.raises(NotStorable, match=said) as refused:
            await ctx.step("make", function, 1, as_=as_)
        return refused.value.field

    assert await memory.run(flow) == "step 'make'"
    assert await memory.steps() == {}


def called(name: str, ctx: perdure.Context) -> object:
    made: dict[str, Callable[[], object]] = {
        "coroutine": lambda: later(1),
        "generator": lambda: generator(1),
        "future": lambda: asyncio.get_running_loop().create_future(),
        "step": lambda: ctx.step("inner", plain, 1),
        "text": lambda: "plain",
    }
    return made[name]()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("coroutine", "a coroutine; pass the function uncalled, its arguments after it: later"),
        ("generator", "a function, not <generator object"),
        ("future", "await it in the workflow, or pass the function that makes it"),
        ("step", "the call 'inner', not a function; await it in the workflow, and pass on what it gives"),
        ("text", "a function, not 'plain'"),
    ],
)
async def test_what_is_no_function_is_refused_at_the_call_with_what_to_do(
    memory: Cluster, given: str, said: str
) -> None:
    async def flow(ctx: perdure.Context) -> None:
        function: Any = called(given, ctx)
        with pytest.raises(SettingInvalid, match=said) as refused:
            ctx.step("make", function)
        assert refused.value.field == "function"
        if given == "step":
            await function

    await memory.run(flow)


# The other doors.


@pytest.mark.parametrize("door", ["gather", "map"])
async def test_side_by_side_an_item_that_is_not_async_is_refused_by_the_name_of_the_call(
    memory: Cluster, door: str
) -> None:
    async def flow(ctx: perdure.Context) -> None:
        function: Any = plain
        calls = ctx.map(function, [1]) if door == "map" else ctx.gather(functools.partial(function, 1))
        with pytest.raises(SettingInvalid, match=f"^{door}: plain is not an async function; make a step of it"):
            await calls

    await memory.run(flow)


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (later, "later can't be called without arguments: missing a required argument: 'number'; bind its arguments"),
        (Order, "Order can't be called without arguments"),
        (generator, "an async function, and generator is a generator function"),
        (async_generator, "an async function, and async_generator is a generator function"),
        ("text", "an async function without parameters, not 'text'"),
    ],
)
async def test_what_can_t_clean_up_is_refused_when_it_is_registered(memory: Cluster, function: Any, said: str) -> None:
    async def flow(ctx: perdure.Context) -> None:
        with pytest.raises(SettingInvalid, match=f"^on_cancel: {said}"):
            ctx.on_cancel(function)

    await memory.run(flow)


async def test_cleanups_of_each_shape_are_called(cluster: Cluster, caplog: pytest.LogCaptureFixture) -> None:
    async def note(text: str) -> None:
        cluster.done.append(text)

    async def flow(ctx: perdure.Context) -> None:
        plain: Any = functools.partial(cluster.done.append, "a plain function")
        ctx.on_cancel(plain)
        ctx.on_cancel(functools.partial(note, "a partial"))
        ctx.on_cancel(lambda: ctx.step("undo", note, "a step"))
        await ctx.await_event("never")

    run = await cluster.start(flow)
    await cluster.start_worker()
    await cluster.clock.advance(2)
    with caplog.at_level(logging.ERROR):
        await cluster.clock.until(run.cancel())
    assert cluster.done == ["a step", "a partial", "a plain function"]
    assert not caplog.records


async def test_a_cleanup_that_fails_is_logged_with_its_run_and_its_name(
    memory: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    async def undo() -> None:
        raise ValueError("too late")

    async def flow(ctx: perdure.Context) -> None:
        ctx.on_cancel(undo)
        await ctx.await_event("never")

    run = await memory.start(flow)
    await memory.start_worker()
    await memory.clock.advance(2)
    await memory.clock.until(run.cancel())
    assert "run run: its on_cancel function undo failed" in caplog.text


@pytest.mark.parametrize("shape", ["a method", "an object", "a partial"])
async def test_a_task_of_run_durable_may_have_each_shape_that_is_async(memory: Cluster, shape: str) -> None:
    class Review:
        async def run(self, ctx: perdure.Context) -> Order:
            return await ctx.step("make", plain, 1)

        async def __call__(self, ctx: perdure.Context) -> Order:
            return await self.run(ctx)

    task = {"a method": Review().run, "an object": Review(), "a partial": functools.partial(Review().run)}[shape]
    assert (await memory.clock.until(Driver(memory)(task))).result == Order(1)
