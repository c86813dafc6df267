"""JSON values of unknown origin, told apart for the type checker too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeGuard


def is_record(value: object) -> TypeGuard[Mapping[str, object]]:
    """Whether a value is an object; the keys of JSON are strings."""
    return isinstance(value, Mapping)


def is_list(value: object) -> TypeGuard[Sequence[object]]:
    """Whether a value is an array."""
    return isinstance(value, list | tuple)


def strings_of(value: object) -> list[str] | None:
    """The items of an array that has only strings, and has some."""
    if not is_list(value):
        return None
    texts = [item for item in value if isinstance(item, str)]
    return texts if texts and len(texts) == len(value) else None


MAX_DEPTH = 100
"""How deep what is sent to a model may be nested: the least that an SDK or a provider takes."""


def depth_of(value: object) -> int:
    """How many levels of arrays and objects a value has; 0 for what is neither."""
    deepest, level = 0, [value]
    while level := [one for one in level if is_record(one) or is_list(one)]:
        deepest += 1
        level = [inner for one in level for inner in (one.values() if is_record(one) else one if is_list(one) else ())]
    return deepest
