"""The options of a start and the parameters of a workflow share one call: a keyword must not mean both."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from inspect import Parameter

from perdure.core.values import Value
from perdure.errors import InputError
from perdure.runs.workflow import Workflow

_WHAT_TO_DO = {
    Parameter.POSITIONAL_OR_KEYWORD: "pass the argument by position",
    Parameter.KEYWORD_ONLY: "rename the parameter",
}


def check_options(workflow: Workflow[..., Value], by_position: int, given: AbstractSet[str]) -> None:
    """Refuse an option that could be meant for the workflow.

    Shape: so many arguments were given by position, and these options. Raises: InputError with the option's name.
    """
    for place, parameter in enumerate(workflow.arguments.parameters):
        kind = parameter.kind
        if parameter.name not in given or kind not in _WHAT_TO_DO:
            continue
        if kind is Parameter.KEYWORD_ONLY or place >= by_position:
            both = f"an option of start, and a parameter of {workflow.name!r} as well"
            raise InputError(parameter.name, f"{both}; {_WHAT_TO_DO[kind]}")
