"""From a function's signature and docstring to what a model sees of it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable

import msgspec

from perdure.core.annotations import Arguments
from perdure.core.values import Value, check_storable
from perdure.errors import NotStorable, ToolSignatureInvalid
from perdure.models.protocol import ToolSpec

_SECTION = re.compile(r"^(Args|Arguments|Parameters|Returns|Raises|Yields|Examples?|Notes?):\s*$")
_GOOGLE = re.compile(r"^\s+\*{0,2}(\w+)(?:\s*\([^)]*\))?:\s*(.+)$")
_SPHINX = re.compile(r"^:param\s+(?:[^:]+\s)?(\w+):\s*(.+)$")


def describe(
    name: str, function: Callable[..., Value], arguments: Arguments, description: str | None = None
) -> ToolSpec:
    """The specification of a tool.

    Raises: ToolSignatureInvalid with the parameter and the reason.
    """
    for parameter, kind in zip(arguments.parameters, arguments.types, strict=True):
        if parameter.kind in {parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY}:
            raise ToolSignatureInvalid(name, parameter.name, "a model passes arguments by name only")
        try:
            check_storable(kind, parameter.name, secrets=True)
        except NotStorable as error:
            raise ToolSignatureInvalid(name, error.field, error.reason) from None
    text, of_parameters = split_docstring(inspect.getdoc(function) or "")
    return ToolSpec(name=name, description=description or text, parameters=_parameters(name, arguments, of_parameters))


def split_docstring(doc: str) -> tuple[str, dict[str, str]]:
    """The description, and what is said of each parameter, in Google's or Sphinx's way."""
    description, of_parameters, section = list[str](), dict[str, str](), ""
    for line in doc.splitlines():
        heading = _SECTION.match(line)
        if heading:
            section = heading[1]
        elif sphinx := _SPHINX.match(line):
            of_parameters[sphinx[1]] = sphinx[2].strip()
        elif section in {"Args", "Arguments", "Parameters"} and (google := _GOOGLE.match(line)):
            of_parameters[google[1]] = google[2].strip()
        elif not section and not line.startswith(":"):
            description.append(line)
    return "\n".join(description).strip(), of_parameters


def _parameters(name: str, arguments: Arguments, of_parameters: dict[str, str]) -> dict[str, Value]:
    try:
        schema = msgspec.json.schema(arguments.struct, schema_hook=_schema_of)
    except (TypeError, NotImplementedError) as error:
        raise ToolSignatureInvalid(name, "signature", str(error)) from None
    definitions: dict[str, Value] = schema.get("$defs", {})
    own: dict[str, Value] = definitions.pop(schema["$ref"].rpartition("/")[2]) if "$ref" in schema else schema
    own.pop("title", None)
    for parameter, said in of_parameters.items():
        own.get("properties", {}).get(parameter, {}).setdefault("description", said)
    return own | ({"$defs": definitions} if definitions else {})


def _schema_of(kind: type) -> dict[str, Value]:
    schema = getattr(kind, "model_json_schema", None)  # pydantic's protocol, without importing pydantic
    if schema is None:
        raise NotImplementedError
    return schema()
