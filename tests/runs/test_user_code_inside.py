"""Code of the user's that runs inside of perdure raises what it likes: each step has one outcome, each run an end.

Shape: the table is place by what is raised there. Each place is a value, an exception or an option of a step whose own
code raises when perdure describes, encodes, compares or asks it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

import msgspec
import pydantic
import pytest

import perdure
from perdure import Agent, App, Retry
from perdure.errors import RunFailed, StepFailed
from perdure.testing.scripted import ScriptedModel, call, say
from tests.runs.cluster import Cluster


class Panic(BaseException):
    pass


RAISED: dict[str, Callable[[], BaseException]] = {
    "KeyError": lambda: KeyError("inside"),
    "Panic": lambda: Panic("inside"),
    "SystemExit": lambda: SystemExit(3),
    "KeyboardInterrupt": KeyboardInterrupt,
    "RecursionError": lambda: RecursionError("inside"),
    "ExceptionGroup": lambda: ExceptionGroup("inside", [ValueError("one")]),
    "BaseExceptionGroup": lambda: BaseExceptionGroup("inside", [Panic()]),
    "GeneratorExit": GeneratorExit,
}


def raiser(raised: str) -> Callable[..., NoReturn]:
    def raises(*_: Any, **__: Any) -> NoReturn:
        error = RAISED[raised]()
        raise error

    return raises


def odd(raised: str, **body: Any) -> BaseException:
    """An exception of a class `Declined` whose attributes raise."""
    return type("Declined", (ValueError,), body)("no")


def odd_attribute(name: str) -> Callable[[str], BaseException]:
    return lambda raised: odd(raised, **{name: property(raiser(raised))})


def odd_method(name: str) -> Callable[[str], BaseException]:
    return lambda raised: odd(raised, **{name: raiser(raised)})


def odd_data(raised: str) -> BaseException:
    mapping = type("Lazy", (dict,), {"items": raiser(raised), "__iter__": raiser(raised)})
    return odd(raised, data=mapping(a=1))


def odd_text(raised: str) -> BaseException:
    text = type("Text", (str,), {"encode": raiser(raised), "isascii": raiser(raised)})

    def say(_: Any) -> str:
        return text("é")

    return odd(raised, __str__=say)


def odd_cause(raised: str) -> BaseException:
    error = odd(raised)
    error.__cause__ = odd(raised, __bool__=raiser(raised), __len__=raiser(raised))
    return error


def odd_class(raised: str) -> BaseException:
    kind = type("Kind", (type,), {"__name__": property(raiser(raised)), "__module__": property(raiser(raised))})
    return kind("Declined", (ValueError,), {})("no")


ERRORS: dict[str, Callable[[str], BaseException]] = {
    "its __str__": odd_method("__str__"),
    "its __repr__": odd_method("__repr__"),
    "its __getattr__": odd_method("__getattr__"),
    "its __getattribute__": odd_method("__getattribute__"),
    "its data": odd_attribute("data"),
    "its notes": odd_attribute("__notes__"),
    "its __dict__": odd_attribute("__dict__"),
    "its __class__": odd_attribute("__class__"),
    "its retry_after": odd_attribute("retry_after"),
    "what is in its data": odd_data,
    "its text": odd_text,
    "the truth of its cause": odd_cause,
    "its metaclass": odd_class,
}


def dataclass_that_checks(raised: str) -> tuple[type, Callable[[], Any]]:
    @dataclass
    class Made:
        a: int

        def __post_init__(self) -> None:
            if made:
                error = RAISED[raised]()
                raise error

    made = list[int]()

    def make() -> Any:
        value = Made(1)
        made.append(1)
        return value

    return Made, make


def struct_that_checks(raised: str) -> tuple[type, Callable[[], Any]]:
    made = list[int]()

    class Made(msgspec.Struct):
        a: int

        def __post_init__(self) -> None:
            if made:
                error = RAISED[raised]()
                raise error

    def make() -> Any:
        value = Made(1)
        made.append(1)
        return value

    return Made, make


def model_that_compares(raised: str) -> tuple[type, Callable[[], Any]]:
    body = {"__annotations__": {"a": int}, "a": 1, "__module__": __name__, "__eq__": raiser(raised)}
    kind = type("Made", (pydantic.BaseModel,), body)
    return kind, kind


def text_of_its_own(raised: str) -> tuple[type, Callable[[], Any]]:
    kind = type("Text", (str,), {"encode": raiser(raised)})
    return str, lambda: kind("x")


def mapping_that_is_lazy(raised: str) -> tuple[Any, Callable[[], Any]]:
    kind = type("Lazy", (dict,), {"items": raiser(raised), "__iter__": raiser(raised)})
    return Any, lambda: {"inner": kind(a=1), "also": object()}


RESULTS: dict[str, Callable[[str], tuple[Any, Callable[[], Any]]]] = {
    "a dataclass's __post_init__": dataclass_that_checks,
    "a struct's __post_init__": struct_that_checks,
    "a model's __eq__": model_that_compares,
    "a text's encode": text_of_its_own,
    "a mapping's items": mapping_that_is_lazy,
}


async def replayed(cluster: Cluster, flow: Callable[..., Any]) -> list[Any]:
    """Run until it waits, go on in another worker, and give what it says."""
    run = await cluster.start(flow)
    await cluster.start_worker()
    await cluster.clock.advance(1)
    assert (await cluster.record()).status == "suspended"
    await run.emit_event("go")
    await cluster.restart()
    return await cluster.result(run)


@pytest.mark.parametrize("raised", RAISED)
@pytest.mark.parametrize("place", ERRORS)
@pytest.mark.parametrize("attempts", [1, 2])
async def test_an_error_that_raises_where_it_is_described_is_the_failure_of_its_step(
    memory: Cluster, place: str, raised: str, attempts: int
) -> None:
    seen: list[Any] = []

    async def pay() -> None:
        memory.done.append("paid")
        raise ERRORS[place](raised)

    async def flow(ctx: perdure.Context) -> list[Any]:
        try:
            await ctx.step("pay", pay, retry=Retry(attempts=attempts, initial=0, jitter=False))
        except StepFailed as failed:
            seen.append([failed.cause_type, failed.message])
        await ctx.await_event("go")
        return seen[-1]

    cause_type, _ = await replayed(memory, flow)
    assert (cause_type, (await memory.step("0")).status) == ("Declined", "failed")
    assert seen[0] == seen[1]
    assert len(memory.done) == (
        1 if place in {"its retry_after", "its __getattr__", "its __getattribute__"} else attempts
    )


@pytest.mark.parametrize("raised", RAISED)
@pytest.mark.parametrize("place", ERRORS)
async def test_an_error_that_raises_where_it_is_described_is_the_failure_of_its_run(
    memory: Cluster, place: str, raised: str
) -> None:
    async def flow(ctx: perdure.Context) -> None:
        raise ERRORS[place](raised)

    with pytest.raises(RunFailed) as failed:
        await memory.run(flow)
    assert failed.value.cause_type == "Declined"
    assert (await memory.record()).token == 1


@pytest.mark.parametrize("raised", RAISED)
@pytest.mark.parametrize("place", RESULTS)
async def test_a_result_that_raises_where_it_is_stored_fails_its_step_and_its_effect_is_not_repeated(
    memory: Cluster, place: str, raised: str
) -> None:
    kind, make = RESULTS[place](raised)
    seen: list[Any] = []

    async def pay() -> Any:
        memory.done.append("paid")
        return make()

    pay.__annotations__["return"] = kind

    async def flow(ctx: perdure.Context) -> list[Any]:
        try:
            await ctx.step("pay", pay)
        except StepFailed as failed:
            seen.append([failed.cause_type, failed.message])
        await ctx.await_event("go")
        return seen[-1]

    cause_type, message = await replayed(memory, flow)
    assert (cause_type, memory.done) == ("NotStorable", ["paid"])
    assert message.startswith("result of step 'pay'")
    assert seen[0] == seen[1]


@pytest.mark.parametrize("raised", RAISED)
@pytest.mark.parametrize("place", RESULTS)
async def test_a_result_that_raises_where_it_is_stored_fails_its_run(memory: Cluster, place: str, raised: str) -> None:
    kind, make = RESULTS[place](raised)

    async def flow(ctx: perdure.Context) -> Any:
        return make()

    flow.__annotations__["return"] = kind
    with pytest.raises(RunFailed) as failed:
        await memory.run(flow)
    assert (failed.value.reason, failed.value.cause_type) == ("not_storable", "NotStorable")


@pytest.mark.parametrize("raised", RAISED)
@pytest.mark.parametrize("timeout", [None, 1.0])
async def test_a_retry_policy_that_raises_leaves_the_steps_own_failure_and_is_named(
    memory: Cluster, raised: str, timeout: float | None
) -> None:
    async def pay() -> None:
        memory.done.append("paid")
        if timeout is not None:
            await memory.sleep(60)
        raise ValueError("declined")

    async def flow(ctx: perdure.Context) -> list[str]:
        policy = Retry(attempts=3, initial=0, retryable=raiser(raised))
        try:
            await ctx.step("pay", pay, retry=policy, timeout=timeout, idempotent=True)
        except StepFailed as failed:
            return [failed.cause_type, failed.message]
        return []

    cause_type, message = await memory.run(flow)
    assert cause_type == ("ValueError" if timeout is None else "TimeoutError")
    assert raised in message
    assert "retry policy" in message
    assert memory.done == ["paid"]


@pytest.mark.parametrize("raised", RAISED)
async def test_an_observer_that_raises_changes_nothing(memory: Cluster, raised: str) -> None:
    class Observing:
        run_started = run_ended = step_ended = raiser(raised)

    async def flow(ctx: perdure.Context) -> str:
        return await ctx.step("work", lambda: "done", as_=str)

    run = await memory.start(flow)
    await memory.start_worker(observer=Observing())
    assert await memory.result(run) == "done"


@pytest.mark.parametrize("raised", RAISED)
async def test_a_handler_of_the_log_that_raises_keeps_no_run_from_its_end(memory: Cluster, raised: str) -> None:
    async def flow(ctx: perdure.Context) -> None:
        raise ValueError("no")

    handler = logging.NullHandler()
    handler.handle = raiser(raised)
    logging.getLogger("perdure.worker").addHandler(handler)
    try:
        with pytest.raises(RunFailed) as failed:
            await memory.run(flow)
    finally:
        logging.getLogger("perdure.worker").removeHandler(handler)
    assert failed.value.cause_type == "ValueError"


@pytest.mark.parametrize("raised", ["KeyError", "SystemExit"])
@pytest.mark.parametrize("place", ERRORS)
async def test_an_error_that_raises_where_it_is_described_is_told_to_the_model(place: str, raised: str) -> None:
    def pay() -> str:
        """Pay."""
        raise ERRORS[place](raised)

    model = ScriptedModel([call("pay"), say("It failed.")])
    async with App("memory:", agents=[Agent("agent", model=model, tools=[pay])]) as app:
        thread = await app.threads.create("agent")
        await (await thread.send("go")).result()
        assert "Declined" in str(await thread.messages())
