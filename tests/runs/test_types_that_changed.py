"""A deploy that makes a type stricter parks the runs whose records do not fit, and none of them loses anything."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
import pydantic
import pytest

import perdure
from perdure.core.manifest import Manifest, TaskSpec
from perdure.errors import InputError, NotStorable, RunFailed, StepFailed, TypeMismatch
from perdure.runs.durable import run_durable
from tests.runs.cluster import Cluster


class Domain(Exception):
    pass


class Panic(BaseException):
    pass


def dataclass_that(refuses: list[BaseException]) -> Any:
    @dataclass
    class Order:
        a: int

        def __post_init__(self) -> None:
            if refuses:
                raise refuses[0]

    return Order


def struct_that(refuses: list[BaseException]) -> Any:
    class Order(msgspec.Struct):
        a: int

        def __post_init__(self) -> None:
            if refuses:
                raise refuses[0]

    return Order


def model_that(refuses: list[BaseException]) -> Any:
    class Order(pydantic.BaseModel):
        a: int

        @pydantic.model_validator(mode="after")
        def check(self) -> Any:
            if refuses:
                raise refuses[0]
            return self

    return Order


KINDS = {"dataclass": dataclass_that, "struct": struct_that, "model": model_that}
REFUSALS = [ValueError("above 10"), Domain("above 10"), Panic()]


def step(cluster: Cluster, kind: Any) -> Any:
    async def make() -> Any:
        cluster.done.append("made")
        return kind(a=1)

    make.__annotations__["return"] = kind

    async def flow(ctx: perdure.Context) -> str:
        found = await ctx.step("make", make)
        await ctx.await_event("go")
        return type(found).__name__

    return flow


def event(cluster: Cluster, kind: Any) -> Any:
    async def flow(ctx: perdure.Context) -> str:
        found = await ctx.await_event("given", as_=kind)
        await ctx.await_event("go")
        return type(found).__name__

    return flow


def argument(cluster: Cluster, kind: Any) -> Any:
    async def flow(ctx: perdure.Context, given: Any) -> str:
        await ctx.await_event("go")
        return type(given).__name__

    flow.__annotations__["given"] = kind
    return flow


def child(cluster: Cluster, kind: Any) -> Any:
    async def made(ctx: perdure.Context) -> Any:
        cluster.done.append("made")
        return kind(a=1)

    made.__annotations__["return"] = kind
    declared = cluster.workflow(made)

    async def flow(ctx: perdure.Context) -> str:
        found = await (await ctx.start(declared)).result()
        await ctx.await_event("go")
        return type(found).__name__

    return flow


PLACES: dict[str, tuple[Callable[[Cluster, Any], Any], str, str]] = {
    "step": (step, "result of step 'make'", "0"),
    "event": (event, "event 'given'", "0"),
    "argument": (argument, "arguments", "the start"),
    "child": (child, "result of child 'made'", "1"),
}


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("place", PLACES)
async def test_a_run_with_a_record_that_no_longer_fits_is_parked_and_goes_on_when_it_fits_again(
    memory: Cluster, place: str, kind: str, refusal: BaseException
) -> None:
    refuses: list[BaseException] = []
    order = KINDS[kind](refuses)
    flow, field, position = PLACES[place][0](memory, order), *PLACES[place][1:]
    run = await memory.start(flow, *([order(a=1)] if place == "argument" else []))
    await run.emit_event("given", {"a": 1})
    await memory.start_worker()
    await memory.clock.advance(1)
    await memory.kill()
    done = list(memory.done)

    refuses.append(refusal)
    await run.emit_event("go")
    await memory.restart()
    parked = await memory.record()
    assert (parked.status, parked.failure and parked.failure.reason) == ("suspended", "diverged")
    assert parked.failure is not None
    assert parked.failure.cause_type == "TypeMismatch"
    assert parked.failure.message.startswith(f"at {position}: {field}")
    assert "was recorded as an object with" in parked.failure.message
    assert "does not fit" in parked.failure.message

    refuses.clear()
    await memory.restart()
    assert await memory.result(run) == "Order"
    assert memory.done == done


async def test_both_types_are_named_with_the_path(memory: Cluster) -> None:
    def version(kind: Any) -> Any:
        async def make() -> Any:
            return {"lines": [{"price": "12"}]}

        make.__annotations__["return"] = kind

        async def flow(ctx: perdure.Context) -> Any:
            found = await ctx.step("make", make)
            await ctx.await_event("go")
            return found

        return flow

    run = await memory.start(version(dict[str, list[dict[str, str]]]))
    await memory.start_worker()
    await memory.clock.settle()
    memory.workflow(version(dict[str, list[dict[str, int]]]))
    await run.emit_event("go")
    await memory.restart()
    parked = await memory.record()
    assert parked.failure is not None
    assert parked.failure.message == (
        "at 0: result of step 'make'[...][0][...] was recorded as an object with lines and does not fit "
        "dict[str, list[dict[str, int]]]: Expected `int`, got `str`"
    )


class Unstorable:
    pass


@pytest.mark.parametrize("annotation", ["Removed", "1 / 0", Unstorable], ids=str)
async def test_a_type_that_is_gone_or_has_no_stored_form_any_more_parks_the_run(
    memory: Cluster, annotation: Any
) -> None:
    def version(kind: Any) -> Any:
        async def make() -> Any:
            memory.done.append("made")
            return {"a": 1}

        make.__annotations__["return"] = kind

        async def flow(ctx: perdure.Context) -> Any:
            found = await ctx.step("make", make)
            await ctx.await_event("go")
            return found

        return flow

    run = await memory.start(version(dict[str, int]))
    await memory.start_worker()
    await memory.clock.settle()
    memory.workflow(version(annotation))
    await run.emit_event("go")
    await memory.restart()
    assert (await memory.record()).status == "suspended"
    memory.workflow(version(dict[str, int]))
    await memory.restart()
    assert await memory.result(run) == {"a": 1}
    assert memory.done == ["made"]


async def test_a_result_that_was_never_of_its_type_is_kept_until_the_annotation_is_mended(memory: Cluster) -> None:
    def version(kind: Any) -> Any:
        async def make() -> Any:
            memory.done.append("made")
            return "twelve"

        make.__annotations__["return"] = kind

        async def flow(ctx: perdure.Context) -> Any:
            return await ctx.step("make", make)

        return flow

    run = await memory.start(version(int))
    await memory.start_worker()
    await memory.clock.advance(1)
    assert (await memory.record()).status == "suspended"
    memory.workflow(version(str))
    await memory.restart()
    assert await memory.result(run) == "twelve"
    assert memory.done == ["made"]


async def test_the_result_of_a_run_that_does_not_fit_is_a_typed_error_and_never_something_else(memory: Cluster) -> None:
    refuses: list[BaseException] = []
    order = dataclass_that(refuses)

    async def flow(ctx: perdure.Context) -> Any:
        return order(1)

    flow.__annotations__["return"] = order
    run = await memory.start(flow)
    await memory.start_worker()
    assert await memory.result(run) == order(1)
    refuses.append(Domain("above 10"))
    with pytest.raises(TypeMismatch, match="result of run 'run' was recorded as an object with a and does not fit"):
        await run.result()


async def test_run_durable_raises_it_and_its_effect_is_not_repeated(memory: Cluster) -> None:
    refuses: list[BaseException] = []
    order = dataclass_that(refuses)

    async def make() -> Any:
        memory.done.append("made")
        return order(1)

    make.__annotations__["return"] = order

    async def task(ctx: perdure.Context) -> None:
        await ctx.step("make", make)

    manifest = Manifest(task=TaskSpec(id="task"))
    for _ in range(2):
        await memory.clock.until(
            run_durable(run_id="run", store=memory.store, task=task, manifest=manifest, clock=memory.clock)
        )
    refuses.append(Domain("above 10"))
    with pytest.raises(TypeMismatch):
        await memory.clock.until(
            run_durable(run_id="run", store=memory.store, task=task, manifest=manifest, clock=memory.clock)
        )
    assert memory.done == ["made"]


@pytest.mark.parametrize("refusal", [ValueError("no"), Domain("no")], ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("kind", KINDS)
async def test_at_the_door_what_a_class_refuses_is_bad_input_and_nothing_is_started(
    memory: Cluster, kind: str, refusal: BaseException
) -> None:
    refuses: list[BaseException] = []
    order = KINDS[kind](refuses)
    given = order(a=1)
    refuses.append(refusal)
    with pytest.raises(InputError) as refused:
        await memory.start(argument(memory, order), given)
    assert refused.value.field.startswith("arguments")
    assert await memory.client.runs() == []


async def test_a_start_that_nobody_could_check_fails_where_it_is_executed_first(memory: Cluster) -> None:
    async def flow(ctx: perdure.Context, given: int) -> None: ...

    run = await memory.client.start("elsewhere", "seven", run_id="run")
    memory.workflow(flow, name="elsewhere")
    await memory.start_worker()
    with pytest.raises(RunFailed, match="InputError"):
        await memory.result(run)


async def test_an_argument_that_has_no_stored_form_is_still_refused_by_its_path(memory: Cluster) -> None:
    with pytest.raises(NotStorable, match=r"arguments\.given"):
        await memory.start(argument(memory, Any), Unstorable())


@pytest.mark.parametrize("kind", KINDS)
async def test_an_event_that_does_not_fit_fails_its_wait_and_the_code_may_go_on(memory: Cluster, kind: str) -> None:
    order = KINDS[kind]([])

    async def flow(ctx: perdure.Context) -> list[str]:
        with pytest.raises(StepFailed) as failed:
            await ctx.await_event("given", as_=order)
        first = f"{failed.value.cause_type} {failed.value.cause_code}"
        found = await ctx.await_event("again", as_=order)
        return [first, type(found).__name__]

    run = await memory.start(flow)
    assert await run.emit_event("given", {"b": "from outside"})
    await memory.start_worker()
    await memory.clock.advance(1)
    await memory.restart()  # it is final: the same on every replay
    await run.emit_event("again", {"a": 1})
    assert await memory.result(run) == ["TypeMismatch type_mismatch", "Order"]


async def test_a_run_that_failed_of_an_event_s_type_reads_it_anew_when_it_is_restarted(memory: Cluster) -> None:
    def version(kind: Any) -> Any:
        async def flow(ctx: perdure.Context) -> Any:
            return await ctx.await_event("given", as_=kind)

        return flow

    run = await memory.start(version(int))
    await run.emit_event("given", "twelve")
    await memory.start_worker()
    with pytest.raises(RunFailed, match="event 'given' was recorded as a text and does not fit int"):
        await memory.clock.until(run.result())
    memory.workflow(version(str))
    await memory.restart()
    await run.restart()
    assert await memory.result(run) == "twelve"
