"""A report to a tool that takes one: only where it was asked for, and with the answer as its text."""

from __future__ import annotations

from hashlib import sha256

from perdure.models.extractive.arguments import Arguments, values_for
from perdure.models.extractive.tools import Tool
from perdure.models.extractive.words import split, stem

_TITLE = frozenset({"title", "subject", "topic", "headline", "question", "name"})
_KEY = frozenset({"key", "id"})
_TITLE_CHARS = 80


def is_asked(tool: Tool, instructions: str, question: str) -> bool:
    """Whether the tool is named, or each word of its name is said, in one of the two."""
    name = {stem(word) for word in split(tool.name)}
    return any(tool.name in text or name <= {stem(word) for word in split(text)} for text in (instructions, question))


def report_arguments(tool: Tool, question: str, text: str) -> Arguments | None:
    """The call's arguments; None where a required one can't be told from the question."""
    arguments: Arguments = {}
    for parameter in tool.parameters:
        words = frozenset(split(parameter.name))
        if tool.query is not None and parameter.name == tool.query.name:
            arguments[parameter.name] = text
        elif words & _TITLE and parameter.kind == "string":
            arguments[parameter.name] = question[:_TITLE_CHARS]
        elif parameter.is_required and words & _KEY:
            arguments[parameter.name] = sha256(f"{question}\0{text}".encode()).hexdigest()[:16]
        elif parameter.is_required:
            values = values_for(parameter, question)
            if not values:
                return None
            arguments[parameter.name] = values[0]
    return arguments
