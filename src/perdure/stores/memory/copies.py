"""Records are frozen, but what they hold of plain JSON is not: a copy goes in, and a copy comes out."""

from __future__ import annotations

from operator import is_
from typing import TypeVar, cast

import msgspec

T = TypeVar("T")

_SHARED = frozenset({type(None), bool, int, float, str, bytes})


def detached(value: T) -> T:
    """The value, sharing nothing that can be changed; collections inside records as JSON makes them."""
    return cast("T", _detached(value))


def _detached(value: object) -> object:
    if isinstance(value, msgspec.Struct):
        changed = dict[str, object]()
        for name in value.__struct_fields__:
            field: object = getattr(value, name)
            if type(field) not in _SHARED and (copy := _detached(field)) is not field:
                changed[name] = copy
        return msgspec.structs.replace(value, **changed) if changed else value
    if isinstance(value, dict | list):
        return msgspec.json.decode(msgspec.json.encode(value))
    if isinstance(value, tuple):
        given = cast("tuple[object, ...]", value)
        copies = tuple([_detached(one) for one in given])
        return given if all(map(is_, copies, given)) else copies
    return value
