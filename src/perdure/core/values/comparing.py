"""Whether what comes back is what was given, and where it is not."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from perdure.core.values.fields import class_of, fields_of, is_model
from perdure.core.values.value import Loss, Value

_MISSING = object()
_NUMBERS = frozenset[type]({int, float})


def difference(given: Value, back: Value, path: str, *, strict: bool) -> Loss | None:
    """The first place where a value that was read back is not what was given.

    Shape: objects of classes are always compared; `strict` compares what JSON and annotations convert as well (a
    list given for a tuple, text given for a date), which matters where the type of a value decides how it is read.
    """
    if is_model(given):
        return _of_models(given, back, path)
    fields = fields_of(given)
    if fields is not None:
        if type(back) is not type(given):
            return path, _becomes(given, back)
        after = fields_of(back) or {}
        return _first(((f"{path}.{name}", value, after.get(name)) for name, value in fields.items()), strict=strict)
    if isinstance(given, dict):
        return _of_dicts(cast("dict[Value, Value]", given), back, path, strict=strict)
    if isinstance(given, list | tuple):
        return _of_sequences(cast("list[Value]", given), back, path, strict=strict)
    return None if _is_same(given, back, strict=strict) else (path, _becomes(given, back))


def _is_same(given: Value, back: Value, *, strict: bool) -> bool:
    if type(back) is type(given):
        return bool(given == back)
    return not strict or (given == back and {type(back), type(given)} <= _NUMBERS)


def _first(triples: Iterable[tuple[str, Value, Value]], *, strict: bool) -> Loss | None:
    found = (difference(given, back, path, strict=strict) for path, given, back in triples)
    return next(filter(None, found), None)


def _of_models(given: Value, back: Value, path: str) -> Loss | None:
    if class_of(given) is not class_of(back):
        return path, _becomes(given, back)
    if given == back:
        return None
    before, after = fields_of(given) or {}, fields_of(back) or {}
    for name, value in before.items():
        if name in after and value == after[name]:
            continue
        where = f"{path}.{name}"
        if name in after and (is_model(value) or isinstance(value, dict | list | tuple)):
            deeper = difference(value, after[name], where, strict=True)
            if deeper is not None:
                return deeper
        return where, _why(given, name)
    return path, "it would not come back equal"


def _why(model: Value, name: str) -> str:
    field = cast("Value", type(model)).model_fields.get(name)
    if field is None:
        return "a private attribute is not stored, and would be lost"
    if getattr(field, "exclude", None):
        return "the field is excluded from what is stored, and would be lost"
    return "it would not come back equal"


def _of_dicts(given: dict[Value, Value], back: Value, path: str, *, strict: bool) -> Loss | None:
    if not isinstance(back, dict):
        return (path, _becomes(given, back)) if strict else None  # a dict given for a class becomes an object of it
    after = cast("dict[Value, Value]", back)
    triples = list[tuple[str, Value, Value]]()
    for key, value in given.items():
        there = after.get(key, _MISSING)
        if there is _MISSING and (strict or isinstance(key, str)):
            return f"{path}.{key}", "the annotation does not have this key, and it would be lost"
        if there is not _MISSING:
            triples.append((f"{path}.{key}", value, there))
    return _first(triples, strict=strict)


def _of_sequences(given: list[Value], back: Value, path: str, *, strict: bool) -> Loss | None:
    if strict and type(back) is not type(given):
        return path, _becomes(given, back)
    if not isinstance(back, list | tuple):
        return None
    after = cast("list[Value]", back)
    if len(after) != len(given):
        return path, f"of {len(given)} items {len(after)} would come back"
    return _first(
        ((f"{path}[{n}]", one, other) for n, (one, other) in enumerate(zip(given, after, strict=True))), strict=strict
    )


def _becomes(given: Value, back: Value) -> str:
    one, other = type(given).__name__, type(back).__name__
    return "it would not come back equal" if one == other else f"{one} would come back as {other}"
