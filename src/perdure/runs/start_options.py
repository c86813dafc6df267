"""What can be said of a run when it is started, apart from its workflow's own arguments."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import Parameter
from typing import TypedDict

import msgspec

from perdure.core.values import Value
from perdure.errors import InputError


class StartOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options of a start.

    Shape: without a `run_id` a new one is made; without a `queue` it is the workflow's; `tags` are texts by name.
    """

    run_id: str | None = None
    queue: str | None = None
    project_id: str = "default"
    scenario_id: str | None = None
    tenant: str | None = None
    tags: dict[str, str] | None = None


class StartKeywords(TypedDict, total=False):
    """The same as keywords of a call."""

    run_id: str | None
    queue: str | None
    project_id: str
    scenario_id: str | None
    tenant: str | None
    tags: dict[str, str] | None


NO_OPTIONS = StartOptions()


def split(
    workflow: str, parameters: tuple[Parameter, ...], by_position: int, keywords: Mapping[str, Value]
) -> tuple[StartOptions, dict[str, Value]]:
    """The options among the keywords of a start, and the workflow's own keyword arguments.

    Shape: so many arguments were given by position. An option that is left at its default is not given.
    Raises: InputError for a keyword that could be either.
    """
    options: dict[str, Value] = {}
    own: dict[str, Value] = {}
    for name, value in keywords.items():
        if name not in StartOptions.__struct_fields__:
            own[name] = value
        elif value != getattr(NO_OPTIONS, name):
            options[name] = value
    for place, parameter in enumerate(parameters):
        by_name = parameter.kind is Parameter.KEYWORD_ONLY or place >= by_position
        if parameter.name in options and by_name and parameter.kind in _HAS_A_NAME:
            both = f"an option of start, and a parameter of {workflow!r} as well"
            apart = f"start {workflow}.with_options({parameter.name}=…), which leaves every keyword to the workflow"
            raise InputError(parameter.name, f"{both}; {_HAS_A_NAME[parameter.kind]}, or {apart}")
    return StartOptions(**options), own


_HAS_A_NAME = {
    Parameter.POSITIONAL_OR_KEYWORD: "pass the argument by position",
    Parameter.KEYWORD_ONLY: "rename the parameter",
}
