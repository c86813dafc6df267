"""What tools returned, as lines: of files where a path is known, of no file where none is.

No tool has to know this model: lists of records, `path:line: text`, headings with numbered lines, numbered or plain
text are all read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

import msgspec

from perdure.models.shapes import is_list, is_record, strings_of

_PATHS = ("path", "file", "filename", "file_path", "filepath", "uri", "source", "document", "name")
_NUMBERS = ("line", "line_number", "lineno", "line_no", "number", "start_line", "start", "row", "offset")
_SAYING = ("text", "content", "contents", "snippet", "line", "match", "preview", "excerpt", "body", "lines", "value")
_TEXTS = frozenset(_SAYING)

_GREP = re.compile(r"^(?P<path>[^\s:][^:]*?):(?P<number>\d+)(?::\d+)?[:\-\s]\s?(?P<text>.*)$")
_NUMBERED = re.compile(r"^\s*L?(?P<number>\d+)(?:\t|[:|→│]\s?|\s\|\s?|\s{2,})(?P<text>.*)$")
_PATH = re.compile(r"^(?:[\w.@+~-]+[/\\])*[\w.@+~-]*\.?\w+$")
_MOST = 0.6
_MAX_PATH = 256
_MAX_LINE = 500


class Line(msgspec.Struct, frozen=True):
    """A line of a file, or of a text without a file."""

    path: str | None
    number: int | None
    text: str


def looks_like_path(text: str) -> bool:
    """Whether a text can be a file's path: no spaces, and a folder or an ending."""
    return (
        len(text) <= _MAX_PATH
        and bool(_PATH.match(text))
        and ("/" in text or "\\" in text or re.search(r"\w\.[A-Za-z]\w{0,9}$", text) is not None)
    )


def lines_of(output: object, path: str | None = None, first: int = 1) -> list[Line]:
    """The lines of a tool's output; `path` and `first` are what the call asked for, where it did."""
    if isinstance(output, str):
        decoded = _decoded(output)
        # A file that holds JSON is a text like any other; a tool's JSON says which of it is the text.
        is_wrapped = decoded is not None and (path is None or (is_record(decoded) and bool(_TEXTS & decoded.keys())))
        return lines_of(decoded, path, first) if is_wrapped else list(_of_text(output, path, first))
    if is_record(output):
        return list(_of_record(output, path, first))
    if is_list(output):
        return list(_of_list(output, path, first))
    return [] if output is None else [Line(path, None, str(output))]


def paths_of(output: object) -> list[str]:
    """The paths in a listing, once each, in order."""
    texts = [line.path or line.text.strip().removeprefix("- ") for line in lines_of(output)]
    return list(dict.fromkeys(text for text in texts if looks_like_path(text)))


def _decoded(text: str) -> object:
    if text.lstrip()[:1] not in {"{", "["}:
        return None
    try:
        decoded: object = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return None
    return decoded


def _of_list(items: Sequence[object], path: str | None, first: int) -> Iterator[Line]:
    texts = strings_of(items)
    if texts is not None and path is not None and not any(_GREP.match(text) for text in texts):
        yield from _of_text("\n".join(texts), path, first)
        return
    for item in items:
        yield from lines_of(item, path, first)


def _of_record(record: Mapping[str, object], path: str | None, first: int) -> Iterator[Line]:
    lower = {str(key).lower(): value for key, value in record.items()}
    named = next((str(lower[key]) for key in _PATHS if isinstance(lower.get(key), str)), None)
    at = next((value for key in _NUMBERS if isinstance(value := lower.get(key), int)), None)
    if named is not None and not looks_like_path(named) and path is not None:
        named = path
    said = next((lower[key] for key in _SAYING if isinstance(lower.get(key), str) or is_list(lower.get(key))), None)
    if said is not None:
        yield from lines_of(said, named or path, at or first)
        return
    for key, value in record.items():
        if is_record(value) or is_list(value):
            yield from lines_of(value, key if looks_like_path(key) else named or path, first)
        elif isinstance(value, str) and looks_like_path(key):
            yield from _of_text(value, key, first)
        elif value is not None and key.lower() not in _NUMBERS:
            yield Line(named if named and looks_like_path(named) else path, at, f"{key}: {value}"[:_MAX_LINE])


def _of_text(text: str, path: str | None, first: int) -> Iterator[Line]:
    # Nobody quotes more of a line, and what is looked at twice should be short.
    rows = [row[:_MAX_LINE] for row in text.splitlines()]
    filled = [row for row in rows if row.strip()]
    grepped = [match for row in filled if (match := _GREP.match(row)) and looks_like_path(match["path"])]
    if grepped and len(grepped) >= _MOST * len(filled):
        yield from (Line(match["path"], int(match["number"]), match["text"]) for match in grepped)
        return
    numbered = [match for row in filled if (match := _NUMBERED.match(row))]
    headings = [row for row in filled if looks_like_path(row.strip().rstrip(":"))]
    if numbered and len(numbered) + len(headings) >= _MOST * len(filled) and _ascends(numbered, len(headings)):
        yield from _of_numbered(filled, path)
        return
    if path is None and len(rows) == 1:
        yield Line(None, None, rows[0])
        return
    yield from (Line(path, first + n if path is not None else None, row) for n, row in enumerate(rows))


def _of_numbered(rows: list[str], path: str | None) -> Iterator[Line]:
    for row in rows:
        match = _NUMBERED.match(row)
        if match is not None:
            yield Line(path, int(match["number"]), match["text"])
        elif looks_like_path(row.strip().rstrip(":")):
            path = row.strip().rstrip(":")


def _ascends(matches: list[re.Match[str]], falls: int) -> bool:
    numbers = [int(match["number"]) for match in matches]
    return sum(after <= before for before, after in pairwise(numbers)) <= falls
