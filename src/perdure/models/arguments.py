"""The arguments of a tool call, from the text that a model wrote.

Servers differ in how they write one JSON object: nothing, blanks or `null` for no arguments; the object as a JSON
string; the object twice, or an empty one before it. What can mean only one object is read as that object.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from math import isfinite

from perdure.core.text import well_formed_data
from perdure.models.shapes import MAX_DEPTH, depth_of, is_list, is_record

Arguments = dict[str, object]


def read_arguments(text: str) -> Arguments:
    """The one object that a text means. Raises: ValueError with the reason."""
    try:
        values = [value for value in _values(text) if value is not None]
        if len(values) == 1 and isinstance(values[0], str):
            values = [value for value in _values(values[0]) if value is not None]
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    objects = [dict(value) for value in values if is_record(value)]
    if len(objects) < len(values):
        raise ValueError("it is no object")
    distinct = [one for n, one in enumerate(objects) if one and one not in objects[:n]]
    if len(distinct) > 1:
        raise ValueError("it is more than one object")
    found = distinct[0] if distinct else {}
    if depth_of(found) > MAX_DEPTH:
        raise ValueError(_TOO_DEEP)
    if not _is_finite(found):
        raise ValueError("a number is too large")
    return well_formed_data(found)


def is_sendable(text: str) -> bool:
    """Whether a text is one JSON object as every provider reads it: the arguments of a call in a history."""
    try:
        value: object = json.loads(text, parse_constant=_refuse, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        return False
    if not is_record(value) or depth_of(value) > MAX_DEPTH or not _is_finite(value):
        return False
    return "\\u" not in text or well_formed_data(value) == value


_TOO_DEEP = f"it is nested deeper than {MAX_DEPTH}"


def _values(text: str) -> Iterator[object]:
    """The JSON values that stand one after the other in a text."""
    at, text = 0, text.strip()
    while at < len(text):
        value, end = _decoder.raw_decode(text, at)
        yield value
        at = end + len(text[end:]) - len(text[end:].lstrip())


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")


_decoder = json.JSONDecoder(parse_constant=_refuse)


def _once(pairs: list[tuple[str, object]]) -> Arguments:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key comes twice")
    return found


def _is_finite(value: object) -> bool:
    if is_record(value):
        return all(_is_finite(inner) for inner in value.values())
    if is_list(value):
        return all(_is_finite(inner) for inner in value)
    return not isinstance(value, float) or isfinite(value)
