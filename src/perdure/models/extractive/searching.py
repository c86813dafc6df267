"""What to search for, first and second."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from perdure.models.extractive.arguments import Arguments, Call
from perdure.models.extractive.asking import has
from perdure.models.extractive.evidence import Evidence
from perdure.models.extractive.question import Question, Term
from perdure.models.extractive.tools import Tool, place_for
from perdure.models.extractive.words import alike, split, stem

_MAX_SEARCHES = 6
_MAX_SPELLINGS = 2
_MAIN_WEIGHT = 0.5
_MANY = 150


def first_searches(question: Question, tools: Sequence[Tool]) -> list[Call]:
    """Every listing, and one search for each term, at once."""
    listings = [
        Call(tool.name, {parameter.name: place_for(parameter) for parameter in tool.required})
        for tool in tools
        if tool.role == "list"
    ]
    return listings + _searches(tools, [_needle(term) for term in _main_terms(question)])


def second_searches(question: Question, tools: Sequence[Tool], evidence: Evidence) -> list[Call]:
    """For terms that no line has, their other spellings; where too many lines came, two terms as one name."""
    texts = [text for lines in evidence.files.values() for text in lines.values()]
    texts += [line.text for line in evidence.loose]
    known = tuple(dict.fromkeys(word for text in texts for word in split(text)))
    terms = _main_terms(question)
    needles: list[str] = []
    for term in terms:
        if not has(known, term):
            needles += [term.text, *[other for word in term.words for other in alike(word)][:_MAX_SPELLINGS]]
    if len(texts) >= _MANY:
        plain = [stem(term.words[0]) for term in terms if not term.exact]
        needles += [needle for one, two in pairwise(plain) for needle in (f"{one}_{two}", f"{two}_{one}")]
    return _searches(tools, needles)[:_MAX_SEARCHES]


def _searches(tools: Sequence[Tool], needles: Iterable[str]) -> list[Call]:
    searches = [tool for tool in tools if tool.role == "search"]
    found = [(tool, _arguments(tool, needle)) for needle in dict.fromkeys(needles) for tool in searches]
    return [Call(tool.name, arguments) for tool, arguments in found if arguments is not None]


def _main_terms(question: Question) -> list[Term]:
    main = [term for term in question.terms if term.weight >= _MAIN_WEIGHT] or list(question.terms)
    return main[:_MAX_SEARCHES]


def _needle(term: Term) -> str:
    """An identifier as it stands; of a word, the part that its other forms and spellings share."""
    if term.exact or len(term.words) != 1:
        return term.text
    word = term.words[0]
    shorter = [other for other in alike(word) if len(other) > 1 and word.startswith(other)]
    return min([*shorter, stem(word)], key=len)


def _arguments(tool: Tool, needle: str) -> Arguments | None:
    """The call's arguments; None where it needs more than something to look for and a place."""
    if tool.query is None:
        return None
    arguments: Arguments = {tool.query.name: [needle] if tool.query.kind == "array" else needle}
    for parameter in tool.required:
        if parameter.name in arguments:
            continue
        if parameter.choices:
            arguments[parameter.name] = parameter.choices[0]
        elif parameter.kind == "string":
            arguments[parameter.name] = place_for(parameter)
        else:
            return None
    return arguments
