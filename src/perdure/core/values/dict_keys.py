"""Keys of dicts: JSON has text only, so two keys may have the same stored form, and some have none."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

import msgspec

from perdure.core.values.fields import fields_of
from perdure.core.values.value import Loss, Value

_TEXT = {str}
_SEVERAL = (list, tuple, set, frozenset)
_WITHOUT_KEYS = {str, int, float, bool, type(None), bytes}
_NO_KEYS = (
    msgspec.inspect.BoolType,
    msgspec.inspect.NoneType,
    msgspec.inspect.CollectionType,
    msgspec.inspect.TupleType,
    msgspec.inspect.StructType,
    msgspec.inspect.DataclassType,
    msgspec.inspect.NamedTupleType,
)
_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder()
NO_FORM = "a key is text, a number, bytes, a date, a time, a UUID or an enum"


def has_other_keys(value: Value) -> bool:
    """Whether a dict in a value has keys that are not text. A level at a time: it is asked of every value."""
    level = [] if type(value) in _WITHOUT_KEYS else [value]
    while level:
        inside: list[Value] = []
        for one in level:
            if isinstance(one, dict):
                members = cast("dict[Value, Value]", one)
                if not _TEXT.issuperset(map(type, members)):
                    return True
                inside += members.values()
            else:
                inside += _inside(one)
        level = [one for one in inside if type(one) not in _WITHOUT_KEYS]
    return False


def _inside(value: Value) -> Iterable[Value]:
    if isinstance(value, _SEVERAL):
        return cast("Iterable[Value]", value)
    if isinstance(value, msgspec.Struct):
        try:
            return msgspec.structs.astuple(value)
        except AttributeError:  # a field is not set
            pass
    return (fields_of(value) or {}).values()


def key_offender(value: dict[Value, Value], path: str) -> Loss | None:
    """The path and the reason of a key that has no stored form, or the same one as another."""
    if {*map(type, value)} <= _TEXT:
        return None
    forms: dict[str, Value] = {}
    for key in value:
        try:
            (form,) = _decoder.decode(_encoder.encode({key: None}))
        except (TypeError, ValueError, RecursionError, OverflowError, NotImplementedError):
            return path, f"the key {key!r} has no stored form: {NO_FORM}"
        if form in forms:
            return path, f"the keys {forms[form]!r} and {key!r} have the same stored form"
        forms[form] = key
    return None


def is_no_key(info: Value) -> bool:
    """Whether no value of a type (msgspec's description of it) can be a key."""
    return isinstance(info, _NO_KEYS)
