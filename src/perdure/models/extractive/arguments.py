"""Fills a tool's parameters from a question, or says that it can't."""

from __future__ import annotations

import re
from itertools import product

import msgspec

from perdure.models.extractive.tools import Parameter, Tool, place_for
from perdure.models.extractive.words import STOP, split, stem

Arguments = dict[str, object]

_MAX_CALLS = 10
_QUOTED = re.compile(r"`([^`]+)`|\"([^\"]+)\"|“([^”]+)”")
_PROPER = r"[A-ZÀ-Þ][\w'’.-]*(?:\s+[A-ZÀ-Þ][\w'’-]*)*"
_LIST_OF_PROPER = rf"{_PROPER}(?:(?:\s*,\s*(?:and\s+)?|\s+and\s+|\s+or\s+){_PROPER})*"
_AFTER = re.compile(rf"\b((?i:in|for|at|near|of|to|from|about|on|with))\s+(?:the\s+)?({_LIST_OF_PROPER})")
_ANY_PROPER = re.compile(rf"(?<!^)(?<![.?!]\s)\b({_LIST_OF_PROPER})")
_PREPOSITION = r"(?:in|for|at|near|of|to|from)\s+(?:the\s+)?"
_LOWER = r"(?!(?:and|or)\b)[\w'-]+(?:\s+(?!(?:and|or|in|for|at|near|of|to|from)\b)[\w'-]+)?"
_BETWEEN = rf"(?:\s*,\s*(?:and\s+|or\s+)?|\s+(?:and|or)\s+)(?:{_PREPOSITION})?"
_LAST_LIST = re.compile(rf"\b{_PREPOSITION}({_LOWER}(?:{_BETWEEN}{_LOWER})*)\W*$")
_LAST_SEPARATOR = re.compile(_BETWEEN)
_CALENDAR_WORDS = """
    january february march april may june july august september october november december monday tuesday wednesday
    thursday friday saturday sunday
"""
_CALENDAR = frozenset(_CALENDAR_WORDS.split())
_SEPARATOR = re.compile(r"\s*,\s*(?:and\s+)?|\s+and\s+|\s+or\s+")
_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:[.,]\d+)?(?![\w])")
_CODE = r"#?\b[A-Za-z]*-?\d[\w-]*\b"
_CODES = re.compile(rf"{_CODE}(?:(?:\s*,\s*(?:and\s+)?|\s+and\s+|\s+or\s+){_CODE})*")
_FORMS: dict[str, re.Pattern[str]] = {
    "email": re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]*\w"),
    "mail": re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]*\w"),
    "url": re.compile(r"https?://\S*\w/?"),
    "uri": re.compile(r"https?://\S*\w/?"),
    "date": re.compile(r"\b\d{4}-\d\d-\d\d\b"),
    "path": re.compile(r"(?:[\w.-]+/)*[\w-]+\.\w+"),
    "file": re.compile(r"(?:[\w.-]+/)*[\w-]+\.\w+"),
}
_SEVERAL = frozenset({"email", "mail", "url", "uri"})
_FREE = frozenset({"query", "question", "text", "prompt", "message", "topic", "subject", "term", "search", "keyword"})
_CODED = frozenset({"number", "id", "code", "key", "order", "ticket", "invoice", "account", "reference", "version"})
_PLACE = frozenset({"city", "place", "location", "country", "town", "region", "person", "name", "user", "company"})


class Call(msgspec.Struct, frozen=True):
    """A tool to call, and with what."""

    tool: str
    arguments: Arguments

    @property
    def identity(self) -> tuple[str, bytes]:
        """Equal for equal calls."""
        return self.tool, msgspec.json.encode(self.arguments, order="deterministic")


def fill(tool: Tool, text: str) -> list[Arguments]:
    """The calls that a question asks of a tool: one for each thing that it names, none where a value is missing."""
    columns: list[tuple[str, list[object]]] = []
    for parameter in tool.parameters:
        values = values_for(parameter, text)
        if parameter.is_required and not values:
            return []
        if values:
            columns.append((parameter.name, values if parameter.is_required else values[:1]))
    names = [name for name, _ in columns]
    return [dict(zip(names, row, strict=True)) for row in product(*(values for _, values in columns))][:_MAX_CALLS]


def values_for(parameter: Parameter, text: str) -> list[object]:
    """The values of one parameter that the text names; for one that is not required, only what is plainly meant."""
    if parameter.choices:
        said = {stem(word) for word in split(text)}
        named = [each for each in parameter.choices if set(map(stem, split(str(each)))) <= said and split(str(each))]
        return named or (list(parameter.choices[:1]) if parameter.is_required and not parameter.has_default else [])
    if parameter.kind in {"integer", "number"}:
        return _numbers(parameter, text)
    if parameter.kind == "boolean":
        return [False] if parameter.is_required else []
    if parameter.kind == "array":
        found = _strings(parameter, text)
        return [found] if found else ([[]] if parameter.is_required else [])
    if parameter.kind == "object":
        return [{}] if parameter.is_required else []
    return list(_strings(parameter, text)) if parameter.is_required else list(_labelled(parameter, text))


def _numbers(parameter: Parameter, text: str) -> list[object]:
    found = [match[0].replace(",", ".") for match in _NUMBER.finditer(text)]
    near = re.search(rf"\b{re.escape(split(parameter.name)[-1])}s?\b\D{{0,12}}?(-?\d+)", text, re.IGNORECASE)
    if near is not None:
        found = [near[1]]
    elif not parameter.is_required:
        found = []
    numbers = [float(each) for each in found[:1]]
    return [int(each) if parameter.kind == "integer" else each for each in numbers]


def _strings(parameter: Parameter, text: str) -> list[str]:
    """Found by form, by label, in quotes, or as a name after a preposition: the first way that finds one counts."""
    words = frozenset(split(parameter.name))
    for form, pattern in _FORMS.items():
        if form in words:
            found = [match[0] for match in pattern.finditer(text)]
            return list(dict.fromkeys(found)) if form in _SEVERAL else found[:1] or _place(parameter)
    labelled, quoted = _labelled(parameter, text), _quoted(text)
    if labelled or quoted:
        return labelled or quoted
    if words & _CODED:
        listed = _CODES.search(text)
        return [code.lstrip("#") for code in _SEPARATOR.split(listed[0])] if listed else []
    if words & _FREE:
        return [text]
    named = _named(text)
    if named:
        return named
    return _place(parameter) or (_last_words(text) if words & _PLACE else [])


def _labelled(parameter: Parameter, text: str) -> list[str]:
    label = re.escape(" ".join(split(parameter.name)))
    pattern = rf"\b{label}\s*(?:is|=|:|#|number|named|called)?\s*[#:=]?\s*([\w@./-]*[A-Z\d][\w@./-]*)"
    return list(dict.fromkeys(found[1].rstrip(".?!") for found in re.finditer(pattern, text)))


def _quoted(text: str) -> list[str]:
    return [next(group for group in match.groups() if group) for match in _QUOTED.finditer(text)]


def _place(parameter: Parameter) -> list[str]:
    return [place_for(parameter)] if parameter.name.lower() in {"folder", "dir", "directory", "root", "glob"} else []


def _named(text: str) -> list[str]:
    """Every name that comes after the same preposition as the first one; else the first that comes after none."""
    by_word: dict[str, list[str]] = {}
    for match in _AFTER.finditer(text):
        names: list[str] = [name for name in _SEPARATOR.split(match[2].rstrip("?.!")) if name.lower() not in _CALENDAR]
        by_word.setdefault(match[1].lower(), []).extend(names)
    found = next((names for names in by_word.values() if names), list[str]())
    if not found and (loose := _ANY_PROPER.search(text)) is not None:
        found = list[str](_SEPARATOR.split(loose[1].rstrip("?.!")))
    return list(dict.fromkeys(found))


def _last_words(text: str) -> list[str]:
    """Words in lower case, one or two after a preposition, in the last list of the text."""
    found = _LAST_LIST.search(text)
    words: list[str] = _LAST_SEPARATOR.split(found[1]) if found else []
    return [word for word in words if word and not set(word.lower().split()) & STOP]
