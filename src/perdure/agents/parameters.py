"""A tool's parameters: one JSON schema for the model, and what it accepts is what that schema says.

A value is first read as the schema means it (`lax`), then checked without exceptions by whoever wrote the schema.
"""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Callable, Iterator

import msgspec

from perdure.agents.checking import Check, check_of, hindrance, mentioned
from perdure.agents.definitions import DefinitionsBuilder
from perdure.agents.lax import read, takes_null
from perdure.core.annotations import unwrap
from perdure.core.values import Value, plain
from perdure.errors import NotStorable, ToolInputInvalid, ToolSignatureInvalid
from perdure.models.arguments import read_arguments
from perdure.models.shapes import is_list, is_record
from perdure.runs.context import Context

_PROPERTY = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_BY_POSITION = frozenset(
    {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD, inspect.Parameter.POSITIONAL_ONLY}
)


class Parameters:
    """The parameters of a function that a model calls by name."""

    def __init__(self, tool: str, function: Callable[..., Value], context: type, *, skip: int = 0) -> None:
        """Shape: the first `skip` parameters (of the type `context`) are not the model's.

        Raises: ToolSignatureInvalid with the parameter and the reason.
        """
        self._tool = tool
        self._context = context
        self._builder = DefinitionsBuilder()
        self._definitions = self._builder.found
        self._checks: dict[str, Check] = {}
        self._required: list[str] = []
        parameters = tuple(inspect.signature(function).parameters.values())[skip:]
        hints = _hints(tool, function) if parameters else {}
        for parameter in parameters:
            self._checks[parameter.name] = self._check(parameter, hints.get(parameter.name, Value))
            if parameter.default is parameter.empty:
                self._required.append(parameter.name)

    def schema(self, said: dict[str, str]) -> dict[str, Value]:
        """The JSON schema of one object; `said` is what the docstring says of each parameter."""
        properties = {name: check.schema for name, check in self._checks.items()}
        for name, text in said.items():
            if name in properties:
                properties[name] = {"description": text} | properties[name]
        schema: dict[str, Value] = {"type": "object", "properties": properties, "required": self._required}
        schema["additionalProperties"] = False
        return schema | ({"$defs": self._definitions} if self._definitions else {})

    def bind(self, text: str) -> dict[str, Value]:
        """The arguments of one call from what a model wrote. Raises: ToolInputInvalid with the field and the reason."""
        try:
            given = read_arguments(text)
        except ValueError as error:
            raise ToolInputInvalid(self._tool, f"the arguments are no JSON object: {error}") from None
        unknown = [name for name in given if name not in self._checks]
        if unknown:
            known = ", ".join(self._checks) or "none"
            raise ToolInputInvalid(self._tool, f"{unknown[0]}: there is no such parameter; there are: {known}")
        bound: dict[str, Value] = {}
        for name, check in self._checks.items():
            is_given = name in given
            if is_given and given[name] is None and name not in self._required:
                is_given = takes_null(check.schema, self._definitions)
            if is_given:
                bound[name] = self._convert(name, check, given[name])
            elif name in self._required:
                raise ToolInputInvalid(self._tool, f"{name}: missing")
        return bound

    def _convert(self, name: str, check: Check, value: object) -> Value:
        try:
            return check.convert(value)
        except (ValueError, TypeError, NotImplementedError, RecursionError):
            pass  # it may be written in another way
        try:
            return check.convert(read(value, check.schema, self._definitions))
        except (ValueError, TypeError, NotImplementedError, RecursionError) as error:
            raise ToolInputInvalid(self._tool, f"{name}: {error}") from None

    def _check(self, parameter: inspect.Parameter, annotation: Value) -> Check:
        if parameter.kind in _BY_POSITION:
            raise self._invalid(parameter.name, "a model passes arguments by name only")
        if type(parameter.default).__module__.startswith("pydantic."):
            raise self._invalid(parameter.name, "a Field is no default; write Annotated[TYPE, Field(…)] = DEFAULT")
        self._refuse_contexts(parameter.name, annotation)
        found = hindrance(annotation)
        if found is not None:
            raise self._invalid(f"{parameter.name}{found.path}", found.reason)
        try:
            check = check_of(annotation)
            schema = self._builder.hoist(check.schema)
        except (ValueError, TypeError, NotImplementedError) as error:
            raise self._invalid(parameter.name, str(error)) from None
        wrong = list(_property_names({"properties": {parameter.name: schema}}, self._definitions))
        if wrong:
            raise self._invalid(parameter.name, f"{wrong[0]!r} is no name that every provider takes: A-Z a-z 0-9 _ . -")
        return msgspec.structs.replace(check, schema=_with_default(schema, parameter))

    def _refuse_contexts(self, name: str, annotation: Value) -> None:
        for one in mentioned(annotation):
            if one is self._context:
                raise self._invalid(name, f"a {self._context.__name__} is the first parameter, and nothing but that")
            if one is Context:
                raise self._invalid(name, f"a tool has no Context; it may have a {self._context.__name__}, first")

    def _invalid(self, field: str, reason: str) -> ToolSignatureInvalid:
        return ToolSignatureInvalid(self._tool, field, reason)


def _hints(tool: str, function: Callable[..., Value]) -> dict[str, Value]:
    try:
        return typing.get_type_hints(unwrap(function), include_extras=True)
    except (NameError, TypeError, AttributeError, SyntaxError) as error:
        raise ToolSignatureInvalid(tool, "signature", f"its annotations can't be resolved ({error})") from None


def _with_default(schema: dict[str, Value], parameter: inspect.Parameter) -> dict[str, Value]:
    if parameter.default is parameter.empty:
        return schema
    try:
        return schema | {"default": plain(parameter.default, parameter.name)}
    except NotStorable:
        return schema  # it stays the function's own


def _property_names(schema: Value, definitions: dict[str, Value]) -> Iterator[str]:
    """Names that some provider refuses, anywhere in a schema."""
    for place in (schema, *definitions.values()):
        yield from _wrong_names(place)


def _wrong_names(value: Value) -> Iterator[str]:
    if is_record(value):
        properties = value.get("properties")
        if is_record(properties):
            yield from (name for name in properties if not _PROPERTY.fullmatch(name))
        for inner in value.values():
            yield from _wrong_names(inner)
    elif is_list(value):
        for inner in value:
            yield from _wrong_names(inner)
