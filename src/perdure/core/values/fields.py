"""Objects with fields, told apart without importing what they are made with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import msgspec

from perdure.core.values.value import NESTING, Loss, Value

NEVER_STORED = "a secret is never stored; pass the name under which it is found, and read it where it is used"


def is_model_type(kind: Value) -> bool:
    """Whether a class speaks pydantic's protocol."""
    return isinstance(kind, type) and hasattr(kind, "model_dump") and hasattr(kind, "model_validate_json")


def is_model(value: Value) -> bool:
    """Whether a value is an object of a class that speaks pydantic's protocol."""
    return is_model_type(type(value))


def is_secret_type(kind: Value) -> bool:
    """Whether a class hides what it holds, as pydantic's SecretStr does."""
    return isinstance(kind, type) and hasattr(kind, "get_secret_value")


def class_of(value: Value) -> type:
    """The class; of a generic pydantic model the one without parameters, which its equality counts as the same."""
    kind = cast("Value", type(value))
    generic: dict[str, Value] = getattr(kind, "__pydantic_generic_metadata__", None) or {}
    return generic.get("origin") or kind


def fields_of(value: Value) -> dict[str, Value] | None:
    """The fields of an object by name; None for what is no dataclass, msgspec, attrs or pydantic object."""
    if isinstance(value, msgspec.Struct):
        return {name: getattr(value, name, None) for name in value.__struct_fields__}
    kind = cast("Value", type(value))
    if is_model_type(kind):
        extra: dict[str, Value] = getattr(value, "__pydantic_extra__", None) or {}
        private: dict[str, Value] = getattr(value, "__pydantic_private__", None) or {}
        own = {name: getattr(value, name, None) for name in kind.model_fields}
        return own | extra | private
    names = getattr(kind, "__dataclass_fields__", None)
    if names is None:
        names = [attribute.name for attribute in getattr(kind, "__attrs_attrs__", ())] or None
    return None if names is None else {name: getattr(value, name, None) for name in names}


def find_secret(value: Value, path: str, depth: int = 0) -> Loss | None:
    """The path of the first secret in a value."""
    if is_secret_type(type(value)):
        return path, NEVER_STORED
    if depth > NESTING:
        return None
    found = (find_secret(inner, where, depth + 1) for where, inner in _inside(value, path))
    return next(filter(None, found), None)


def _inside(value: Value, path: str) -> Iterator[tuple[str, Value]]:
    if isinstance(value, dict):
        yield from ((f"{path}.{key}", item) for key, item in cast("dict[Value, Value]", value).items())
    elif isinstance(value, list | tuple | set | frozenset):
        yield from ((f"{path}[{n}]", item) for n, item in enumerate(cast("list[Value]", value)))
    else:
        yield from ((f"{path}.{name}", item) for name, item in (fields_of(value) or {}).items())
