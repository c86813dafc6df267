"""From a function's signature and docstring to what a model sees of it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable

from perdure.agents.parameters import Parameters
from perdure.core.values import Value
from perdure.errors import ToolSignatureInvalid
from perdure.models.protocol import ToolSpec

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_SECTION = re.compile(r"^(Args|Arguments|Parameters|Returns|Raises|Yields|Examples?|Notes?):\s*$")
_GOOGLE = re.compile(r"^\s+\*{0,2}(\w+)(?:\s*\([^)]*\))?:\s*(.+)$")
_SPHINX = re.compile(r"^:param\s+(?:[^:]+\s)?(\w+):\s*(.+)$")


def describe(
    name: str, function: Callable[..., Value], parameters: Parameters, description: str | None = None
) -> ToolSpec:
    """The specification of a tool. Raises: ToolSignatureInvalid for a name that some provider refuses."""
    if not _NAME.fullmatch(name):
        raise ToolSignatureInvalid(name, "name", "1 to 64 of A-Z a-z 0-9 _ -, as every provider takes it")
    text, said = split_docstring(inspect.getdoc(function) or "")
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
