"""Values as models write them, read as the schema means them.

Models, and the servers between, differ in how they write one value. What can mean only one thing is read as that:

| written | where the schema says | read as |
|---|---|---|
| `1.0`, `"1"` | integer | 1 |
| `"1.5"` | number | 1.5 |
| `"true"`, `"False"` | boolean | true, false |
| `"[1, 2]"`, `"{…}"` | array, object | what the text holds |
| `"2"` | one of 1, 2, 3 | 2 |
| `null` | what has a default and can't be null | not given |
| a field's own name | a field of a pydantic model that has an alias | that field |

A value that fits as it is written is read as it is written, so that a text stays one where a text may stand.

What would change its meaning stays as it is, and is refused: 1.5, true, "abc" and an integer beyond 2^53 - 1 that was
written as a float for an integer; 1 and "yes" for a boolean; 5 for a text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

from perdure.models.shapes import is_list, is_record

Schema = Mapping[str, object]

_INTEGER = re.compile(r"\s*[+-]?\d{1,18}(?:\.0*)?\s*")
_NUMBER = re.compile(r"\s*[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?\s*")
_BOOLEANS = {"true": True, "false": False}
_MAX_REFERENCES = 64

EXACT = 2**53 - 1
"""Up to here a float holds every integer exactly."""


def read(value: object, schema: Schema, definitions: Schema) -> object:
    """A value as its schema means it; as it is where it has no other meaning."""
    shape = _resolved(schema, definitions)
    options = _options(shape, definitions)
    if options:
        return _of_options(value, options, definitions)
    if "enum" in shape or "const" in shape:
        return _of_choices(value, shape)
    kind = shape.get("type")
    if kind == "object":
        return _of_object(_decoded(value), shape, definitions)
    if kind == "array":
        return _of_array(_decoded(value), shape, definitions)
    return _of_scalar(value, kind)


def takes_null(schema: Schema, definitions: Schema) -> bool:
    """Whether a schema accepts null."""
    shape = _resolved(schema, definitions)
    options = _options(shape, definitions)
    if options:
        return any(takes_null(option, definitions) for option in options)
    if "const" in shape or "enum" in shape:
        return None in _choices(shape)
    return shape.get("type") in {None, "null"}


def _resolved(schema: Schema, definitions: Schema) -> Schema:
    for _ in range(_MAX_REFERENCES):
        reference = schema.get("$ref")
        found = definitions.get(reference.rpartition("/")[2]) if isinstance(reference, str) else None
        if not is_record(found):
            break
        schema = found
    return schema


def _options(shape: Schema, definitions: Schema) -> list[Schema]:
    """The schemas of a union, unions in it taken apart; empty where it is none."""
    kinds = shape.get("type")
    found: Sequence[object] = ()
    if is_list(kinds):
        found = [{**shape, "type": kind} for kind in kinds]
    for key in ("anyOf", "oneOf", "allOf"):
        options = shape.get(key)
        if is_list(options) and (key != "allOf" or len(options) == 1):
            found = options
    flat: list[Schema] = []
    for one in found:
        inner: Schema = _resolved(one, definitions) if is_record(one) else {}
        flat += _options(inner, definitions) or [inner]
    return flat


def _of_options(value: object, options: Sequence[Schema], definitions: Schema) -> object:
    """By the option that the value has the type of, of objects the one whose fields they are; else by the first."""
    exact = [option for option in options if _has_type(value, option)]
    if is_record(value):
        exact.sort(key=lambda option: _strangeness(value, option))
    for option in exact or options:
        found = read(value, option, definitions)
        if _has_type(found, option):
            return found
    return value


def _strangeness(value: Schema, shape: Schema) -> int:
    """How many fields of an object a schema does not know, misses, or has another constant for."""
    properties, required = shape.get("properties"), shape.get("required")
    known: Schema = properties if is_record(properties) else {}
    missing = {str(name) for name in required} - value.keys() if is_list(required) else set[str]()
    others = [name for name, own in known.items() if name in value and is_record(own) and _is_other(value[name], own)]
    return len(value.keys() - known.keys()) + len(missing) + len(others)


def _is_other(value: object, shape: Schema) -> bool:
    return ("enum" in shape or "const" in shape) and not _has_type(_of_choices(value, shape), shape)


def _has_type(value: object, shape: Schema) -> bool:
    if "enum" in shape or "const" in shape:
        return any(type(value) is type(choice) and value == choice for choice in _choices(shape))
    kind = shape.get("type")
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    found = {
        "null": value is None,
        "boolean": isinstance(value, bool),
        "integer": is_number and isinstance(value, int),
        "number": is_number,
        "string": isinstance(value, str),
        "array": is_list(value),
        "object": is_record(value),
    }
    return kind is None or found.get(str(kind), False)


def _of_choices(value: object, shape: Schema) -> object:
    if _has_type(value, shape):
        return value
    read_as = [choice for choice in _choices(shape) if _of_scalar(value, _kind_of(choice)) == choice != value]
    same = [choice for choice in _choices(shape) if isinstance(value, float) and _kind_of(choice) and value == choice]
    found = [*read_as, *same]
    return found[0] if found and not isinstance(value, bool) else value


def _choices(shape: Schema) -> Sequence[object]:
    choices = shape.get("enum")
    return choices if is_list(choices) else (shape.get("const"),)


def _kind_of(choice: object) -> str:
    if isinstance(choice, bool):
        return "boolean"
    return "integer" if isinstance(choice, int) else "number" if isinstance(choice, float) else ""


def _of_object(value: object, shape: Schema, definitions: Schema) -> object:
    if not is_record(value):
        return value
    properties, rest, required = shape.get("properties"), shape.get("additionalProperties"), shape.get("required")
    known: Schema = properties if is_record(properties) else {}
    needed = required if is_list(required) else ()
    found: dict[str, object] = {}
    for name, inner in value.items():
        own = known.get(name, rest)
        if not is_record(own):
            found[name] = inner
        elif inner is not None or name in needed or name not in known or takes_null(own, definitions):
            found[name] = read(inner, own, definitions)
    return found


def _of_array(value: object, shape: Schema, definitions: Schema) -> object:
    if not is_list(value):
        return value
    first, rest = shape.get("prefixItems"), shape.get("items")
    firsts = first if is_list(first) else ()
    schemas = [firsts[n] if n < len(firsts) else rest for n in range(len(value))]
    return [read(item, own, definitions) if is_record(own) else item for item, own in zip(value, schemas, strict=True)]


def _of_scalar(value: object, kind: object) -> object:
    if kind == "integer":
        if isinstance(value, float) and value.is_integer() and abs(value) <= EXACT:
            return int(value)
        if isinstance(value, str) and _INTEGER.fullmatch(value):
            return int(value.strip().partition(".")[0])
    if kind == "number" and isinstance(value, str) and _NUMBER.fullmatch(value):
        return float(value)
    if kind == "boolean" and isinstance(value, str):
        return _BOOLEANS.get(value.strip().lower(), value)
    return value


def _decoded(value: object) -> object:
    """The array or the object that a text holds."""
    if not isinstance(value, str) or value.strip()[:1] not in {"[", "{"}:
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value
