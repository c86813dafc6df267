"""How one parameter is described and checked: by msgspec, or by pydantic where its annotation says so.

An annotation that mentions pydantic (a model, a `Field`, one of its types) or annotated_types means what pydantic makes
of it, so pydantic writes its schema and checks its values. Everything else is msgspec's. Neither reads constraints of
the other's: a mixture that would drop one is refused.
"""

from __future__ import annotations

import dataclasses
import importlib
import typing
from collections.abc import Callable, Iterator
from typing import Annotated, Protocol, cast

import msgspec

from perdure.core.values import Value, obstacle

Definitions = dict[str, Value]
Describe = Callable[[], tuple[dict[str, Value], Definitions]]
Convert = Callable[[object], Value]

_FOREIGN = frozenset({"pydantic", "pydantic_core", "annotated_types"})


class Check(msgspec.Struct, frozen=True):
    """A parameter's schema with its definitions, and what makes a value of plain JSON one of its type.

    `convert` raises ValueError with the reason where a value does not fit.
    """

    schema: dict[str, Value]
    definitions: Definitions
    convert: Convert


class _Adapter(Protocol):
    """pydantic's TypeAdapter."""

    def json_schema(self) -> dict[str, Value]:
        """The schema of what it accepts, with its definitions under `$defs`."""
        ...

    def validate_json(self, data: bytes, *, strict: bool) -> Value:
        """The value of a JSON text. Raises: pydantic's ValidationError."""
        ...


class _Invalid(Protocol):
    """pydantic's ValidationError."""

    def errors(self) -> list[dict[str, Value]]:
        """What does not fit: `loc`, the way to it, and `msg`."""
        ...


def check_of(annotation: Value) -> Check:
    """The check of an annotation. Raises: ValueError with the reason where it can't be described to a model."""
    mentioned = list(_mentioned(annotation, set()))
    structs = [one for one in mentioned if isinstance(one, type) and issubclass(one, msgspec.Struct)]
    foreign = [one for one in mentioned if _is_foreign(one)]
    constraints = [one for one in foreign if not isinstance(one, type)]
    if structs and constraints:
        raise ValueError(
            f"{structs[0].__name__} is msgspec's, which does not read {constraints[0]!r}; use msgspec.Meta"
        )
    if not foreign or structs:
        return _by_msgspec(annotation)
    return _by_pydantic(annotation)


def _by_msgspec(annotation: Value) -> Check:
    found = obstacle(annotation, secrets=True)
    if found is not None:
        raise ValueError(found.reason)
    (schema,), definitions = msgspec.json.schema_components(
        (annotation,), schema_hook=_schema_of, ref_template="#/$defs/{name}"
    )

    def convert(value: object) -> Value:
        return msgspec.convert(value, annotation, dec_hook=_model_of, str_keys=True)

    return Check(schema, definitions, convert)


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

    def convert(value: object) -> Value:
        try:
            return adapter.validate_json(msgspec.json.encode(value), strict=True)
        except pydantic.ValidationError as error:
            raise ValueError(_said(cast("_Invalid", error))) from None

    return Check(schema, schema.pop("$defs", {}), convert)


def _said(error: _Invalid) -> str:
    found = [(".".join(str(step) for step in one["loc"]), one["msg"]) for one in error.errors()]
    return "; ".join(f"{place}: {said}" if place else str(said) for place, said in found)


def _schema_of(kind: type) -> dict[str, Value]:
    describe = getattr(kind, "model_json_schema", None)  # a pydantic model inside a struct
    if describe is None:
        raise NotImplementedError
    return cast("dict[str, Value]", describe())


def _model_of(kind: type, value: object) -> Value:
    validate = getattr(kind, "model_validate_json", None)
    if validate is None:
        raise NotImplementedError
    return validate(msgspec.json.encode(value), strict=True)


def _is_foreign(thing: object) -> bool:
    kind = thing if isinstance(thing, type) else type(thing)
    made_by = {each.__module__.partition(".")[0] for each in kind.__mro__}
    return (
        bool(made_by & _FOREIGN) or hasattr(kind, "__get_pydantic_core_schema__") or "__pydantic_fields__" in vars(kind)
    )


def _mentioned(annotation: Value, seen: set[int]) -> Iterator[object]:
    """Every class and every piece of metadata in an annotation, those of the fields of its classes too."""
    annotation = getattr(annotation, "__value__", annotation)  # what a `type` statement names
    if id(annotation) in seen:
        return
    seen.add(id(annotation))
    is_annotated = typing.get_origin(annotation) is Annotated
    if is_annotated:
        yield from annotation.__metadata__
    elif isinstance(annotation, type):
        yield annotation
        if _has_fields(annotation):
            yield from _of_fields(annotation, seen)
    parts = typing.get_args(annotation)
    for each in parts[:1] if is_annotated else parts:
        yield from _mentioned(each, seen)


def _has_fields(kind: type[Value]) -> bool:
    is_named = hasattr(kind, "_fields") or hasattr(kind, "__struct_fields__")
    return is_named or dataclasses.is_dataclass(kind) or typing.is_typeddict(kind)


def _of_fields(kind: type[Value], seen: set[int]) -> Iterator[object]:
    try:
        hints = typing.get_type_hints(kind, include_extras=True)
    except (NameError, TypeError, AttributeError):
        return  # whoever describes it says what can't be resolved
    for each in hints.values():
        yield from _mentioned(each, seen)
