"""JSON from the command line, and what of it is which argument."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import Parameter
from typing import TypeAlias, cast

import msgspec

from perdure.cli.exits import misused
from perdure.core.values import Value, convert
from perdure.errors import InputError
from perdure.runs.workflow import Workflow

Call: TypeAlias = tuple[tuple[Value, ...], dict[str, Value]]

NOT_GIVEN: Value = msgspec.UNSET
_BY_NAME = {Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY}


def parsed(text: str, option: str) -> Value:
    """The value of a JSON text. Raises: BadParameter with the option's name."""
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise misused(option, f"no JSON: {error}") from None


def arguments_of(workflow: Workflow[..., Value], given: Value) -> Call:
    """A workflow's arguments from one JSON value: an object by name, a list in order, anything else as the only one.

    Shape: an object that is no set of names is the argument of a workflow that has one parameter, if it fits.
    Raises: InputError with the names that are not known, and those that are.
    """
    only: Value = given
    parameters = workflow.arguments.parameters
    kinds = {parameter.kind for parameter in parameters}
    if given is NOT_GIVEN or (given is None and not parameters):
        return (), {}
    if isinstance(given, dict):
        return _named(workflow, cast("dict[str, Value]", given))
    if isinstance(given, list) and (len(parameters) > 1 or Parameter.VAR_POSITIONAL in kinds):
        return tuple(cast("list[Value]", given)), {}
    return (only,), {}


def _named(workflow: Workflow[..., Value], given: dict[str, Value]) -> Call:
    parameters = workflow.arguments.parameters
    unknown = _unknown(parameters, given)
    if not unknown:
        return (), given
    names = ", ".join(parameter.name for parameter in parameters) or "none"
    reason = f"{workflow.name!r} has no parameter {', '.join(map(repr, unknown))}; it takes: {names}"
    if len(parameters) == 1:
        try:
            convert(given, workflow.arguments.types[0], parameters[0].name)
        except InputError as error:
            raise InputError("--input", f"{reason} (and as {error.field}: {error.reason})") from None
        return (given,), {}
    raise InputError("--input", reason)


def _unknown(parameters: tuple[Parameter, ...], given: Mapping[str, Value]) -> list[str]:
    if any(parameter.kind is Parameter.VAR_KEYWORD for parameter in parameters):
        return []
    known = {parameter.name for parameter in parameters if parameter.kind in _BY_NAME}
    return [name for name in given if name not in known]
