"""An agent, a tool or an app that is declared wrong is refused where it is declared: the argument, and what to do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import pytest

from perdure import Agent, App, Context, ToolContext, Workflow, tool
from perdure.errors import PerdureError
from perdure.testing.scripted import ScriptedModel

Row: TypeAlias = tuple[Callable[[], Any], str, str]


def look(place: str) -> str:
    return place


def context_second(place: str, ctx: ToolContext) -> str:
    return place


def workflows_context(ctx: Context, place: str) -> str:
    return place


def yielding(place: str) -> Iterator[str]:
    yield place


async def child(ctx: Context) -> None: ...


def given(value: object) -> Any:
    """A value that a type checker would refuse."""
    return value


OF_AN_AGENT: dict[str, Row] = {
    "no name": (lambda: Agent(given(None)), "agent name", "an id is text, not NoneType"),
    "a number for a name": (lambda: Agent(given(7)), "agent name", "an id is text, not int"),
    "an empty name": (lambda: Agent(""), "agent name", "may not be empty"),
    "a name too long": (lambda: Agent("a" * 600), "agent name", "at most 512 bytes, this one has 600"),
    "a number for a model": (lambda: Agent("a", model=given(7)), "model", "a model's name or a Model, which has"),
    "a model's class": (lambda: Agent("a", model=given(ScriptedModel)), "model", "not ScriptedModel"),
    "a model of another agent": (lambda: Agent("a").with_model(given(7)), "model", "not 7"),
    "no instructions": (lambda: Agent("a", instructions=given(None)), "instructions", "a text, not None"),
    "instructions of a list": (lambda: Agent("a", instructions=given(["x"])), "instructions", "a text, not ['x']"),
    "instructions of bytes": (lambda: Agent("a", instructions=given(b"x")), "instructions", "a text, not b'x'"),
    "instructions cut in two": (lambda: Agent("a", instructions="\ud800"), "instructions", "a lone surrogate"),
    "a function for tools": (lambda: Agent("a", tools=given(look)), "tools", "such as tools=[look], not look"),
    "a tool for tools": (lambda: Agent("a", tools=given(tool(look))), "tools", "a list of functions"),
    "a text for tools": (lambda: Agent("a", tools=given("look")), "tools", "not 'look'"),
    "a dict for tools": (lambda: Agent("a", tools=given({"look": look})), "tools", "a list of functions"),
    "nothing for tools": (lambda: Agent("a", tools=given(None)), "tools", "not None"),
    "a text in tools": (lambda: Agent("a", tools=[look, given("x")]), "tools[1]", "a function, not 'x'"),
    "nothing in tools": (lambda: Agent("a", tools=[given(None)]), "tools[0]", "a function, not None"),
    "an agent in tools": (lambda: Agent("a", tools=[given(Agent("b"))]), "tools[0]", "a function, not"),
    "a workflow in tools": (lambda: Agent("a", tools=[given(Workflow(child))]), "tools[0]", "a function, not"),
    "a coroutine in tools": (lambda: Agent("a", tools=[given(asyncio.sleep(0))]), "tools[0]", "pass sleep uncalled"),
    "settings of a number": (lambda: Agent("a", settings=given(7)), "settings", "a dict, not 7"),
    "settings of a list": (lambda: Agent("a", settings=given(["x"])), "settings", "a dict, not ['x']"),
    "settings of numbers": (lambda: Agent("a", settings=given({1: 2})), "settings", "its keys are texts, not 1"),
    "settings of an object": (lambda: Agent("a", settings={"x": object()}), "settings.x", "no stored form"),
    "a retry as text": (lambda: Agent("a", retry=given("3")), "retry", "a perdure.Retry or a number of attempts"),
    "a retry of 0": (lambda: Agent("a", retry=0), "retry.attempts", "at least 1"),
    "steps as text": (lambda: Agent("a", max_steps=given("3")), "max_steps", "a whole number of at least 1, not '3'"),
    "steps of 0": (lambda: Agent("a", max_steps=0), "max_steps", "not 0"),
    "steps of 1.5": (lambda: Agent("a", max_steps=given(1.5)), "max_steps", "not 1.5"),
    "steps of True": (lambda: Agent("a", max_steps=True), "max_steps", "not True"),
    "no steps": (lambda: Agent("a", max_steps=given(None)), "max_steps", "not None"),
}

OF_A_TOOL: dict[str, Row] = {
    "a number": (lambda: tool(given(7)), "tool", "a function, not 7"),
    "a name for a function": (lambda: tool(given("look")), "tool", "a function, not 'look'"),
    "a number where it is made": (lambda: tool(read_only=True)(given(7)), "tool", "a function, not 7"),
    "a coroutine": (lambda: tool(given(asyncio.sleep(0))), "tool", "pass sleep uncalled"),
    "a property": (lambda: tool(given(property(look))), "tool", "a function, not"),
    "a tool": (lambda: tool(given(tool(look))), "tool", "'look' is a tool already"),
    "a built-in function": (lambda: tool(max), "signature", "write a function round it"),
    "a function that yields": (lambda: tool(yielding), "result", "return a list of what it yields"),
    "a lambda": (lambda: tool(lambda: ""), "name", "give it one with tool(name=…)"),
    "a number for a name": (lambda: tool(name=given(7))(look), "name", "a text, not 7"),
    "an empty name": (lambda: tool(name="")(look), "name", "1 to 64 of"),
    "an odd name": (lambda: tool(name="look up")(look), "name", "1 to 64 of"),
    "a name too long": (lambda: tool(name="a" * 65)(look), "name", "1 to 64 of"),
    "a number for a description": (lambda: tool(description=given(7))(look), "description", "a text, not 7"),
    "a description cut in two": (lambda: tool(description="\ud800")(look), "description", "a lone surrogate"),
    "a text for a flag": (lambda: tool(read_only=given("yes"))(look), "read_only", "True or False, not 'yes'"),
    "a number for a flag": (lambda: tool(idempotent=given(1))(look), "idempotent", "True or False, not 1"),
    "another policy": (lambda: tool(in_doubt=given("again"))(look), "in_doubt", "one of retry, tell, fail, ask"),
    "a list for a policy": (
        lambda: tool(in_doubt=given([]))(look),
        "in_doubt",
        "one of retry, tell, fail, ask, not []",
    ),
    "a timeout as text": (lambda: tool(timeout=given("5"))(look), "timeout", "seconds, not '5'"),
    "a timeout below 0": (lambda: tool(timeout=-1)(look), "timeout", "above 0, not -1"),
    "a retry as text": (lambda: tool(retry=given("3"))(look), "retry", "a number of attempts, not '3'"),
    "an unknown option": (lambda: given(tool)(retries=3)(look), "retries", "a tool has no such option; it has: name,"),
    "a context that is not first": (lambda: tool(context_second), "ctx", "a ToolContext is the first parameter"),
    "a workflow's context": (
        lambda: tool(workflows_context),
        "ctx",
        "a tool has no Context; it may have a ToolContext",
    ),
}

OF_AN_APP: dict[str, Row] = {
    "a number for a model": (lambda: App("memory:", model=given(7)), "model", "a model's name, not 7"),
    "a Model": (lambda: App("memory:", model=given(ScriptedModel([]))), "model", "an Agent takes a Model"),
    "queues of a number": (lambda: App("memory:", queues=given(7)), "queues", "a dict of queues to how many"),
    "queues of a list": (lambda: App("memory:", queues=given(["mail"])), "queues", "a dict of queues to how many"),
    "a queue of 0": (lambda: App("memory:", queues={"mail": 0}), "queues['mail']", "at least 1, not 0"),
    "a queue of a text": (lambda: App("memory:", queues=given({"mail": "1"})), "queues['mail']", "not '1'"),
    "a queue named by a number": (lambda: App("memory:", queues=given({7: 1})), "queues", "an id is text, not int"),
    "no slots": (lambda: App("memory:", slots=0), "slots", "at least 1, not 0"),
    "slots as text": (lambda: App("memory:", slots=given("8")), "slots", "not '8'"),
    "a lease of 0": (lambda: App("memory:", lease_for=0), "lease_for", "above 0, not 0"),
    "a stall limit of 0": (lambda: App("memory:", stall_limit=0), "stall_limit", "above 0, not 0"),
    "a grace below 0": (lambda: App("memory:", grace=-1), "grace", "from 0 to"),
    "a number for authorize": (lambda: App("memory:", authorize=given(7)), "authorize", "a function that says"),
    "a text for agents": (lambda: App("memory:", agents=given("a")), "agents", "a list of agents, not 'a'"),
    "a dict for agents": (lambda: App("memory:", agents=given({"a": Agent("a")})), "agents", "a list of agents"),
}


@pytest.mark.parametrize(
    ("declare", "field", "says"),
    [
        pytest.param(*row, id=f"{of}: {name}")
        for of, rows in (("agent", OF_AN_AGENT), ("tool", OF_A_TOOL), ("app", OF_AN_APP))
        for name, row in rows.items()
    ],
)
def test_what_is_declared_wrong_is_refused_with_its_argument(declare: Callable[[], Any], field: str, says: str) -> None:
    with pytest.raises(PerdureError) as refused:
        declare()
    error: Any = refused.value
    assert (error.field, says in error.reason) == (field, True), str(error)


def test_a_number_of_attempts_is_a_retry_of_a_model_too() -> None:
    assert Agent("a", retry=2).retry.attempts == 2


def test_what_a_tool_has_not_said_is_no_fault() -> None:
    def bare(place: Any, near: int = 3) -> Any:
        return place

    bare.__annotations__.clear()
    made = Agent("a", tools=[bare]).tools["bare"]
    assert made.spec.description == ""
    assert made.bind('{"place": [1]}') == {"place": [1]}
