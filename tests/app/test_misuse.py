"""A misuse is found at the call, before anything was done: the error names the parameter and says what to do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from perdure import Agent, App, Context, Retry, Workflow
from perdure.errors import PerdureError, RunFailed, SettingInvalid, StepAwaitedTwice

done: list[str] = []


async def create_user(email: str = "") -> str:
    done.append(email)
    return email


def sync(email: str = "") -> str:
    done.append(email)
    return email


async def child(ctx: Context) -> None: ...


declared = Workflow(child)
Misuse = Callable[[Any], Any]

IN_A_WORKFLOW: dict[str, tuple[Misuse, str, str]] = {
    "a step without a name": (
        lambda ctx: ctx.step(create_user, "ana"),
        "name",
        "a step has a name before its function: ctx.step('create_user', create_user, …)",
    ),
    "a step's function called": (
        lambda ctx: ctx.step("x", create_user("ana")),
        "function",
        "a coroutine; pass the fun",
    ),
    "a step's function as text": (
        lambda ctx: ctx.step("x", "create_user"),
        "function",
        "a function, not 'create_user'",
    ),
    "a step of a step": (lambda ctx: ctx.step("x", None), "function", "a function, not None"),
    "a step of a workflow": (
        lambda ctx: ctx.step("x", declared),
        "function",
        "start it as a child: ctx.start(child, …)",
    ),
    "a step's name as a number": (lambda ctx: ctx.step(7, create_user), "name", "a text, not 7"),
    "a kind as a number": (lambda ctx: ctx.step("x", create_user, kind=7), "kind", "a text, not 7"),
    "a retry of 0": (lambda ctx: ctx.step("x", create_user, retry=0), "retry.attempts", "at least 1, not 0"),
    "a retry of -1": (lambda ctx: ctx.step("x", create_user, retry=-1), "retry.attempts", "at least 1, not -1"),
    "a retry as text": (
        lambda ctx: ctx.step("x", create_user, retry="3"),
        "retry",
        "a perdure.Retry or a number of at",
    ),
    "a retry of True": (lambda ctx: ctx.step("x", create_user, retry=True), "retry", "a number of attempts, not True"),
    "a policy's attempts as text": (lambda ctx: Retry(attempts=_any("3")), "retry.attempts", "not '3'"),
    "a policy's pause as text": (lambda ctx: Retry(initial=_any("3")), "retry.initial", "not '3'"),
    "a policy's factor as text": (lambda ctx: Retry(multiplier=_any("3")), "retry.multiplier", "not '3'"),
    "a timeout as text": (lambda ctx: ctx.step("x", create_user, timeout="5"), "timeout", "number of seconds, not '5'"),
    "a timeout below 0": (lambda ctx: ctx.step("x", create_user, timeout=-5), "timeout", "above 0, not -5"),
    "a timeout of True": (lambda ctx: ctx.step("x", create_user, timeout=True), "timeout", "seconds, not True"),
    "an unknown option": (lambda ctx: ctx.step("x", create_user, attempts=3), "attempts", "a step has no such option"),
    "an event's timeout as text": (lambda ctx: ctx.await_event("x", timeout="5"), "timeout", "seconds, not '5'"),
    "an event's timeout below 0": (lambda ctx: ctx.await_event("x", timeout=-5), "timeout", "from 0 to"),
    "a sleep as text": (lambda ctx: ctx.sleep("5"), "duration", "a timedelta or a number of seconds, not '5'"),
    "a gather of a coroutine": (lambda ctx: ctx.gather(create_user("ana")), "gather", "a coroutine; pass create_user"),
    "a gather of a list": (lambda ctx: ctx.gather([ctx.now]), "gather", "unpack it: ctx.gather(*calls)"),
    "a gather of a text": (lambda ctx: ctx.gather("now"), "gather", "an async function or a call of the context"),
    "a map of a coroutine": (lambda ctx: ctx.map(create_user("ana"), ["x"]), "map", "a coroutine; pass create_user"),
    "a map's limit of 0": (lambda ctx: ctx.map(create_user, ["x"], limit=0), "limit", "at least 1, not 0"),
    "a map's limit as text": (lambda ctx: ctx.map(create_user, ["x"], limit="3"), "limit", "at least 1, not '3'"),
    "a child of a function": (lambda ctx: ctx.start(child), "workflow", "declare it with @app.workflow first"),
    "a child of a coroutine": (lambda ctx: ctx.start(create_user()), "workflow", "pass the workflow uncalled"),
    "a cleanup that is called": (lambda ctx: ctx.on_cancel(create_user()), "on_cancel", "pass the function uncalled"),
    "an event of no text": (lambda ctx: ctx.emit_event(7), "key", "an id is text, not int"),
    "an event to no id": (lambda ctx: ctx.emit_event("x", run_id=7), "run_id", "an id is text, not int"),
}


def _any(value: Any) -> Any:
    return value


@pytest.mark.parametrize(("misuse", "field", "says"), IN_A_WORKFLOW.values(), ids=IN_A_WORKFLOW)
async def test_a_misuse_in_a_workflow_is_refused_at_the_call(misuse: Misuse, field: str, says: str) -> None:
    app, refused = App("memory:"), list[Any]()
    done.clear()

    @app.workflow
    async def flow(ctx: Context) -> None:
        try:
            misuse(ctx)
        except PerdureError as error:
            refused.append(error)

    async with app:
        await (await app.start(flow)).result()
    (error,) = refused
    assert (error.field, says in error.reason) == (field, True), str(error)
    assert done == []


async def test_a_number_of_attempts_is_a_retry() -> None:
    app, tries = App("memory:"), list[int]()

    def fails() -> None:
        tries.append(len(tries))
        raise ValueError

    @app.workflow
    async def flow(ctx: Context) -> None:
        await ctx.step("fails", fails, retry=2)

    async with app:
        with pytest.raises(RunFailed):
            await (await app.start(flow)).result()
    assert tries == [0, 1]


async def test_a_function_that_is_not_async_says_so_where_a_gather_runs_it() -> None:
    app = App("memory:")

    @app.workflow
    async def flow(ctx: Context) -> None:
        await ctx.gather(_any(sync))

    async with app:
        with pytest.raises(RunFailed, match=r"gather: sync is not an async function; make a step of it"):
            await (await app.start(flow)).result()


async def test_what_is_awaited_twice_says_what_to_keep() -> None:
    app, refused = App("memory:"), list[StepAwaitedTwice]()

    @app.workflow
    async def flow(ctx: Context) -> None:
        step = ctx.step("create", create_user)
        await step
        try:
            await step
        except StepAwaitedTwice as error:
            refused.append(error)

    async with app:
        await (await app.start(flow)).result()
    assert "keep what the first await gave" in str(refused[0])


# Declared and started.


async def without_parameters() -> None: ...


async def without_a_context(email: str) -> None: ...


async def with_a_list_first(emails: list[str]) -> None: ...


async def with_keywords_only(*, ctx: Context) -> None: ...


@pytest.mark.parametrize(
    "function",
    [without_parameters, without_a_context, with_a_list_first, with_keywords_only],
    ids=lambda one: one.__name__,
)
def test_a_workflow_without_a_context_is_refused_with_its_form(function: Callable[..., Awaitable[None]]) -> None:
    with pytest.raises(SettingInvalid) as refused:
        App("memory:").workflow(function)
    assert f"{function.__name__} takes no context" in str(refused.value)
    assert f"async def {function.__name__}(ctx: perdure.Context, …)" in str(refused.value)


async def with_no_annotation(ctx) -> None: ...  # noqa: ANN001  # pyright: ignore[reportUnknownParameterType, reportMissingParameterType] - that is the test


async def with_any(ctx: Any, email: str) -> None: ...


async def with_an_object(ctx: object) -> None: ...


class Flows:
    async def method(self, ctx: Context) -> None: ...


@pytest.mark.parametrize("function", [_any(with_no_annotation), with_any, with_an_object, Flows().method])
def test_a_context_needs_no_annotation(function: Any) -> None:
    assert App("memory:").workflow(function).name == function.__name__


DECLARING: dict[str, tuple[Callable[[App], Any], str, str]] = {
    "a name for a function": (lambda app: app.workflow(_any("onboard")), "workflow", "a name goes into name="),
    "a coroutine": (
        lambda app: app.workflow(_any(create_user())),
        "workflow",
        "pass the function create_user uncalled",
    ),
    "a function for a workflow": (lambda app: App("memory:", workflows=[_any(child)]), "workflows", "@app.workflow"),
    "a function for an agent": (lambda app: App("memory:", agents=[_any(sync)]), "agents", "a perdure.Agent, not"),
    "an agent for agents": (lambda app: App("memory:", agents=_any(Agent("one"))), "agents", "a list of agents"),
    "a workflow for workflows": (
        lambda app: App("memory:", workflows=_any(declared)),
        "workflows",
        "a list of workflo",
    ),
    "a lease as text": (lambda app: App("memory:", lease_for=_any("30")), "lease_for", "seconds, not '30'"),
    "a grace as text": (lambda app: App("memory:", grace=_any("10")), "grace", "seconds, not '10'"),
    "a store of another kind": (lambda app: App(_any(7)), "store", "a URL as text, not 7"),
    "agents for a store": (lambda app: App(_any([Agent("one")])), "store", "a URL as text, not"),
}


@pytest.mark.parametrize(("misuse", "field", "says"), DECLARING.values(), ids=DECLARING)
def test_a_misuse_of_an_app_is_refused_when_it_is_made(misuse: Callable[[App], Any], field: str, says: str) -> None:
    with pytest.raises(SettingInvalid) as refused:
        misuse(App("memory:"))
    assert (refused.value.field, says in refused.value.reason) == (field, True), str(refused.value)


STARTING: dict[str, tuple[Callable[[App], Awaitable[Any]], str, str]] = {
    "a function": (
        lambda app: app.start(_any(child)),
        "workflow",
        "child is no workflow; declare it with @app.workflow",
    ),
    "a coroutine": (lambda app: app.start(_any(create_user())), "workflow", "pass the workflow uncalled"),
    "a number": (lambda app: app.start(_any(7)), "workflow", "7 is no workflow"),
    "an agent": (lambda app: app.start(_any(Agent("one"))), "workflow", "is no workflow; a workflow is declared with"),
    "an unknown keyword": (lambda app: app.start(_any(declared), nome="Ana"), "arguments", "'nome'; 'child' takes ()"),
    "too many arguments": (lambda app: app.start(declared, *[1]), "arguments", "'child' takes ()"),
}


@pytest.mark.parametrize(("misuse", "field", "says"), STARTING.values(), ids=STARTING)
async def test_a_start_of_what_is_no_workflow_is_refused_and_starts_nothing(
    misuse: Callable[[App], Awaitable[Any]], field: str, says: str
) -> None:
    async with App("memory:", workflows=[declared]) as app:
        with pytest.raises(PerdureError) as refused:
            await misuse(app)
        error: Any = refused.value
        assert (error.field, says in error.reason) == (field, True), str(error)
        assert await app.runs() == []


async def test_a_start_that_is_not_awaited_is_named_by_python_itself() -> None:
    async with App("memory:", workflows=[declared]) as app:
        with pytest.warns(RuntimeWarning, match=r"coroutine 'Door\.start' was never awaited"):
            app.start(declared)  # pyright: ignore[reportUnusedCoroutine] - that is the test
        assert await app.runs() == []
