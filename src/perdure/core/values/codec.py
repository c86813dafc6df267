"""Values to JSON and back."""

from __future__ import annotations

import re
from collections.abc import Callable

import msgspec

from perdure.core.guarding import exact, guarded, is_of, said
from perdure.core.values import models
from perdure.core.values.dict_keys import has_other_keys
from perdure.core.values.fields import find_secret, is_model_type
from perdure.core.values.forms import form_of
from perdure.core.values.offenders import find_offender
from perdure.core.values.reading import from_plain, reader, strictly_from_plain, to_plain
from perdure.core.values.value import MAX_VALUE_BYTES, Decoder, Loss, Value
from perdure.errors import InputError, NotStorable, TooLarge

_SAYING = (TypeError, ValueError, RecursionError, OverflowError, NotImplementedError)
"""What msgspec raises itself."""

_NOT_FINITE = re.compile(rb"\xcb[\x7f\xff][\xf0-\xff]")
_LONG_NUMBER = re.compile(rb"\d{19}")
_WHERE = re.compile(r" - at `(?:key in )?\$([^`]*)`$")


def _to_shown(value: Value) -> Value:
    if not is_model_type(type(value)):
        raise NotImplementedError
    return models.shown(value)


_encoder = msgspec.json.Encoder(enc_hook=to_plain)
_shower = msgspec.json.Encoder(enc_hook=_to_shown)
_packer = msgspec.msgpack.Encoder(enc_hook=to_plain)
_plain_decoder = msgspec.json.Decoder()


def encode(value: Value, field: str = "value", limit: int = MAX_VALUE_BYTES) -> bytes:
    """The stored form of a value.

    Raises: NotStorable with the path of what has no form; TooLarge over the limit (bytes).
    """
    try:
        data = _encoder.encode(value)
    except Exception as error:  # serializers are the user's, and may raise anything
        raise NotStorable(*_offender(value, field, error)) from None
    if len(data) > limit:
        raise TooLarge(field, len(data), limit)
    # msgspec writes NaN as null, and integers of any size, without a word: look where they could be
    if len(data) < len(b"null"):
        return data
    if has_other_keys(value):
        offender = find_offender(value, field)
        if offender:
            raise NotStorable(*offender)
    if (b"null" in data and value is not None and _hides_a_float(value)) or _LONG_NUMBER.search(data):
        offender = guarded(lambda: find_offender(value, field), lambda error: (field, said(error)))
        if offender:
            raise NotStorable(*offender)
    return data


def _offender(value: Value, field: str, error: Exception) -> Loss:
    """The path of what has no form, and why; where it can't be searched for, what was said of the whole."""
    found = guarded(lambda: find_offender(value, field), lambda _: None)
    return found or (field, _reason(error))


def _reason(error: Exception) -> str:
    """What is wrong, as msgspec says it; with the class's name where code of the user's has raised it."""
    return guarded(lambda: exact(str(error)), lambda _: "") if is_of(error, *_SAYING) else said(error)


def _hides_a_float(value: Value) -> bool:
    """Whether one of the nulls may have been a NaN or an infinity: in MessagePack their bits show."""
    if is_model_type(type(value)):
        return False  # its null was compared with what it holds
    try:
        return _NOT_FINITE.search(_packer.encode(value)) is not None
    except Exception:  # the user's serializers again
        return True  # it has a JSON form only: look closely


def decode(data: bytes, as_: Value = None, field: str = "value") -> Value:
    """A stored value as `as_` says, or as plain JSON where it says nothing.

    Raises: InputError where it does not fit: its class has changed since, or the annotation was never right.
    """
    return decode_by(data, _plain_decoder if as_ is None else decoder(as_), field)


def decode_by(data: bytes, how: Decoder, field: str = "value") -> Value:
    """A stored value by a decoder that is known, as `decode` does it."""
    try:
        return how.decode(data)
    except Exception as error:  # a `__post_init__` or a validator is the user's, and may raise anything
        raise _misfit(error, field) from None


def decode_strict(data: bytes, as_: Value, field: str) -> Value:
    """A value from outside as `as_` says.

    Raises: InputError where it does not fit.
    """
    return decode_by(data, decoder(as_), field)


def convert(value: Value, as_: Value, field: str, *, strict: bool = False) -> Value:
    """Plain JSON data as `as_` says.

    Shape: with `strict`, models convert nothing either: not true to 1, not "1" to 1.
    Raises: InputError where it does not fit.
    """
    form = form_of(as_)
    try:
        return msgspec.convert(value, form, dec_hook=strictly_from_plain if strict else from_plain, str_keys=True)
    except TypeError as error:
        raise NotStorable(field, f"its type has no stored form: {error}") from None
    except Exception as error:  # as `decode_by`
        raise _misfit(error, field) from None


def _misfit(error: Exception, field: str) -> InputError:
    """What msgspec says; its place is the field's path."""
    reason = _reason(error)
    found = _WHERE.search(reason)
    return InputError(f"{field}{found[1]}", _WHERE.sub("", reason)) if found else InputError(field, reason)


def decoder(as_: Value) -> Decoder:
    """The decoder of an annotation, made once. Raises: TypeError where it has no stored form."""
    return reader(form_of(as_))


def plain(value: Value, field: str = "value", limit: int = MAX_VALUE_BYTES) -> Value:
    """A value as plain JSON data: what a reader without the annotation would get."""
    return _plain_decoder.decode(encode(value, field, limit))


def shown(
    value: Value, field: str = "value", limit: int = MAX_VALUE_BYTES, mend: Callable[[Value], Value] | None = None
) -> Value:
    """A value as plain JSON data for a reader that never makes the value of it: models with their computed fields.

    Shape: where it can't be encoded, `mend` is given its plain data, and may give better data.
    Raises: as `encode`.
    """
    try:
        data = encode(value, field, limit)
    except NotStorable:
        value = _mended(value, mend)
        data = encode(value, field, limit)
    if not (value is None or isinstance(value, bool | int | float | str)):
        data = _shower.encode(value)
        if len(data) > limit:
            raise TooLarge(field, len(data), limit)
    return _plain_decoder.decode(data)


def _mended(value: Value, mend: Callable[[Value], Value] | None) -> Value:
    """The value's plain data, mended; the value itself where that does not help."""
    if mend is None or find_secret(value, ""):
        return value
    try:
        data = msgspec.to_builtins(value, enc_hook=_to_shown, str_keys=True)
        mended = mend(data)
    except Exception:  # the user's serializers again
        return value
    return value if mended == data else mended
