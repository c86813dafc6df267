"""A call of a thread, a run or an app with what it can't take is refused before anything changed, with the argument."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from perdure import Agent, App, Thread
from perdure.errors import PerdureError, RunNotFound, StoreClosed, ThreadNotFound
from perdure.testing.scripted import ScriptedModel, say

Row: TypeAlias = tuple[Callable[[App, Thread], Any], str, str]


def given(value: object) -> Any:
    """A value that a type checker would refuse."""
    return value


async def all_of(stream: Any) -> list[Any]:
    return [one async for one in stream]


CALLS: dict[str, Row] = {
    "send None": (lambda _, t: t.send(given(None)), "text", "a message is text, not NoneType"),
    "send bytes": (lambda _, t: t.send(given(b"x")), "text", "a message is text, not bytes"),
    "send a message of another kind": (lambda _, t: t.send(given({"role": "user"})), "text", "text, not dict"),
    "send parts": (lambda _, t: t.send(given(["x"])), "text", "a message is text, not list"),
    "send nothing": (lambda _, t: t.send(""), "text", "a message needs content"),
    "send blanks": (lambda _, t: t.send(" \n"), "text", "a message needs content"),
    "send too much": (lambda _, t: t.send("x" * 9_000_000), "message part", "the limit is 8,388,608"),
    "send half a character": (lambda _, t: t.send("\ud800"), "text", "a lone surrogate"),
    "send with a number for a key": (lambda _, t: t.send("x", idempotency_key=given(7)), "idempotency_key", "not int"),
    "send to a number": (lambda _, t: t.send("x", model=given(7)), "model", "a text, not 7"),
    "send to a Model": (lambda _, t: t.send("x", model=given(ScriptedModel([]))), "model", "a text, not"),
    "send with settings of a number": (lambda _, t: t.send("x", settings=given(7)), "settings", "a dict, not 7"),
    "send with settings of a text": (lambda _, t: t.send("x", settings=given("x")), "settings", "a dict, not 'x'"),
    "send with a list of settings": (lambda _, t: t.send("x", settings=given(["x"])), "settings", "a dict, not"),
    "send with numbers for settings": (lambda _, t: t.send("x", settings=given({1: 2})), "settings", "texts, not 1"),
    "send with an object": (lambda _, t: t.send("x", settings={"a": object()}), "settings.a", "no stored form"),
    "send with metadata of a number": (lambda _, t: t.send("x", metadata=given(7)), "metadata", "a dict, not 7"),
    "send with a list of metadata": (lambda _, t: t.send("x", metadata=given([1])), "metadata", "a dict, not [1]"),
    "stop for a number": (lambda _, t: t.stop(given(7)), "reason", "a text, not 7"),
    "stop for half a character": (lambda _, t: t.stop("\ud800"), "reason", "a lone surrogate"),
    "events after a text": (lambda _, t: all_of(t.events(after=given("1"))), "after", "a whole number from 0 on"),
    "events after None": (lambda _, t: all_of(t.events(after=given(None))), "after", "not None"),
    "events after -1": (lambda _, t: all_of(t.events(after=-1)), "after", "not -1"),
    "events after 2^64": (lambda _, t: all_of(t.events(after=2**64)), "after", "a whole number from 0 on"),
    "a thread of a number": (lambda app, _: app.threads.create(given(7)), "agent", "an Agent or its name, not 7"),
    "a thread of no agent": (lambda app, _: app.threads.create(given(None)), "agent", "an Agent or its name"),
    "a thread of a class": (lambda app, _: app.threads.create(given(Agent)), "agent", "not Agent"),
    "a thread's id of a number": (lambda app, _: app.threads.create("a", thread_id=given(7)), "thread_id", "not int"),
    "a thread's owner of a number": (lambda app, _: app.threads.create("a", owner=given(7)), "owner", "a text, not 7"),
    "a thread's title of a list": (lambda app, _: app.threads.create("a", title=given([])), "title", "a text, not []"),
    "a thread's metadata of a list": (lambda app, _: app.threads.create("a", metadata=given([])), "metadata", "a dict"),
    "a thread's settings of 7": (lambda app, _: app.threads.create("a", settings=given(7)), "settings", "a dict"),
    "the thread of a number": (lambda app, _: app.thread(given(7)), "thread_id", "an id is text, not int"),
    "the thread of None": (lambda app, _: app.threads.get(given(None)), "thread_id", "an id is text, not NoneType"),
    "the end of a number": (lambda app, _: app.threads.delete(given(7)), "thread_id", "an id is text, not int"),
    "threads of a number": (lambda app, _: app.threads.list(owner=given(7)), "owner", "a text, not 7"),
    "threads of an agent itself": (lambda app, _: app.threads.list(agent=given(Agent("a"))), "agent", "a text, not"),
    "threads up to a text": (lambda app, _: app.threads.list(limit=given("1")), "limit", "a whole number from 0 on"),
    "threads up to -1": (lambda app, _: app.threads.list(limit=-1), "limit", "not -1"),
    "threads up to 1.5": (lambda app, _: app.threads.list(limit=given(1.5)), "limit", "not 1.5"),
    "threads up to None": (lambda app, _: app.threads.list(limit=given(None)), "limit", "not None"),
    "runs of a status as text": (lambda app, _: app.runs(status=given("failed")), "status", "a tuple of cancelled,"),
    "runs of no status": (lambda app, _: app.runs(status=given(("done",))), "status", "each is one of cancelled,"),
    "runs of a number": (lambda app, _: app.runs(status=given(7)), "status", "not 7"),
    "runs of a workflow by number": (lambda app, _: app.runs(workflow=given(7)), "workflow", "a text, not 7"),
    "runs of a queue by number": (lambda app, _: app.runs(queue=given(7)), "queue", "a text, not 7"),
    "runs up to a text": (lambda app, _: app.runs(limit=given("1")), "limit", "a whole number from 0 on, not '1'"),
    "the run of a number": (lambda app, _: app.run(given(7)), "run_id", "an id is text, not int"),
    "an event to a number": (lambda app, _: app.emit_event(given(7), "x"), "run_id", "an id is text, not int"),
    "the questions of a number": (lambda app, _: app.questions.list(run_id=given(7)), "run_id", "text, not int"),
    "questions up to a text": (lambda app, _: app.questions.list(limit=given("1")), "limit", "not '1'"),
    "an answer to a number": (lambda app, _: app.questions.answer(given(7), "again"), "question_id", "text, not int"),
    "a step by number": (lambda app, _: app.questions.resolve("r", given(8), "again"), "position", "a text, not 8"),
    "acting for a number": (lambda app, _: app.acting_as(tenant=given(7)), "tenant", "an id is text, not int"),
    "acting for nobody": (lambda app, _: app.acting_as(principal=""), "principal", "may not be empty"),
}


@pytest.fixture(params=["memory:", "sqlite"])
async def app(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    url = "memory:" if request.param == "memory:" else f"sqlite:///{tmp_path}/perdure.db"
    made = App(url, agents=[Agent("a", model=ScriptedModel([say("One.")] * 9))])
    async with made:
        yield made


@pytest.mark.parametrize("name", CALLS)
async def test_a_call_with_what_it_can_t_take_is_refused_and_changes_nothing(app: App, name: str) -> None:
    call, field, says = CALLS[name]
    thread = await app.threads.create("a", thread_id="t")

    async def called() -> None:
        await call(app, thread)

    with pytest.raises(PerdureError) as refused:
        await called()
    error: Any = refused.value
    assert (error.field, says in error.reason) == (field, True), str(error)
    assert await app.runs() == []
    assert [one.thread_id for one in await app.threads.list()] == ["t"]
    assert (await (await thread.send("Still?")).result()).text == "One."


UNKNOWN: dict[str, Callable[[Thread], Awaitable[Any]]] = {
    "record": lambda t: t.record(),
    "send": lambda t: t.send("x"),
    "turn": lambda t: t.turn(),
    "turns": lambda t: t.turns(),
    "messages": lambda t: t.messages(),
    "events": lambda t: all_of(t.events()),
    "stop": lambda t: t.stop(),
}


@pytest.mark.parametrize("name", UNKNOWN)
@pytest.mark.parametrize("tenant", [None, "another"])
async def test_a_thread_that_is_not_there_is_not_found_by_any_call(app: App, name: str, tenant: str | None) -> None:
    """A thread of another tenant is none."""
    await app.threads.create("a", thread_id="t")
    thread = app.thread("u") if tenant is None else app.acting_as(tenant=tenant).thread("t")
    with pytest.raises(ThreadNotFound):
        await UNKNOWN[name](thread)


async def test_a_turn_of_another_tenant_is_not_found(app: App) -> None:
    turn = await (await app.threads.create("a", thread_id="t")).send("x")
    await turn.result()
    with pytest.raises(RunNotFound):
        await app.acting_as(tenant="another").run(turn.run_id).record()


async def test_a_thread_without_a_message_has_none(app: App) -> None:
    thread = await app.threads.create("a", thread_id="t")
    assert (await thread.messages(), await thread.turns(), await all_of(thread.events())) == ([], [], [])


CLOSED: dict[str, Callable[[App], Awaitable[Any]]] = {
    "start": lambda app: app.start("flow"),
    "threads": lambda app: app.threads.list(),
    "runs": lambda app: app.runs(),
    "questions": lambda app: app.questions.list(),
    "event": lambda app: app.emit_event("r", "x"),
    "client": lambda app: app.client().threads.list(),
}


@pytest.mark.parametrize("name", CLOSED)
async def test_an_app_that_is_not_open_says_how_to_open_it(name: str) -> None:
    app = App("memory:", agents=[Agent("a", model=ScriptedModel([]))])
    with pytest.raises(StoreClosed, match="async with app:"):
        await CLOSED[name](app)
    async with app:
        pass
    with pytest.raises(StoreClosed, match="async with app:"):
        await CLOSED[name](app)


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
async def test_a_handle_of_an_app_that_was_left_says_so(tmp_path: Path, kind: str) -> None:
    url = "memory:" if kind == "memory" else f"sqlite:///{tmp_path}/perdure.db"
    async with App(url, agents=[Agent("a", model=ScriptedModel([say("One.")]))]) as app:
        thread = await app.threads.create("a")
        turn = await thread.send("x")
        await turn.result()
    calls = (thread.send("y"), thread.messages(), turn.result(), turn.stop(), all_of(turn.stream()))
    for call in calls:
        with pytest.raises(StoreClosed, match=r"was closed; use it inside `async with app:`"):
            await call
