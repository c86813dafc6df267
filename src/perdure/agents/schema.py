"""From a function's signature and docstring to what a model sees of it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable

from perdure.agents.parameters import Parameters
from perdure.core.annotations import yields
from perdure.core.values import Value, encode
from perdure.errors import NotStorable, ToolSignatureInvalid
from perdure.models.protocol import ToolSpec

_LONGEST = 64
_NAME = re.compile(rf"[A-Za-z0-9_-]{{1,{_LONGEST}}}")
_SECTION = re.compile(r"^(Args|Arguments|Parameters|Returns|Raises|Yields|Examples?|Notes?):\s*$")
_GOOGLE = re.compile(r"^\s+\*{0,2}(\w+)(?:\s*\([^)]*\))?:\s*(.+)$")
_SPHINX = re.compile(r"^:param\s+(?:[^:]+\s)?(\w+):\s*(.+)$")


def check_shape(name: str, function: Callable[..., Value]) -> None:
    """Raises: ToolSignatureInvalid for a name that some provider refuses, or a function that no model can call."""
    if not _NAME.fullmatch(name):
        reason = f"1 to {_LONGEST} of A-Z a-z 0-9 _ -, as every provider takes it; give it one with tool(name=…)"
        raise ToolSignatureInvalid(name[: 2 * _LONGEST], "name", reason)
    if yields(function):
        raise ToolSignatureInvalid(name, "result", "it is a generator function; return a list of what it yields")
    try:
        inspect.signature(function)
    except (ValueError, TypeError):
        reason = "Python does not know its parameters; write a function round it"
        raise ToolSignatureInvalid(name, "signature", reason) from None


def describe(
    name: str, function: Callable[..., Value], parameters: Parameters, description: str | None = None
) -> ToolSpec:
    """The specification of a tool. Raises: ToolSignatureInvalid for a docstring that no provider can be sent."""
    text, said = split_docstring(inspect.getdoc(function) or "")
    try:
        encode([description or text, *said.values()], "description")
    except NotStorable as error:
        raise ToolSignatureInvalid(name, "description", error.reason) from None
    return ToolSpec(name=name, description=description or text, parameters=parameters.schema(said))


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
