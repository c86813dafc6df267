"""What a tool is for, told from its name, its description and its schema."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from perdure.models.extractive.words import split, stem
from perdure.models.protocol import ToolSpec
from perdure.models.shapes import is_list, is_record, strings_of

Role = Literal["search", "read", "list", "report", "direct"]

_SEARCH = frozenset({"search", "grep", "find", "lookup", "retrieve", "rg", "query"})
_READ = frozenset({"read", "open", "cat", "view", "show", "get", "fetch", "load"})
_READABLE = frozenset({"file", "content", "contents", "text", "lines"})
_LIST = frozenset({"list", "ls", "tree", "glob"})
_SEND = frozenset({"send", "post", "publish", "submit", "deliver", "email", "mail", "notify", "file", "write"})
_REPORT = frozenset({"report", "outbox", "summary", "notification", "message", "email", "mail", "note", "memo"})
_CHANGE = """
    add allocate approve assign book buy cancel charge clear close commit copy create delete deny deploy disable drop
    edit enable execute grant insert install invite kill merge modify move order pay push put refund reject remove
    rename replace reset restart restore revoke run save send set shutdown start stop submit transfer update upload
    write
"""
CHANGES = frozenset(_CHANGE.split())

_QUERY = (
    "query",
    "pattern",
    "text",
    "term",
    "terms",
    "q",
    "keyword",
    "keywords",
    "search",
    "needle",
    "regex",
    "phrase",
)
_PATH = ("path", "file", "filename", "file_path", "filepath", "file_name", "uri")
_FOLDER = ("folder", "dir", "directory", "root", "path", "base", "prefix")
_GLOB = ("glob", "pattern", "include")
_BODY = ("text", "body", "report", "content", "message", "summary", "answer")
_FIRST = ("start", "start_line", "first", "first_line", "offset", "from_line", "line_start", "begin")
_LAST = ("end", "end_line", "last", "last_line", "to_line", "line_end")
_COUNT = ("limit", "count", "lines", "max_lines", "num_lines", "line_count")


class Parameter(msgspec.Struct, frozen=True):
    """Shape: `kind` is the JSON type, the first that is not null; `choices` are the values of an enum."""

    name: str
    kind: str
    choices: tuple[object, ...] = ()
    has_default: bool = False
    is_required: bool = False


class Tool(msgspec.Struct, frozen=True):
    """A tool and its role; the named parameters are those that the role needs, where it has them."""

    name: str
    role: Role
    parameters: tuple[Parameter, ...]
    words: tuple[str, ...]
    query: Parameter | None = None
    path: Parameter | None = None
    first: Parameter | None = None
    last: Parameter | None = None
    count: Parameter | None = None

    @property
    def required(self) -> tuple[Parameter, ...]:
        """What a call can't do without."""
        return tuple(parameter for parameter in self.parameters if parameter.is_required)


def tools_of(specs: Sequence[ToolSpec]) -> tuple[Tool, ...]:
    """Every tool with its role, in the order given."""
    return tuple(_tool(spec) for spec in specs)


def _tool(spec: ToolSpec) -> Tool:
    parameters = _parameters(spec.parameters)
    words = tuple(dict.fromkeys(stem(word) for word in (*split(spec.name), *split(spec.description))))
    strings = [each for each in parameters if each.kind in {"string", "array"} and not each.choices]
    needed = [each for each in strings if each.is_required] or strings
    query, path = _named(needed, _QUERY), _named(needed, _PATH)
    role = _role(spec, parameters, query, path)
    if role == "direct" and needed and _is_report(spec):
        role, query = "report", _named(needed, _BODY) or needed[0]
    first, last, count = (_named(parameters, names, "integer") for names in (_FIRST, _LAST, _COUNT))
    return Tool(spec.name, role, parameters, words, query, path, first, last, count)


def _role(spec: ToolSpec, parameters: Sequence[Parameter], query: Parameter | None, path: Parameter | None) -> Role:
    """A tool that changes something, or that needs to be told what its role does not give it, is asked by name only."""
    name, about = frozenset(split(spec.name)), frozenset(split(spec.description))
    required = [each for each in parameters if each.is_required]
    if name & CHANGES:
        return "direct"
    ranges = {*_FIRST, *_LAST, *_COUNT}
    if path is not None and query is None and (name & _READ or name <= _READABLE):
        is_told = all(each == path or each.name.lower() in ranges for each in required)
        return "read" if is_told else "direct"
    if name & _LIST and all(_is_place(each) for each in required):
        return "list"
    if query is not None and (name | about) & _SEARCH and all(each == query or _is_place(each) for each in required):
        return "search"
    return "direct"


def _is_report(spec: ToolSpec) -> bool:
    name = frozenset(split(spec.name))
    return bool(name & _SEND) and bool(name & _REPORT) and not name & (_READ | _LIST | _SEARCH)


def _parameters(schema: Mapping[str, object]) -> tuple[Parameter, ...]:
    properties, required = schema.get("properties"), schema.get("required")
    if not is_record(properties):
        return ()
    names = strings_of(required) or []
    return tuple(
        _parameter(name, prop if is_record(prop) else {}, schema, is_required=name in names)
        for name, prop in properties.items()
    )


def _parameter(name: str, prop: Mapping[str, object], schema: Mapping[str, object], *, is_required: bool) -> Parameter:
    shape = next((each for each in _variants(prop, schema) if each.get("type") != "null"), prop)
    kind, choices = shape.get("type"), shape.get("enum")
    if is_list(kind):
        kind = next((each for each in kind if each != "null"), "string")
    values: tuple[object, ...] = tuple(choices) if is_list(choices) else ()
    if "const" in shape:
        values = (shape["const"],)
    return Parameter(name, kind if isinstance(kind, str) else "string", values, "default" in prop, is_required)


def _variants(prop: Mapping[str, object], schema: Mapping[str, object]) -> list[Mapping[str, object]]:
    reference = prop.get("$ref")
    if isinstance(reference, str):
        place = schema.get(reference.split("/")[1]) if reference.startswith("#/") else None
        found = place.get(reference.rpartition("/")[2]) if is_record(place) else None
        return [found] if is_record(found) else [prop]
    for key in ("anyOf", "oneOf", "allOf"):
        options = prop.get(key)
        if is_list(options):
            return [shape for each in options if is_record(each) for shape in _variants(each, schema)]
    return [prop]


def _named(parameters: Sequence[Parameter], names: Sequence[str], kind: str | None = None) -> Parameter | None:
    by_name = {each.name.lower(): each for each in parameters if kind is None or each.kind in {kind, "number"}}
    return next((by_name[name] for name in names if name in by_name), None)


def _is_place(parameter: Parameter) -> bool:
    return parameter.kind == "string" and parameter.name.lower() in {*_FOLDER, *_GLOB}


def place_for(parameter: Parameter) -> str:
    """A value for a folder or a glob that means everything."""
    return "**/*" if parameter.name.lower() in _GLOB and parameter.name.lower() != "path" else "."
