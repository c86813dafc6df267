"""Reading what has a form of ours, and the plain data of what msgspec does not know."""

from __future__ import annotations

import dataclasses
import functools
import typing
from typing import cast

import msgspec

from perdure.core.values.fields import is_model_type
from perdure.core.values.forms import OneOf, is_stand_in, shape_of
from perdure.core.values.models import load, stored
from perdure.core.values.value import Decoder, Value

_sorted = msgspec.json.Encoder(order="sorted")


def reader(form: Value, *, strict: bool = False) -> Decoder:
    """The decoder of a form; a strict one lets models convert nothing, as msgspec does itself."""
    try:
        return _cached_reader(form, strict)
    except TypeError:  # a form that can't be hashed
        return _reader(form, strict)


def _reader(form: Value, strict: bool) -> Decoder:  # noqa: FBT001 - a key of the cache
    return msgspec.json.Decoder(form, dec_hook=strictly_from_plain if strict else from_plain)


_cached_reader = functools.lru_cache(maxsize=1024)(_reader)


def from_plain(kind: Value, data: Value, *, strict: bool = False) -> Value:
    """An object of a class that msgspec does not know, from plain JSON data."""
    if kind is object:
        return data
    if is_stand_in(kind):
        return (_choose if issubclass(kind, OneOf) else _rebuild)(kind, data, strict=strict)
    if is_model_type(kind):
        return load(kind, data, strict=strict)
    raise NotImplementedError


strictly_from_plain = functools.partial(from_plain, strict=True)


def to_plain(value: Value) -> Value:
    """The plain data of an object that msgspec does not know. Raises: ValueError where something would be lost."""
    if not is_model_type(type(value)):
        raise NotImplementedError
    data, loss = stored(value)
    if loss is not None:
        raise ValueError(": ".join(loss))
    return data


_encoder = msgspec.json.Encoder(enc_hook=to_plain, order="sorted")


def _choose(kind: Value, data: Value, *, strict: bool) -> Value:
    given, fitting, reasons = _sorted.encode(data), list[tuple[int, Value]](), list[str]()
    for member in kind.members:
        try:
            value = reader(member, strict=strict).decode(given)
        except (msgspec.ValidationError, NotImplementedError, ValueError) as error:
            reasons.append(str(error))
            continue
        rank = _rank(data, given, value)
        if rank == 0:
            return value
        fitting.append((rank, value))
    if not fitting:
        raise ValueError(f"it fits none of the union: {'; '.join(reasons)}")
    return min(fitting, key=lambda one: one[0])[1]


def _rank(data: Value, given: bytes, value: Value) -> int:
    """How much of the data a value keeps: all and nothing else, all, or not all."""
    try:
        again = _encoder.encode(value)
    except (TypeError, ValueError, NotImplementedError):
        return 2
    return 0 if again == given else 1 if _covers(msgspec.json.decode(again), data) else 2


def _covers(whole: Value, data: Value) -> bool:
    if isinstance(data, dict):
        pairs = cast("dict[str, Value]", data).items()
        return isinstance(whole, dict) and all(key in whole and _covers(whole[key], one) for key, one in pairs)
    if isinstance(data, list):
        items, others = cast("list[Value]", data), cast("list[Value]", whole)
        return isinstance(whole, list) and len(items) == len(others) and all(map(_covers, others, items))
    return True


def _rebuild(kind: Value, data: Value, *, strict: bool) -> Value:
    fields = shape_of(kind)
    read = msgspec.convert(data, fields, dec_hook=strictly_from_plain if strict else from_plain, str_keys=True)
    origin = typing.get_origin(kind.origin) or kind.origin
    made = object.__new__(origin)
    for field in dataclasses.fields(origin):
        value = getattr(read, field.name)
        if value is msgspec.UNSET:
            value = field.default_factory() if field.default_factory is not dataclasses.MISSING else field.default
        object.__setattr__(made, field.name, value)
    if hasattr(made, "__post_init__") and not _has_init_vars(origin):
        made.__post_init__()  # it may check what it is given, and msgspec calls it too
    return made


def _has_init_vars(origin: Value) -> bool:
    # dataclasses has no other word for them: they are parameters of __init__, and no fields
    known = {field.name for field in dataclasses.fields(origin)}
    return bool(set(origin.__dataclass_fields__) - known)
