"""Every type in every place: it comes back equal and of its type, first and replayed, or is refused with its field."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

import perdure
from perdure import Agent, App
from perdure.core.messages import Message, ToolCallPart
from perdure.core.values import plain
from perdure.errors import ChildFailed, InputError, NotStorable, RunFailed, StepFailed, ToolSignatureInvalid
from perdure.testing.scripted import Call, ScriptedModel, say
from tests.runs.cluster import Cluster
from tests.values.rows import CELLS, IS_SECRET, KEPT, LOST, PLACES, Row, rows
from tests.values.shapes import Computed, MaybeSecret, Secret

ALIASED, HALF = "a pydantic dataclass with an alias", "a lone surrogate in a model"


def annotated(function: Callable[..., Any], **kinds: Any) -> Any:
    """The function with other annotations."""
    function.__annotations__ = function.__annotations__ | kinds
    return function


def assert_same(found: list[Any], row: Row, times: int = 2) -> None:
    assert len(found) == times
    assert all(one == row.value for one in found)
    assert {type(one) for one in found} == {type(row.value)}


async def killed_once(memory: Cluster, run: Any) -> Any:
    """Work until the run waits, die, and go on in another worker."""
    await memory.start_worker()
    await memory.clock.settle()
    await memory.kill()
    await run.emit_event("go")
    await memory.start_worker()
    return await memory.result(run)


@rows(KEPT, "argument", "run's result")
async def test_an_argument_and_a_result_come_back(memory: Cluster, row: Row) -> None:
    seen = list[Any]()

    async def flow(ctx: perdure.Context, given: Any, also: Any = None, *more: Any, **others: Any) -> Any:
        seen.append(given)
        assert [also, *more, *others.values()] == [row.value] * 3
        await ctx.await_event("go")
        return given

    kinds = dict.fromkeys(("given", "also", "more", "others", "return"), row.kind)
    run = await memory.start(annotated(flow, **kinds), row.value, row.value, row.value, other=row.value)
    result = await killed_once(memory, run)
    assert_same([*seen, result, await run.result()], row, 4)


@rows(KEPT, "step")
async def test_a_step_comes_back(memory: Cluster, row: Row) -> None:
    seen = list[Any]()

    async def step() -> Any:
        return row.value

    async def flow(ctx: perdure.Context) -> None:
        seen.append(await ctx.step("value", annotated(step, **{"return": row.kind})))
        await ctx.await_event("go")

    await killed_once(memory, await memory.start(flow))
    assert_same(seen, row)


@rows(KEPT, "event")
async def test_an_event_comes_back(memory: Cluster, row: Row) -> None:
    seen = list[Any]()

    async def flow(ctx: perdure.Context) -> None:
        seen.append(await ctx.await_event("value", as_=row.kind))
        await ctx.await_event("go")

    run = await memory.start(flow)
    await run.emit_event("value", row.value)
    await killed_once(memory, run)
    assert_same(seen, row)


@rows(KEPT, "child's argument", "child's result")
async def test_a_childs_argument_and_result_come_back(memory: Cluster, row: Row) -> None:
    seen, inside = list[Any](), list[Any]()

    async def child(ctx: perdure.Context, given: Any) -> Any:
        inside.append(given)
        return given

    declared = memory.workflow(annotated(child, given=row.kind, **{"return": row.kind}))

    async def flow(ctx: perdure.Context) -> None:
        started = await ctx.start(declared, row.value)
        seen.append(await started.result())
        await ctx.await_event("go")

    await killed_once(memory, await memory.start(flow))
    assert_same(seen, row)
    assert_same(inside, row, 1)


async def told(function: Any, arguments: str) -> ToolCallPart:
    """What an agent's turn makes of one tool call."""
    model = ScriptedModel([Call(function.__name__, arguments), say("Done.")])
    agent = Agent("assistant", model=model, tools=[function])
    async with App("memory:", agents=[agent], grace=0.0) as app:
        thread = await app.threads.create(agent)
        message: Message = await (await thread.send("Go.")).result()
    [part] = [part for part in message.parts if isinstance(part, ToolCallPart)]
    return part


@rows(KEPT, "tool's argument", "tool's output", without=ALIASED)  # the default of its field is not one of its values
async def test_a_tools_argument_comes_as_it_is_and_its_output_is_its_json(row: Row) -> None:
    seen = list[Any]()

    async def take(given: Any) -> Any:
        seen.append(given)
        return given

    kinds = {"given": row.kind, "return": row.kind}
    if row.kind is MaybeSecret:
        with pytest.raises(ToolSignatureInvalid, match="token"):
            Agent("assistant", tools=[annotated(take, **kinds)])
        return
    part = await told(annotated(take, **kinds), msgspec.json.encode({"given": plain(row.value)}).decode())
    assert (part.state, part.error) == ("completed", None)
    assert_same(seen, row, 1)
    if not isinstance(row.value, Computed):
        assert msgspec.json.encode(part.output) == msgspec.json.encode(shown(row.value))


def shown(value: Any) -> Any:
    """A value as whoever reads its JSON sees it, by the library's own word for it."""
    dump = getattr(value, "model_dump", None)
    if dump is not None:
        return dump(mode="json", by_alias=True)
    return msgspec.to_builtins(value, enc_hook=shown, str_keys=True)


async def test_a_computed_field_is_shown_to_the_model_though_it_is_not_stored() -> None:
    def measure() -> Computed:
        return Computed(width=3)

    assert (await told(measure, "{}")).output == {"width": 3, "area": 9}
    assert plain(Computed(width=3)) == {"width": 3}


@rows(LOST, "argument")
async def test_an_argument_that_would_be_lost_is_refused_before_anything_changed(memory: Cluster, row: Row) -> None:
    async def flow(ctx: perdure.Context, given: Any, *more: Any, **others: Any) -> None:
        raise AssertionError("it ran")

    annotated(flow, given=row.kind, more=row.kind, others=row.kind)
    with pytest.raises(InputError) as refused:
        await memory.start(flow, row.value)
    assert refused.value.field.startswith("arguments.given")
    assert row.lost in str(refused.value)
    assert await memory.client.runs() == []


@rows(LOST, "child's argument")
async def test_a_childs_argument_that_would_be_lost_is_refused_before_anything_changed(
    memory: Cluster, row: Row
) -> None:
    async def child(ctx: perdure.Context, given: Any) -> None:
        raise AssertionError("it ran")

    declared = memory.workflow(annotated(child, given=row.kind))

    async def flow(ctx: perdure.Context) -> str:
        try:
            await ctx.start(declared, row.value)
        except InputError as error:
            return error.field
        return "nothing was noticed"

    assert (await memory.run(flow)).startswith(f"arguments.given{row.lost}")
    assert len(await memory.client.runs()) == 1


@rows(LOST, "step")
async def test_a_steps_result_that_would_be_lost_fails_it_once_and_for_good(memory: Cluster, row: Row) -> None:
    async def pay() -> Any:
        memory.done.append("paid")
        return row.value

    async def flow(ctx: perdure.Context) -> list[str]:
        try:
            step = annotated(pay, **{"return": row.kind})
            await ctx.step("pay", step, retry=perdure.Retry(attempts=3, initial=0, retryable=lambda _: True))
        except StepFailed as error:
            return [error.cause_type, error.message, *memory.done]
        except NotStorable as error:  # its type says so: before the effect
            assert memory.done == []
            return ["NotStorable", str(error), "paid"]
        return ["nothing was noticed"]

    cause, message, *done = await memory.run(flow)
    assert (cause, done) == ("NotStorable", ["paid"])
    assert f"step 'pay'{row.lost}" in message


@rows(LOST, "run's result")
async def test_a_runs_result_that_would_be_lost_fails_it_with_its_field(memory: Cluster, row: Row) -> None:
    async def flow(ctx: perdure.Context) -> Any:
        return row.value

    annotated(flow, **{"return": row.kind})
    with pytest.raises((RunFailed, NotStorable)) as caught:
        await memory.run(flow)
    error = caught.value
    if isinstance(error, RunFailed):
        assert (error.reason, error.cause_type) == ("not_storable", "NotStorable")
        assert error.message.startswith(f"result{row.lost}")
    else:  # its type says so: before it was started
        assert row.lost in error.field
        assert await memory.client.runs() == []


@rows(LOST, "event", own=True)
async def test_an_event_that_would_be_lost_is_refused_and_changes_nothing(memory: Cluster, row: Row) -> None:
    async def flow(ctx: perdure.Context) -> None:
        await ctx.await_event("go")

    run = await memory.start(flow)
    before = await memory.record()
    with pytest.raises(NotStorable) as refused:
        await run.emit_event("go", row.value)
    assert refused.value.field.startswith(f"payload{row.lost}")
    assert await memory.record() == before


@rows(LOST, "tool's output", own=True, without=HALF)  # in what a tool gives it is mended
async def test_a_tools_output_that_would_be_lost_is_told_as_an_error_with_its_field(row: Row) -> None:
    def fetch() -> Any:
        return row.value

    part = await told(fetch, "{}")
    assert (part.state, part.error_code) == ("failed", "not_storable")
    assert f"output of tool 'fetch'{row.lost}" in (part.error or "")


@rows(LOST, "tool's output", own=False)
async def test_a_tools_output_is_shown_whole_whatever_its_annotation_says(row: Row) -> None:
    def fetch() -> Any:
        return row.value

    part = await told(annotated(fetch, **{"return": row.kind}), "{}")
    assert (part.state, part.error) == ("completed", None)
    assert part.output == plain(row.value)


@rows(LOST, "event", own=False)
async def test_an_event_is_kept_whole_whoever_awaits_it_as_something_narrower(memory: Cluster, row: Row) -> None:
    async def flow(ctx: perdure.Context) -> Any:
        return await ctx.await_event("value")

    run = await memory.start(flow)
    await run.emit_event("value", row.value)
    await memory.start_worker()
    assert await memory.result(run) == plain(row.value)


@rows(LOST, "child's result")
async def test_a_childs_result_that_would_be_lost_fails_it_with_its_field(memory: Cluster, row: Row) -> None:
    async def child(ctx: perdure.Context) -> Any:
        return row.value

    declared = memory.workflow(annotated(child, **{"return": row.kind}))

    async def flow(ctx: perdure.Context) -> list[str]:
        try:
            await (await ctx.start(declared)).result()
        except ChildFailed as error:
            return [error.cause_type, error.message]
        except NotStorable as error:  # its type says so: before it was started
            return ["NotStorable", str(error)]
        return ["nothing was noticed"]

    cause, message = await memory.run(flow)
    assert cause == "NotStorable"
    assert row.lost in message


@pytest.mark.parametrize("name", sorted(KEPT.keys() | LOST.keys()))
@pytest.mark.parametrize("place", PLACES)
def test_no_cell_of_the_table_is_left_out(place: str, name: str) -> None:
    """Every type in every place; what a model writes is JSON, so of what JSON can't say only secrets are a tool's."""
    if place == "tool's argument" and name in LOST and name not in IS_SECRET:
        return
    assert name in CELLS[place] or (place, name) in {
        ("tool's argument", ALIASED),
        ("tool's output", ALIASED),
        ("tool's output", HALF),
    }


@rows(LOST, "tool's argument", names=IS_SECRET)
def test_a_tool_that_takes_a_secret_of_any_shape_is_refused_at_its_declaration(row: Row) -> None:
    async def take(given: Any) -> None:
        raise AssertionError("it ran")

    with pytest.raises(ToolSignatureInvalid, match="a secret is never stored") as refused:
        Agent("assistant", tools=[annotated(take, given=row.kind)])
    assert refused.value.field.startswith("given")


@pytest.mark.parametrize("kind", [Secret, MaybeSecret, list[Secret]])
def test_a_tool_that_takes_a_secret_is_refused_at_its_declaration(kind: Any) -> None:
    async def take(given: Any) -> None:
        raise AssertionError("it ran")

    with pytest.raises(ToolSignatureInvalid) as refused:
        Agent("assistant", tools=[annotated(take, given=kind)])
    assert refused.value.field == "given.token"
