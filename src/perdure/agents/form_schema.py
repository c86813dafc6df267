"""The JSON schema of a type as values are read: by msgspec, and by the forms that stand for what it does not take."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

import msgspec

from perdure.core.values import Value, form_of
from perdure.core.values.forms import OneOf, Rebuilt, shape_of


def form_schema(annotation: Value) -> dict[str, Value]:
    """The schema of what is accepted where the annotation stands.

    Shape: a schema in it may have definitions of its own under `$defs`, which hide those of the schemas above.
    Raises: TypeError, ValueError or NotImplementedError where the type can't be described.
    """
    return _of_types((form_of(annotation),), ())[0]


def _of_types(types: Iterable[Value], above: tuple[Value, ...]) -> tuple[dict[str, Value], ...]:
    """The schemas of types, each with the definitions of all."""

    def describe(kind: type) -> dict[str, Value]:
        return _of_class(kind, above)

    schemas, definitions = msgspec.json.schema_components(types, schema_hook=describe, ref_template="#/$defs/{name}")
    return tuple(schema | {"$defs": definitions} if definitions else schema for schema in schemas)


def _of_class(kind: Value, above: tuple[Value, ...]) -> dict[str, Value]:
    if issubclass(kind, OneOf):
        return {"anyOf": list(_of_types(kind.members, above))}
    if issubclass(kind, Rebuilt):
        shape = shape_of(kind)
        if kind in above:
            return {"$ref": f"#/$defs/{shape.__name__}"}  # inside itself: what it is called above
        return _of_types((shape,), (*above, kind))[0]
    describe = getattr(kind, "model_json_schema", None)  # a pydantic model inside a struct
    if describe is None:
        raise NotImplementedError
    return cast("dict[str, Value]", describe())
