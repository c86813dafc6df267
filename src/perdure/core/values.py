"""Values come back as they were: the one rule at the door, the same in every store.

A value is encoded as JSON and decoded to an annotation, on the first execution too, so that a crash changes no type.
The forms: None, bool, int, float, str, list, dict as themselves; tuple, set and frozenset as lists; bytes as base64;
datetime, date, time and timedelta as ISO 8601; Decimal and UUID as text; an Enum as its value; dataclasses, msgspec
and pydantic models as objects. Without an annotation a value comes back as plain JSON. NaN and the infinities, cycles,
integers beyond 64 bits, lone surrogates and objects of any other class are refused.
"""

from __future__ import annotations

import functools
import logging
import math
import re
from typing import Any, TypeAlias, cast

import msgspec

from perdure.errors import InputError, NotStorable, TooLarge

MAX_VALUE_BYTES = 8 * 1024 * 1024

Value: TypeAlias = Any
"""Whatever user code passes in, returns, or gets back."""

Decoder: TypeAlias = "msgspec.json.Decoder[Any]"

_log = logging.getLogger("perdure.values")
_INT_MIN, _INT_MAX = -(2**63), 2**64 - 1
SAFE_INT = 2**53 - 1
_NESTING = 200
_NOT_FINITE = re.compile(rb"\xcb[\x7f\xff][\xf0-\xff]")
_LONG_NUMBER = re.compile(rb"\d{19}")


def _to_plain(value: Any) -> Any:
    dump = getattr(value, "model_dump", None)  # pydantic's protocol, without importing pydantic
    if dump is not None and not isinstance(value, type):
        return dump(mode="json")
    raise NotImplementedError


def _from_plain(kind: type, value: Any) -> Any:
    validate = getattr(kind, "model_validate", None)
    if validate is None:
        raise NotImplementedError
    return validate(value)


_encoder = msgspec.json.Encoder(enc_hook=_to_plain)
_packer = msgspec.msgpack.Encoder(enc_hook=_to_plain)
_plain_decoder = msgspec.json.Decoder()


def encode(value: Any, field: str = "value", limit: int = MAX_VALUE_BYTES) -> bytes:
    """The stored form of a value.

    Raises: NotStorable with the path of what has no form; TooLarge over the limit (bytes).
    """
    try:
        data = _encoder.encode(value)
    except (TypeError, ValueError, RecursionError, OverflowError, NotImplementedError) as error:
        raise NotStorable(*(find_offender(value, field) or (field, str(error)))) from None
    if len(data) > limit:
        raise TooLarge(field, len(data), limit)
    # msgspec writes NaN as null, and integers of any size, without a word: look where they could be
    if len(data) < len(b"null"):
        return data
    if (b"null" in data and value is not None and _hides_a_float(value)) or _LONG_NUMBER.search(data):
        offender = find_offender(value, field)
        if offender:
            raise NotStorable(*offender)
    return data


def _hides_a_float(value: Any) -> bool:
    """Whether one of the nulls may have been a NaN or an infinity: in MessagePack their bits show."""
    try:
        return _NOT_FINITE.search(_packer.encode(value)) is not None
    except (TypeError, ValueError, OverflowError):
        return True  # it has a JSON form only: look closely


def decode(data: bytes, as_: Any = None) -> Any:
    """A stored value as `as_` says, or as plain JSON where it says nothing.

    A value that does not fit the annotation comes back as plain JSON, with a warning: its effect has happened, and
    an annotation that is wrong must not make it happen again.
    """
    return decode_by(data, _plain_decoder if as_ is None else decoder(as_))


def decode_by(data: bytes, how: Decoder) -> Any:
    """A stored value by a decoder that is known, as `decode` does it."""
    try:
        return how.decode(data)
    except (msgspec.ValidationError, NotImplementedError, ValueError) as error:
        _log.warning("a stored value does not fit %r (%s); it comes back as plain JSON", how.type, error)
        return _plain_decoder.decode(data)


def decode_strict(data: bytes, as_: Any, field: str) -> Any:
    """A value from outside as `as_` says.

    Raises: InputError where it does not fit.
    """
    try:
        return decoder(as_).decode(data)
    except (msgspec.ValidationError, NotImplementedError, ValueError) as error:
        raise InputError(field, str(error)) from None


def convert(value: Any, as_: Any, field: str) -> Any:
    """Plain JSON data as `as_` says.

    Raises: InputError where it does not fit.
    """
    try:
        return msgspec.convert(value, as_, dec_hook=_from_plain, str_keys=True)
    except (msgspec.ValidationError, NotImplementedError, ValueError) as error:
        raise InputError(field, str(error)) from None


@functools.lru_cache(maxsize=1024)
def _cached_decoder(as_: Any) -> Decoder:
    return msgspec.json.Decoder(as_, dec_hook=_from_plain)


def decoder(as_: Any) -> Decoder:
    """The decoder of an annotation, made once."""
    try:
        return _cached_decoder(as_)
    except TypeError:  # an annotation that can't be hashed
        return msgspec.json.Decoder(as_, dec_hook=_from_plain)


def check_storable(as_: Any, field: str) -> None:
    """Refuse a type without a stored form before the effect that would return one.

    Raises: NotStorable.
    """
    reason = unstorable(as_)
    if reason:
        raise NotStorable(field, reason)


def _reason(as_: Any) -> str:
    try:
        decoder(as_)
        info = msgspec.inspect.type_info(as_)
    except (TypeError, NotImplementedError) as error:
        return str(error)
    found = _customs(info)
    unknown = [kind.__name__ for kind in found if not hasattr(kind, "model_validate")]
    return f"{unknown[0]} has no stored form; return plain data, a dataclass or a model" if unknown else ""


@functools.lru_cache(maxsize=1024)
def _cached_reason(as_: Any) -> str:
    return _reason(as_)


def unstorable(as_: Any) -> str:
    """Why a type has no stored form; empty where it has one."""
    try:
        return _cached_reason(as_)
    except TypeError:
        return _reason(as_)


def _customs(info: Any) -> list[type]:
    if isinstance(info, msgspec.inspect.CustomType):
        return [info.cls]
    found = list[type]()
    for name in ("item_type", "key_type", "value_type", "item_types", "types"):
        children: Any = getattr(info, name, ())
        for one in cast("tuple[Any, ...]", children) if isinstance(children, tuple) else (children,):
            found += _customs(one)
    return found


def find_offender(value: Any, field: str, *, plain: bool = False) -> tuple[str, str] | None:
    """The path and the reason of the first part that has no stored form, or None.

    Shape: with `plain`, what canonical JSON can't carry counts as well (integers beyond 2^53 - 1, other classes).
    """
    return _offender(value, field, (), plain=plain)


def _offender(value: Any, path: str, above: tuple[int, ...], *, plain: bool) -> tuple[str, str] | None:
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, str):
        return _text_offender(value, path)
    if isinstance(value, int):
        fits = -SAFE_INT <= value <= SAFE_INT if plain else _INT_MIN <= value <= _INT_MAX
        return None if fits else (path, f"the integer {value} is beyond {'2^53 - 1' if plain else '64 bits'}")
    if isinstance(value, float):
        return None if math.isfinite(value) else (path, f"{value} has no JSON form")
    if id(value) in above:
        return path, "it contains itself"
    if len(above) > _NESTING:
        return path, f"it is nested deeper than {_NESTING}"
    if isinstance(value, dict):
        return _dict_offender(value, path, (*above, id(value)), plain=plain)  # pyright: ignore[reportUnknownArgumentType] - any dict
    if plain and isinstance(value, set | frozenset):
        return path, "a set has no canonical form"
    if isinstance(value, list | tuple | set | frozenset):
        inner = (*above, id(value))  # pyright: ignore[reportUnknownArgumentType] - any collection
        items = enumerate(cast("list[Any]", value))
        found = (_offender(item, f"{path}[{n}]", inner, plain=plain) for n, item in items)
        return next(filter(None, found), None)
    return (path, f"{type(value).__name__} has no canonical form") if plain else _object_offender(value, path, above)


def _text_offender(value: str, path: str) -> tuple[str, str] | None:
    try:
        value.encode()
    except UnicodeEncodeError:
        return path, "the text holds a lone surrogate"
    return None


def _dict_offender(value: dict[Any, Any], path: str, above: tuple[int, ...], *, plain: bool) -> tuple[str, str] | None:
    for key, item in value.items():
        if plain and not isinstance(key, str):
            return path, f"the key {key!r} is not text"
        found = _offender(item, f"{path}.{key}", above, plain=plain)
        if found:
            return found
    return None


def _object_offender(value: Any, path: str, above: tuple[int, ...]) -> tuple[str, str] | None:
    fields = getattr(value, "__struct_fields__", None) or tuple(getattr(value, "__dataclass_fields__", ()))
    if fields:
        inner = (*above, id(value))
        found = (_offender(getattr(value, name, None), f"{path}.{name}", inner, plain=False) for name in fields)
        return next(filter(None, found), None)
    try:
        _encoder.encode(value)
    except (TypeError, ValueError, RecursionError, OverflowError, NotImplementedError):
        return path, f"{type(value).__name__} has no stored form; return plain data, a dataclass or a model"
    return None


def plain(value: Any, field: str = "value", limit: int = MAX_VALUE_BYTES) -> Any:
    """A value as plain JSON data: what a reader without the annotation would get."""
    return _plain_decoder.decode(encode(value, field, limit))
