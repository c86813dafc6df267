"""Tools that answer by themselves: called where the question names what they do, and says what they need."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from perdure.models.extractive.arguments import Arguments, Call, fill, values_for
from perdure.models.extractive.question import Question, Term
from perdure.models.extractive.tools import CHANGES, Tool
from perdure.models.extractive.words import likeness, split, stem

_KNOWN = 0.6


class _Fit(msgspec.Struct, frozen=True):
    """A tool that could be called: `share` of the question's terms are its words or its values."""

    tool: Tool
    share: float
    words: frozenset[str]
    calls: list[Arguments]


def named_calls(question: Question, tools: Sequence[Tool], share: float) -> list[Call]:
    """Calls of the tools that fit best, each adding a word of the question that the better ones lack."""
    fits = [fit for tool in tools if tool.role == "direct" and (fit := _fit(question, tool)) is not None]
    calls: list[Call] = []
    known: frozenset[str] = frozenset()
    for fit in sorted(fits, key=lambda each: (-each.share, each.tool.name)):
        if fit.words - known and fit.share >= share:
            known |= fit.words
            calls.extend(Call(fit.tool.name, arguments) for arguments in fit.calls)
    return calls


def missing(question: Question, tools: Sequence[Tool]) -> list[str]:
    """What the tools that the question names would need to be told besides."""
    return [
        f"{tool.name} needs {parameter.name}"
        for tool in tools
        if tool.role == "direct" and any(has(tool.words, term) for term in question.terms) and _is_meant(tool, question)
        for parameter in tool.required
        if not values_for(parameter, question.text)
    ]


def has(words: Sequence[str], term: Term) -> bool:
    """Whether one of the words means what the term does."""
    return any(likeness(word, each) >= _KNOWN for word in words for each in term.words)


def _fit(question: Question, tool: Tool) -> _Fit | None:
    words = frozenset(term.text for term in question.terms if has(tool.words, term))
    calls = fill(tool, question.text) if words and _is_meant(tool, question) else []
    if not calls:
        return None
    values = split(" ".join(str(value) for arguments in calls for value in arguments.values()))
    covered = words | {term.text for term in question.terms if has(values, term)}
    return _Fit(tool, len(covered) / len(question.terms), words, calls)


def _is_meant(tool: Tool, question: Question) -> bool:
    # A tool that changes something is called only when the question says that very verb.
    said = {stem(word) for word in split(question.text)}
    return all(stem(verb) in said for verb in split(tool.name) if verb in CHANGES)
