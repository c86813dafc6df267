"""Words of a question and of code, made comparable."""

from __future__ import annotations

import re
from functools import lru_cache

_STOP = """
    a about above after again against all also am an and any are aren't as at be been before being below between
    both but by can can't could describe did didn't do does doesn't doing don't done each else ever every exactly
    explain few find for from further get gets give given go goes had has have having he hello her here hers hey hi
    him his how i if in into is isn't it its itself just kind know let like located look made make makes many may me
    might mine more most much must my need needs no nor not now of off often on one only or other our out over
    own please put really same say says see shall she should show so some such take takes tell than thanks that the
    their them then there these they thing things this those through to too under until up upon us use used uses
    using very want was way we were what what's when where where's which while who whom whose why will with within
    without work works would yes you your
"""
STOP = frozenset(_STOP.split())

# Groups of words that code spells in more than one way.
_ALIKE = (
    "maximum max most longest largest upper limit",
    "minimum min least smallest lower",
    "length len size long bytes",
    "duration second period interval timeout ms long",
    "number count num total",
    "configuration config settings options setting",
    "directory dir folder",
    "parameter param argument arg",
    "message msg",
    "delete remove drop discard",
    "create make new build open",
    "initialise initialize init",
    "error exception raise raised",
    "descriptor fd",
    "identifier id",
    "database db",
    "connection conn connect",
    "timeout deadline expire expiry",
    "attempt retry try",
    "interval period pause delay wait sleep",
    "millisecond ms",
    "second sec",
    "write append save store put",
    "read load fetch",
    "split separate partition",
    "join merge combine",
    "begin start",
    "parse decode deserialize",
    "format encode serialize dump",
    "end stop finish close",
    "compare equal eq",
    "duplicate same twice",
    "weight weigh heavy kg kilogram",
)

_WORD = re.compile(r"[A-Z]{2,}s(?![A-Za-z])|[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")
_MIN_STEM = 3
_SAME = 1.0
_RELATED = 0.7
_COMPOUND = 0.6
_ALIAS = 0.55
_MIN_SHARED = 4
_MIN_SHARE, _MIN_SHARE_OF_LONG = 0.6, 0.5
_LONG = 6


def split(text: str) -> tuple[str, ...]:
    """The words of a text, identifiers taken apart, in lower case and in order."""
    return tuple(word.lower() for word in _WORD.findall(text))


@lru_cache(maxsize=8192)
def stem(word: str) -> str:
    """A word without its plural, past or present ending; short words stay."""
    if word.endswith("ies") and len(word) > _MIN_STEM + 1:
        word = word[:-3] + "y"
    elif re.search(r"(?:s|x|z|ch|sh)es$", word):
        word = word[:-2]
    elif word.endswith("s") and not word.endswith(("ss", "us", "is")) and len(word) > _MIN_STEM:
        word = word[:-1]
    for ending in ("ing", "ed"):
        rest = word.removesuffix(ending)
        if rest != word and len(rest) >= _MIN_STEM and re.search(r"[aeiouy]", rest):
            is_doubled = rest[-1] == rest[-2] and rest[-1] not in "sz"
            # cancelled is cancel, and called is call.
            word = rest[:-1] if is_doubled and (rest[-1] != "l" or len(re.findall(r"[aeiou]+", rest)) > 1) else rest
            break
    return word[:-1] if word.endswith("e") and len(word) > _MIN_STEM else word


_GROUPS: dict[str, tuple[int, ...]] = {}
for _number, _group in enumerate(_ALIKE):
    for _each in _group.split():
        _GROUPS[stem(_each)] = (*_GROUPS.get(stem(_each), ()), _number)


def likeness(one: str, other: str) -> float:
    """How much two words mean the same, from 0 to 1."""
    a, b = stem(one), stem(other)
    if a == b:
        return _SAME
    shared = next((n for n, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
    if shared >= _MIN_SHARED and shared >= (_MIN_SHARE_OF_LONG if shared >= _LONG else _MIN_SHARE) * max(
        len(a), len(b)
    ):
        return _RELATED
    if min(len(a), len(b)) >= _MIN_SHARED and (b.startswith(a) or b.endswith(a)):
        return _COMPOUND
    return _ALIAS if set(_GROUPS.get(a, ())) & set(_GROUPS.get(b, ())) else 0.0


def alike(word: str) -> tuple[str, ...]:
    """The other spellings of a word, for a second search."""
    groups = _GROUPS.get(stem(word), ())
    spelled = [other for group in groups for other in _ALIKE[group].split() if stem(other) != stem(word)]
    return tuple(dict.fromkeys(spelled))
