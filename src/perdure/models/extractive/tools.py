"""What a tool is for, told from its name, its description and its schema."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from perdure.models.extractive.words import split, stem
from perdure.models.protocol import ToolSpec
from perdure.models.shapes import is_list, is_record, strings_of

Role = Literal["search", "read", "list", "report", "direct"]

_SEARCH = frozenset({"search", "grep", "find", "query", "lookup", "retrieve", "rg"})
_READ = frozenset({"read", "open", "cat", "view", "show", "get", "fetch", "load", "content", "contents", "file"})
_LIST = frozenset({"list", "ls", "tree", "glob", "files", "dir", "directory", "index", "folder"})
_SEND = frozenset({"send", "post", "publish", "submit", "deliver", "email", "mail", "notify", "file", "write"})
_REPORT = frozenset({"report", "outbox", "summary", "notification", "message", "email", "mail", "note", "memo"})

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
    name = frozenset(split(spec.name))
    words = tuple(dict.fromkeys(stem(word) for word in (*split(spec.name), *split(spec.description))))
    strings = [each for each in parameters if each.kind in {"string", "array"} and not each.choices]
    needed = [each for each in strings if each.is_required] or strings
    query = _named(needed, _QUERY)
    path = _named(needed, _PATH)
    role: Role = "direct"
    if name & _SEND and name & _REPORT and (_named(needed, _BODY) or needed):
        role, query = "report", _named(needed, _BODY) or needed[0]
    elif path is not None and (name & _READ or name & _SEARCH == frozenset()) and query is None:
        role = "read"
    elif name & _LIST and all(_is_place(each) for each in parameters if each.is_required):
        role = "list"
    elif (name | frozenset(split(spec.description))) & _SEARCH and query is not None:
        role = "search"
    first, last, count = (_named(parameters, names, "integer") for names in (_FIRST, _LAST, _COUNT))
    return Tool(spec.name, role, parameters, words, query, path, first, last, count)


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
