"""How one parameter is described and checked: as all values are, or by pydantic where its annotation says so.

An annotation that mentions pydantic (a model, a `Field`, one of its types) or annotated_types means what pydantic makes
of it, so pydantic writes its schema and checks its values, and a field of a model is known by its alias and by its own
name. Everything else is read as an argument of a workflow is, by `core.values`, unions of dataclasses included. Neither
reads constraints of the other's: a mixture that would drop one is refused. A secret is refused in both.
"""

from __future__ import annotations

import dataclasses
import importlib
import typing
from collections.abc import Callable, Iterator
from typing import Annotated, Protocol, cast

import msgspec

from perdure.agents.form_schema import form_schema
from perdure.core.values import Obstacle, Value, convert, obstacle, secret_in
from perdure.core.values.fields import NEVER_STORED, is_secret_type
from perdure.core.values.models import by_either
from perdure.errors import InputError

Convert = Callable[[object], Value]

_FOREIGN = frozenset({"pydantic", "pydantic_core", "annotated_types"})


class Check(msgspec.Struct, frozen=True):
    """A parameter's schema, and what makes a value of plain JSON one of its type.

    `convert` raises ValueError with the reason where a value does not fit.
    """

    schema: dict[str, Value]
    convert: Convert


class _Adapter(Protocol):
    """pydantic's TypeAdapter."""

    def json_schema(self) -> dict[str, Value]:
        """The schema of what it accepts, with its definitions under `$defs`."""
        ...

    def validate_json(self, data: bytes, **how: bool) -> Value:
        """The value of a JSON text. Raises: pydantic's ValidationError."""
        ...


class _Invalid(Protocol):
    """pydantic's ValidationError."""

    def errors(self) -> list[dict[str, Value]]:
        """What does not fit: `loc`, the way to it, and `msg`."""
        ...


def hindrance(annotation: Value) -> Obstacle | None:
    """Why a parameter can't be of a type, and the field of it that is the reason: a secret, or what has no form."""
    every = mentioned(annotation)
    secret = secret_in(annotation)
    if secret is None and any(is_secret_type(one) for one in every):
        secret = Obstacle("", NEVER_STORED)
    return secret if secret is not None or _is_pydantics(every) else obstacle(annotation, secrets=True)


def mentioned(annotation: Value) -> list[object]:
    """Every class and every piece of metadata in an annotation, those of the fields of its classes too."""
    return list(_mentioned(annotation, set()))


def check_of(annotation: Value) -> Check:
    """The check of an annotation. Raises: ValueError with the reason where it can't be described to a model."""
    every = mentioned(annotation)
    structs = _structs(every)
    constraints = [one for one in every if _is_foreign(one) and not isinstance(one, type)]
    if structs and constraints:
        raise ValueError(
            f"{structs[0].__name__} is msgspec's, which does not read {constraints[0]!r}; use msgspec.Meta"
        )
    if not _is_pydantics(every):
        return _by_form(annotation)
    unread = next((one for one in every if isinstance(one, msgspec.Meta)), None)
    if unread is not None:
        raise ValueError(f"pydantic checks this type, and does not read {unread!r}; use pydantic.Field")
    return _by_pydantic(annotation)


def _is_pydantics(mentioned: list[object]) -> bool:
    return any(map(_is_foreign, mentioned)) and not _structs(mentioned)


def _structs(mentioned: list[object]) -> list[type]:
    return [one for one in mentioned if isinstance(one, type) and issubclass(one, msgspec.Struct)]


def _by_form(annotation: Value) -> Check:
    def take(value: object) -> Value:
        try:
            return convert(value, annotation, "", strict=True)
        except InputError as error:
            place = error.field.removeprefix(".")
            raise ValueError(f"{place}: {error.reason}" if place else error.reason) from None

    return Check(form_schema(annotation), take)


def _by_pydantic(annotation: Value) -> Check:
    try:
        pydantic: Value = importlib.import_module("pydantic")
    except ImportError:
        raise ValueError(
            "its constraints are checked by pydantic, which is not installed; or write msgspec.Meta"
        ) from None
    try:
        adapter = cast("_Adapter", pydantic.TypeAdapter(annotation))
        schema = adapter.json_schema()
    except (pydantic.errors.PydanticUserError, TypeError) as error:
        raise ValueError(str(error).partition("\n")[0]) from None

    how = {"strict": True} | by_either(adapter.validate_json)

    def take(value: object) -> Value:
        try:
            return adapter.validate_json(msgspec.json.encode(value), **how)
        except pydantic.ValidationError as error:
            raise ValueError(_said(cast("_Invalid", error))) from None

    return Check(schema, take)


def _said(error: _Invalid) -> str:
    found = [(".".join(str(step) for step in one["loc"]), one["msg"]) for one in error.errors()]
    return "; ".join(f"{place}: {said}" if place else str(said) for place, said in found)


def _is_foreign(thing: object) -> bool:
    kind = thing if isinstance(thing, type) else type(thing)
    made_by = {each.__module__.partition(".")[0] for each in kind.__mro__}
    return (
        bool(made_by & _FOREIGN) or hasattr(kind, "__get_pydantic_core_schema__") or "__pydantic_fields__" in vars(kind)
    )


def _mentioned(annotation: Value, seen: set[int]) -> Iterator[object]:
    if id(annotation) in seen:
        return
    seen.add(id(annotation))
    origin = typing.get_origin(annotation)
    is_annotated = origin is Annotated
    if origin is not None and not is_annotated:
        yield from _mentioned(origin, seen)  # a generic class, or what a `type` statement names
    for name in ("__value__", "__supertype__", "__bound__"):
        named = getattr(annotation, name, None)
        if named is not None and not isinstance(annotation, type):
            yield from _mentioned(named, seen)
    if is_annotated:
        yield from cast("Value", annotation).__metadata__
    elif isinstance(annotation, type):
        yield annotation
        if _has_fields(annotation):
            yield from _of_fields(annotation, seen)
    parts = typing.get_args(annotation)
    for each in parts[:1] if is_annotated else parts:
        yield from _mentioned(each, seen)


def _has_fields(kind: type[Value]) -> bool:
    marks = ("_fields", "__struct_fields__", "__required_keys__")  # the last is a TypedDict's, whoever it is from
    return dataclasses.is_dataclass(kind) or any(hasattr(kind, mark) for mark in marks)


def _of_fields(kind: type[Value], seen: set[int]) -> Iterator[object]:
    try:
        hints = typing.get_type_hints(kind, include_extras=True)
    except (NameError, TypeError, AttributeError):
        return  # whoever describes it says what can't be resolved
    for each in hints.values():
        yield from _mentioned(each, seen)
