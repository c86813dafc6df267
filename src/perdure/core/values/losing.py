"""Types whose values may lose something on their way back, and the check that refuses such a value.

Most types lose nothing, and cost nothing here. A pydantic model, a TypedDict, a class with a `__post_init__` (which is
called again) and a union that msgspec does not take are read back and compared each time; another dataclass or msgspec
object only where its class has subclasses.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator

import msgspec

from perdure.core.guarding import said
from perdure.core.values.comparing import difference
from perdure.core.values.fields import is_model_type
from perdure.core.values.forms import OneOf, Rebuilt, form_of, shape_of
from perdure.core.values.reading import reader
from perdure.core.values.storable import children
from perdure.core.values.value import Value
from perdure.errors import NotStorable


class LossCheck:
    """The check of one annotation."""

    __slots__ = ("_always", "_classes", "_exact", "_reader", "_strict")

    def __init__(self, as_: Value, kinds: tuple[type, ...], *, strict: bool) -> None:
        self._reader = reader(form_of(as_))
        self._strict = strict
        self._always = strict or any(map(_may_always_lose, kinds))
        self._classes = kinds
        self._exact = as_ if is_model_type(as_) else None  # its own encoding has compared it

    def check(self, value: Value, data: bytes, field: str) -> None:
        """Refuse a value that `data`, its stored form, does not bring back. Raises: NotStorable with the path."""
        if self._may_lose(value):
            try:
                back = self._reader.decode(data)
            except Exception as error:  # a `__post_init__` or a validator is the user's, and may raise anything
                raise NotStorable(field, f"it can't be read back: {said(error)}") from None
            self._compare(value, back, field)

    def compare(self, value: Value, back: Value, field: str) -> None:
        """Refuse a value that does not come back equal. Raises: NotStorable with the path."""
        if self._may_lose(value):
            self._compare(value, back, field)

    def _may_lose(self, value: Value) -> bool:
        if type(value) is self._exact:
            return False
        return self._always or any(kind.__subclasses__() for kind in self._classes)

    def _compare(self, value: Value, back: Value, field: str) -> None:
        try:
            found = difference(value, back, field, strict=self._strict)
        except Exception as error:  # so may its `__eq__`
            raise NotStorable(field, f"it can't be compared with what would come back: {said(error)}") from None
        if found:
            raise NotStorable(*found)


def loss_check(as_: Value) -> LossCheck | None:
    """The check of an annotation that has a stored form; None where nothing can be lost."""
    try:
        return _cached_check(as_)
    except TypeError:  # an annotation that can't be hashed
        return _check(as_)


def _check(as_: Value) -> LossCheck | None:
    kinds = frozenset(_kinds(msgspec.inspect.type_info(form_of(as_)), ()))
    strict = any(issubclass(kind, OneOf | Rebuilt) for kind in kinds)
    return LossCheck(as_, tuple(kinds), strict=strict) if kinds else None


_cached_check = functools.lru_cache(maxsize=1024)(_check)


def _kinds(info: Value, above: tuple[Value, ...]) -> Iterator[type]:
    """The classes in an annotation whose objects may lose something."""
    kind: Value = getattr(info, "cls", None)
    if isinstance(kind, type) and kind is not object and kind not in above:
        if isinstance(info, msgspec.inspect.CustomType) or getattr(info, "fields", None) is not None:
            yield kind
        inner_above: tuple[Value, ...] = (*above, kind)
        inside = (field.type for field in getattr(info, "fields", ()))
        if issubclass(kind, OneOf):
            inside = map(msgspec.inspect.type_info, kind.members)
        elif issubclass(kind, Rebuilt):
            inside = iter((msgspec.inspect.type_info(shape_of(kind)),))
        for one in inside:
            yield from _kinds(one, inner_above)
    for inner in children(info):
        yield from _kinds(inner, above)


def _may_always_lose(kind: Value) -> bool:
    return is_model_type(kind) or issubclass(kind, dict) or hasattr(kind, "__post_init__")
