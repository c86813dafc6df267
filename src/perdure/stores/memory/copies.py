"""Records are frozen, but what they hold of plain JSON is not: a copy goes in, and a copy comes out."""

from __future__ import annotations

from typing import TypeVar, cast

import msgspec

T = TypeVar("T")


def detached(value: T) -> T:
    """The value, sharing nothing that can be changed; collections inside records as JSON makes them."""
    return cast("T", _detached(value))


def _detached(value: object) -> object:
    if isinstance(value, dict | list):
        return msgspec.json.decode(msgspec.json.encode(value))
    if isinstance(value, tuple):
        return tuple(map(_detached, cast("tuple[object, ...]", value)))
    if isinstance(value, msgspec.Struct):
        fields = {name: getattr(value, name) for name in value.__struct_fields__}
        copies = {name: _detached(field) for name, field in fields.items()}
        changed = {name: copy for name, copy in copies.items() if copy is not fields[name]}
        return msgspec.structs.replace(value, **changed) if changed else value
    return value
