"""The definitions of one schema: all at its root, where its references look for them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from perdure.core.values import Value
from perdure.models.shapes import is_list, is_record

_PREFIX = "#/$defs/"


class DefinitionsBuilder:
    """Takes definitions out of schemas; those of the same name that differ are told apart."""

    def __init__(self) -> None:
        self.found: dict[str, Value] = {}
        self._meant: dict[str, Value] = {}

    def hoist(self, schema: dict[str, Value]) -> dict[str, Value]:
        """A copy of a schema without definitions of its own; they are in `found`.

        Raises: ValueError where a reference leads nowhere.
        """
        return self._hoist(schema, {})

    def _hoist(self, schema: Value, names: Mapping[str, str]) -> Value:
        if is_list(schema):
            return [self._hoist(one, names) for one in schema]
        if not is_record(schema):
            return schema
        own = schema.get("$defs")
        if is_record(own):
            names = self._take(own, names)
        copy: dict[str, Value] = {}
        for key, inner in schema.items():
            if key == "properties" and is_record(inner):  # its keys are names, whatever they are
                copy[key] = {name: self._hoist(one, names) for name, one in inner.items()}
            elif key == "$ref" and isinstance(inner, str):
                copy[key] = f"{_PREFIX}{_called(inner, names)}"
            elif key != "$defs":
                copy[key] = self._hoist(inner, names)
        return copy

    def _take(self, own: Mapping[str, Value], above: Mapping[str, str]) -> Mapping[str, str]:
        names = dict(above)
        fresh: list[str] = []
        for name in own:
            meant = _reachable(name, own, above)
            called, n = name, 1
            while self._meant.get(called, meant) != meant:
                n += 1
                called = f"{name}_{n}"
            if called not in self._meant:
                fresh.append(name)
            names[name], self._meant[called] = called, meant
        for name in fresh:
            self.found[names[name]] = self._hoist(own[name], names)
        return names


def _reachable(name: str, own: Mapping[str, Value], above: Mapping[str, str]) -> dict[str, Value]:
    """What a definition says, with all that it refers to: two of the same are one."""
    found: dict[str, Value] = {}
    open_names = [name]
    while open_names:
        current = open_names.pop()
        if current not in found:
            found[current] = own.get(current, above.get(current))
            open_names += _references(found[current])
    return {"": name, **found}


def _references(schema: Value) -> Iterator[str]:
    if is_record(schema):
        reference = schema.get("$ref")
        if isinstance(reference, str):
            yield reference.removeprefix(_PREFIX)
        for inner in schema.values():
            yield from _references(inner)
    elif is_list(schema):
        for inner in schema:
            yield from _references(inner)


def _called(reference: str, names: Mapping[str, str]) -> str:
    name = reference.removeprefix(_PREFIX)
    if name not in names:
        raise ValueError(f"its schema refers to {name!r}, which it does not define")
    return names[name]
