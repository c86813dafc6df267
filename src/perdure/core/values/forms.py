"""Annotations as msgspec takes them: what it refuses is read by a class of ours that stands in its place.

msgspec takes no union of two models, two dataclasses, or two types that are text in JSON, and no dataclass with such a
field. In a union each member is tried. One that gives the same JSON again is it; else one that keeps every key; else
the first one that fits. Which it was can't always be seen, so values of such types are compared before they are stored.

Python takes `A | B` and `B | A` for equal, and caches one for the other. So the order in which members are tried is not
the written one: it is the same in every process, by what is more particular (a date before a text), then by name.
"""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from typing import ClassVar, Union, cast

import msgspec

from perdure.core.values.value import Value

_UNIONS = (Union, types.UnionType)
_QUALIFIERS = (typing.Final, typing.ClassVar, typing.Required, typing.NotRequired)
_LATER: dict[Value, int] = {list: 1, tuple: 2, set: 3, frozenset: 4, str: 5, bytes: 6, bytearray: 7}
_SAME: dict[Value, Value] = {
    typing.NoReturn: type(None),
    typing.Never: type(None),
    typing.LiteralString: str,
    object: Value,
}


class _StandsIn(type):
    """msgspec checks that what is read is an instance of the annotated class; the classes below stand for others."""

    def __instancecheck__(cls, instance: object) -> bool:
        return True


class OneOf(metaclass=_StandsIn):
    """A union; its members are forms."""

    members: ClassVar[tuple[Value, ...]] = ()


class Rebuilt(metaclass=_StandsIn):
    """A dataclass with a field that has a form of ours."""

    origin: ClassVar[Value] = None


def is_stand_in(kind: Value) -> bool:
    """Whether a class stands for what msgspec does not take."""
    return isinstance(kind, _StandsIn)


def form_of(as_: Value) -> Value:
    """The annotation, or what stands for it where msgspec does not take it.

    Raises: TypeError where it has no form.
    """
    try:
        return _cached_form(as_)
    except TypeError:  # no form, or an annotation that can't be hashed
        return _form(as_)


@functools.lru_cache(maxsize=1024)
def _cached_form(as_: Value) -> Value:
    return _form(as_)


def _form(as_: Value) -> Value:
    if typing.get_origin(as_) in _QUALIFIERS:
        return form_of(typing.get_args(as_)[0])
    if as_ is not object and _is_taken(as_):
        return as_
    form = _rewritten(as_)
    msgspec.json.Decoder(form)  # raises what is wrong with it
    return form


def _is_taken(as_: Value) -> bool:
    try:
        msgspec.json.Decoder(as_)
    except TypeError:
        return False
    return True


def _rewritten(as_: Value) -> Value:
    origin, arguments = typing.get_origin(as_), typing.get_args(as_)
    if as_ in tuple(_SAME):
        return _SAME[as_]
    if isinstance(as_, typing.NewType):
        return form_of(as_.__supertype__)
    if hasattr(origin or as_, "__value__"):  # type X = …
        alias = cast("Value", origin or as_).__value__
        return form_of(alias[arguments] if arguments else alias)
    if origin is typing.Annotated:
        return typing.Annotated[(form_of(arguments[0]), *arguments[1:])]
    if origin in _UNIONS:
        forms = tuple(form_of(member) for member in arguments)
        union = Union[forms]  # noqa: UP007 - of a tuple
        return union if _is_taken(union) else _one_of(forms)
    if dataclasses.is_dataclass(origin or as_):
        return types.new_class(_words(as_), (Rebuilt,), {}, lambda body: body.update(origin=as_))
    if origin is not None and arguments and isinstance(origin, type):
        return cast("Value", origin)[tuple(form_of(one) if one is not ... else ... for one in arguments)]
    return as_


def _one_of(members: tuple[Value, ...]) -> Value:
    ordered = tuple(sorted(members, key=_order))
    return types.new_class(" | ".join(map(_words, ordered)), (OneOf,), {}, lambda body: body.update(members=ordered))


def _order(form: Value) -> tuple[int, str]:
    return _LATER.get(typing.get_origin(form) or form, 0), _words(form)


def _words(form: Value) -> str:
    """A form by its names without their modules: a script's module has another name in its workers."""
    if isinstance(form, list | tuple):
        return ", ".join(map(_words, cast("list[Value]", form)))
    origin, arguments = typing.get_origin(form), typing.get_args(form)
    if origin is typing.Annotated:
        return _words(arguments[0])
    own = str(getattr(origin or form, "__qualname__", origin or form)) if form is not ... else "..."
    return f"{own}[{_words(arguments)}]" if arguments else own


@functools.lru_cache(maxsize=1024)
def shape_of(kind: Value) -> Value:
    """The fields of a rebuilt dataclass, each with its form, as a struct. Raises: TypeError where one has none."""
    origin = typing.get_origin(kind.origin) or kind.origin
    hints = typing.get_type_hints(origin, include_extras=True)
    filled = dict(zip(getattr(origin, "__parameters__", ()), typing.get_args(kind.origin), strict=False))
    rows = list[tuple[str, Value] | tuple[str, Value, Value]]()
    for field in dataclasses.fields(origin):
        form = form_of(_filled(hints[field.name], filled))
        has_default = field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING
        rows.append((field.name, form | msgspec.UnsetType, msgspec.UNSET) if has_default else (field.name, form))
    return msgspec.defstruct(origin.__name__, rows, kw_only=True)


def _filled(hint: Value, filled: dict[Value, Value]) -> Value:
    """A field's type with the type variables of its generic class filled in."""
    if isinstance(hint, typing.TypeVar):
        return filled.get(hint, hint)
    free: tuple[Value, ...] = getattr(hint, "__parameters__", ())
    return hint[tuple(filled.get(one, one) for one in free)] if free and filled else hint
