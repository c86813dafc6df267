"""Which part of a value has no stored or no canonical form, and why."""

from __future__ import annotations

import math
from typing import cast

import msgspec

from perdure.core.values.dict_keys import key_offender
from perdure.core.values.fields import NEVER_STORED, fields_of, is_model, is_secret_type
from perdure.core.values.models import stored
from perdure.core.values.value import INT_MAX, INT_MIN, NESTING, Loss, Value

_native = msgspec.json.Encoder()
_SHOWN_BITS = 1024


def find_offender(value: Value, field: str, *, plain: bool = False) -> Loss | None:
    """The path and the reason of the first part that has no stored form, or None.

    Shape: with `plain`, what canonical JSON can't carry counts as well (sets, keys that are no text, any class).
    """
    return _offender(value, field, (), plain=plain)


def _offender(value: Value, path: str, above: tuple[int, ...], *, plain: bool) -> Loss | None:
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, str):
        return _text_offender(value, path)
    if isinstance(value, int):
        return None if INT_MIN <= value <= INT_MAX else (path, f"the integer {_shown(value)} is beyond 64 bits")
    if isinstance(value, float):
        return None if math.isfinite(value) else (path, f"{value} has no JSON form")
    if id(value) in above:
        return path, "it contains itself"
    if len(above) > NESTING:
        return path, f"it is nested deeper than {NESTING}"
    if isinstance(value, dict):
        return _dict_offender(value, path, (*above, id(value)), plain=plain)  # pyright: ignore[reportUnknownArgumentType] - any dict
    if plain and isinstance(value, set | frozenset):
        return path, "a set has no canonical form"
    if isinstance(value, list | tuple | set | frozenset):
        inner = (*above, id(value))  # pyright: ignore[reportUnknownArgumentType] - any collection
        items = enumerate(cast("list[Value]", value))
        found = (_offender(item, f"{path}[{n}]", inner, plain=plain) for n, item in items)
        return next(filter(None, found), None)
    return (path, f"{type(value).__name__} has no canonical form") if plain else _object_offender(value, path, above)


def _shown(value: int) -> str:
    """Its digits; of one that is so long that Python makes no text of it, how long it is."""
    return str(value) if value.bit_length() <= _SHOWN_BITS else f"of {value.bit_length()} bits"


def _text_offender(value: str, path: str) -> Loss | None:
    try:
        value.encode()
    except UnicodeEncodeError:
        return path, "the text holds a lone surrogate"
    return None


def _dict_offender(value: dict[Value, Value], path: str, above: tuple[int, ...], *, plain: bool) -> Loss | None:
    for key, item in value.items():
        if plain and not isinstance(key, str):
            return path, f"the key {key!r} is not text"
        of_key = _offender(key, path, above, plain=plain)
        if of_key:
            return path, f"the key {key!r}: {of_key[1]}"
        found = _offender(item, f"{path}.{key}", above, plain=plain)
        if found:
            return found
    return key_offender(value, path)


def _object_offender(value: Value, path: str, above: tuple[int, ...]) -> Loss | None:
    if is_secret_type(type(value)):
        return path, NEVER_STORED
    if is_model(value):
        data, loss = stored(value, path)
        if loss is None:
            return _offender(data, path, (*above, id(value)), plain=False)
        return loss if loss[0] != path else _field_offender(value, path, above) or loss
    if fields_of(value) is not None:
        return _field_offender(value, path, above)
    try:
        _native.encode(value)
    except (TypeError, ValueError, RecursionError, OverflowError, NotImplementedError):
        return path, f"{type(value).__name__} has no stored form; return plain data, a dataclass or a model"
    return None


def _field_offender(value: Value, path: str, above: tuple[int, ...]) -> Loss | None:
    inner, fields = (*above, id(value)), fields_of(value) or {}
    found = (_offender(one, f"{path}.{name}", inner, plain=False) for name, one in fields.items())
    return next(filter(None, found), None)
