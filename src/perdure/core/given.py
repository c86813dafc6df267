"""Arguments as a user gives them, checked at the call: what is refused is named, with what it should be."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TypeVar, cast

from perdure.core.annotations import called, name_of
from perdure.core.guarding import exact, guarded
from perdure.core.ids import check_id
from perdure.core.values import Value, decode_strict, encode, plain
from perdure.errors import InputError, NotStorable

T = TypeVar("T")

LONGEST = 80
"""Units: characters of a value in a message."""
MOST = 2**63 - 1
"""What every store can count to."""


def given_text(field: str, value: object) -> str:
    """A text that every store can keep. Raises: InputError, NotStorable, TooLarge."""
    if not isinstance(value, str):
        raise InputError(field, f"a text, not {in_words(value)}")
    encode(value, field)
    return value


def given_id(field: str, value: object) -> str | None:
    """An id, or None. Raises: IdInvalid."""
    return None if value is None else check_id(field, value)


def given_number(field: str, value: object, *, least: int = 0) -> int:
    """A whole number that every store can count to. Raises: InputError."""
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= MOST:
        raise InputError(field, f"a whole number from {least} on, not {in_words(value)}")
    return value


def given_record(field: str, value: object) -> dict[str, Value]:
    """A mapping of names to what JSON can hold, as plain data; empty for None. Raises: InputError, NotStorable."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise InputError(field, f"a dict, not {in_words(value)}")
    pairs = dict(cast("Mapping[object, Value]", value))
    for name in pairs:
        if not isinstance(name, str):
            raise NotStorable(field, f"its keys are texts, not {in_words(name)}")
    return plain(pairs, field)


def given_several(field: str, value: object, known: Collection[str]) -> tuple[str, ...]:
    """Some of the known words. Raises: InputError, also for one word that is not in a collection."""
    if isinstance(value, str) or not isinstance(value, Collection):
        raise InputError(field, f"a tuple of {', '.join(sorted(known))}, not {in_words(value)}")
    words = tuple(cast("Collection[object]", value))
    for word in words:
        if word not in known:
            raise InputError(field, f"each is one of {', '.join(sorted(known))}, not {in_words(word)}")
    return cast("tuple[str, ...]", words)


def given_record_of(field: str, value: object, kind: type[T]) -> T:
    """A record of a class of perdure's, whose fields have their types. Raises: InputError, NotStorable, TooLarge."""
    if not isinstance(value, kind):
        raise InputError(field, f"a {kind.__name__}, not {in_words(value)}")
    decode_strict(encode(value, field), kind, field)
    return value


def in_words(value: object) -> str:
    """A value in a message: a function by its name, anything else in few characters."""
    if of := called(value):
        return f"a coroutine; pass {of} uncalled"
    if isinstance(value, type) or hasattr(value, "__code__"):
        return name_of(cast("Value", value))
    text = guarded(lambda: exact(repr(value)), lambda _: f"a {type(value).__name__}")
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
