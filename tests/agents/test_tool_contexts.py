"""A ToolContext is known by what it is, whatever its module calls it; another class of that name is none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import perdure
from perdure import ToolContext as Given
from perdure import tool


@tool
def renamed(context: Given, number: int) -> str:
    return f"{context.run_id} {number}"


@tool
def of_its_package(context: perdure.ToolContext, number: int) -> str:
    return f"{context.run_id} {number}"


@tool
def annotated(context: Annotated[perdure.ToolContext, "who asks"], number: int) -> str:
    return f"{context.run_id} {number}"


@dataclass
class ToolContext:
    """The user's own."""

    account: str


@tool
def of_another_class(context: ToolContext, number: int) -> str:
    return f"{context.account} {number}"


def test_it_is_known_under_any_name() -> None:
    for each in (renamed, of_its_package, annotated):
        assert each.takes_context, each.name
        assert list(each.spec.parameters["properties"]) == ["number"]


def test_another_class_of_its_name_is_a_parameter_that_the_model_is_told_of() -> None:
    assert not of_another_class.takes_context
    assert list(of_another_class.spec.parameters["properties"]) == ["context", "number"]
    assert of_another_class.function(**of_another_class.bind('{"context": {"account": "a"}, "number": 7}')) == "a 7"
