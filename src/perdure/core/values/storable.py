"""Which types have no stored form, seen before the effect that would return one."""

from __future__ import annotations

import functools
import typing
from collections.abc import Iterator
from typing import NamedTuple, cast

import msgspec

from perdure.core.values.dict_keys import NO_FORM, is_no_key
from perdure.core.values.fields import NEVER_STORED, is_model_type, is_secret_type
from perdure.core.values.forms import OneOf, Rebuilt, form_of, shape_of
from perdure.core.values.reading import reader
from perdure.core.values.value import Value
from perdure.errors import NotStorable

_CONTAINERS = ("item_type", "key_type", "value_type", "item_types", "types")


class Obstacle(NamedTuple):
    """Why a type has no stored form; the path leads to the field of it that has none."""

    path: str
    reason: str


def check_storable(as_: Value, field: str, *, secrets: bool = False) -> None:
    """Refuse a type without a stored form before the effect that would return one.

    Shape: a field that may be None is judged by its value later, but for a secret where `secrets` is true.
    Raises: NotStorable.
    """
    found = obstacle(as_, secrets=secrets)
    if found:
        raise NotStorable(f"{field}{found.path}", found.reason)


def obstacle(as_: Value, *, secrets: bool = False) -> Obstacle | None:
    """What keeps a type from having a stored form; None where it has one."""
    try:
        return _cached_obstacle(as_, secrets)
    except TypeError:
        return _obstacle(as_, secrets)


def secret_in(as_: Value) -> Obstacle | None:
    """The first secret in a type, whether or not all of the type has a stored form."""
    try:
        found = _obstacles(msgspec.inspect.type_info(form_of(as_)), "", secrets=True, above=())
        return next((one for one in found if one.reason == NEVER_STORED), None)
    except (TypeError, NotImplementedError, NameError, AttributeError, RecursionError):
        return None


def _obstacle(as_: Value, secrets: bool) -> Obstacle | None:  # noqa: FBT001 - a key of the cache
    try:
        form = form_of(as_)
        reader(form)
        info = msgspec.inspect.type_info(form)
        return next(_obstacles(info, "", secrets=secrets, above=()), None)
    except (TypeError, NotImplementedError, NameError, AttributeError, RecursionError) as error:
        return Obstacle("", f"{_name(as_)} has no stored form: {error}")


_cached_obstacle = functools.lru_cache(maxsize=1024)(_obstacle)


def _name(as_: Value) -> str:
    return as_.__name__ if isinstance(as_, type) else str(as_)


def _obstacles(info: Value, path: str, *, secrets: bool, above: tuple[Value, ...]) -> Iterator[Obstacle]:
    if isinstance(info, msgspec.inspect.CustomType):
        yield from _of_class(info.cls, path, secrets=secrets, above=above)
    if isinstance(info, msgspec.inspect.DictType) and is_no_key(info.key_type):
        yield Obstacle(path, f"its keys have no stored form: {NO_FORM}")
    for inner in children(info):
        yield from _obstacles(inner, path, secrets=secrets, above=above)
    kind = getattr(info, "cls", None)
    if kind is not None and kind not in above:
        for field in getattr(info, "fields", ()):
            if secrets or not _may_be_none(field.type):
                yield from _obstacles(field.type, f"{path}.{field.name}", secrets=secrets, above=(*above, kind))


def _of_class(kind: Value, path: str, *, secrets: bool, above: tuple[Value, ...]) -> Iterator[Obstacle]:
    if kind is object or kind in above:
        return
    if is_secret_type(kind):
        yield Obstacle(path, NEVER_STORED)
    elif is_model_type(kind):
        for name, field in kind.model_fields.items():
            yield from _in_hint(field.annotation, f"{path}.{name}", secrets=secrets, above=(*above, kind))
    elif isinstance(kind, type) and issubclass(kind, OneOf):
        for member in kind.members:
            yield from _obstacles(msgspec.inspect.type_info(member), path, secrets=secrets, above=(*above, kind))
    elif isinstance(kind, type) and issubclass(kind, Rebuilt):
        info = msgspec.inspect.type_info(shape_of(kind))
        yield from _obstacles(info, path, secrets=secrets, above=(*above, kind))
    else:
        reason = f"{_name(kind)} has no stored form; return plain data, a dataclass or a model"
        yield Obstacle(path, reason)


def _in_hint(hint: Value, path: str, *, secrets: bool, above: tuple[Value, ...]) -> Iterator[Obstacle]:
    """Secrets in the annotation of a model's field; all else there is the model's own matter."""
    arguments = typing.get_args(hint)
    if is_secret_type(hint) or is_secret_type(typing.get_origin(hint)):
        yield Obstacle(path, NEVER_STORED)
    elif is_model_type(hint):
        if hint not in above:
            yield from _of_class(hint, path, secrets=secrets, above=above)
    elif secrets or typing.get_origin(hint) is typing.Annotated:
        for one in arguments:
            yield from _in_hint(one, path, secrets=secrets, above=above)


def _may_be_none(info: Value) -> bool:
    union = isinstance(info, msgspec.inspect.UnionType)
    return union and any(isinstance(one, msgspec.inspect.NoneType) for one in info.types)


def children(info: Value) -> Iterator[Value]:
    """The types inside a container, a union or an annotated type."""
    for name in (*_CONTAINERS, "type"):
        inner: Value = getattr(info, name, ())
        yield from cast("tuple[Value, ...]", inner) if isinstance(inner, tuple) else (inner,)
