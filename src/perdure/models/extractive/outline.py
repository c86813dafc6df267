"""The shape of a file, line by line: what a line defines, and in what it stands. By indentation, in any language."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

import msgspec

Kind = Literal["function", "class", "value", "heading", "section", "import", "comment", "other"]

_SHAPES: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    ("import", re.compile(r"^\s*(?:from\s+\S+\s+import\b|import\b|#include\b|use\s+\w|require\b|@import\b)(?P<name>)")),
    (
        "function",
        re.compile(
            r"^\s*(?:export\s+|default\s+|pub(?:\([^)]*\))?\s+|public\s+|private\s+|static\s+)*(?:async\s+)?"
            r"(?:def|function\*?|func|fn|sub)\s+(?:\([^)]*\)\s*)?(?P<name>\w+)"
        ),
    ),
    (
        "class",
        re.compile(
            r"^\s*(?:export\s+|default\s+|pub(?:\([^)]*\))?\s+|public\s+|abstract\s+|final\s+|data\s+)*"
            r"(?:class|interface|struct|enum|trait|type|create\s+table(?:\s+if\s+not\s+exists)?)\s+(?P<name>\w+)",
            re.IGNORECASE,
        ),
    ),
    (
        "function",
        re.compile(r"^\s*(?:export\s+)?(?:const|let|var)\s+(?P<name>\w+)\s*=\s*(?:async\s*)?(?:\([^)]*\)|\w+)\s*=>"),
    ),
    (
        "value",
        re.compile(
            r"^\s*(?:export\s+)?(?:(?:const|let|var|static|final|pub)\s+)*(?P<name>[A-Za-z_][\w.-]*)\s*(?::[^=]+)?\s:?=(?!=)\s*\S"
            r"|^(?P<bare>[A-Za-z_][\w.-]*)=(?!=)\S"
        ),
    ),
    ("value", re.compile(r"^\s*\"?(?P<name>[A-Za-z_][\w-]*)\"?:\s+\S")),
    ("section", re.compile(r"^\[{1,2}(?P<name>[\w.\"-]+)\]{1,2}\s*$")),
    ("heading", re.compile(r"^#{1,6}\s+(?P<name>.+)$")),
    ("comment", re.compile(r"^\s*(?:#|//|/\*|\*|--|;|<!--)(?P<name>)")),
)
_MARKDOWN = (".md", ".rst", ".txt", ".adoc")
_QUOTES = ('"""', "'''")
_MAX_DOC = 12
_MAX_LOOK = 60


class Row(msgspec.Struct):
    """A line; `owners` are the numbers of the definitions that it stands in, `is_prose` is true inside a docstring."""

    number: int
    text: str
    kind: Kind
    name: str
    indent: int
    owners: tuple[int, ...] = ()
    is_prose: bool = False

    @property
    def defines(self) -> bool:
        return self.kind in {"function", "class", "value", "heading"} and not self.is_prose


def outline(path: str, lines: Mapping[int, str]) -> dict[int, Row]:
    """Every known line of a file with what it defines and where it stands; a gap in the numbers forgets the context."""
    rows: dict[int, Row] = {}
    stack: list[Row] = []
    quote, last = "", 0
    is_prose = is_prose_file(path)
    for number in sorted(lines):
        text = lines[number]
        if number != last + 1:
            # What a gap hides may have ended a function; a class is likely to go on.
            stack = [each for each in stack if each.kind == "class"]
            quote = _open_quote(lines, number)
        last = number
        row = _row(number, text, is_prose=is_prose)
        closing = quote
        if quote:
            row.is_prose = True
            quote = "" if quote in text else quote
        else:
            quote = next((each for each in _QUOTES if text.count(each) % 2), "")
            row.is_prose = bool(quote) or text.lstrip().startswith(_QUOTES)
        if text.strip() and not closing:
            while stack and stack[-1].indent >= row.indent:
                stack.pop()
        row.owners = tuple(each.number for each in stack)
        rows[number] = row
        if row.kind == "section" or (row.defines and row.kind in {"function", "class"}):
            stack.append(row)
    return rows


def is_prose_file(path: str) -> bool:
    """Whether a file holds sentences, and no code."""
    return path.lower().endswith(_MARKDOWN)


def doc_of(row: Row, rows: Mapping[int, Row]) -> list[Row]:
    """What is said about a definition: the comment above it, and the docstring below its signature."""
    above: list[Row] = []
    for number in range(row.number - 1, row.number - 1 - _MAX_DOC, -1):
        other = rows.get(number)
        if other is None or other.kind != "comment" or other.indent != row.indent:
            break
        above.append(other)
    below: list[Row] = []
    for number in range(row.number + 1, row.number + 1 + _MAX_DOC):
        other = rows.get(number)
        if other is None or row.number not in other.owners:
            break
        if other.is_prose:
            below.append(other)
        elif below or other.defines:
            break
    return [*reversed(above), *below]


def body_of(row: Row, rows: Mapping[int, Row], most: int) -> list[Row]:
    """The first lines inside a definition."""
    inside: list[Row] = []
    for number in range(row.number + 1, row.number + 1 + most):
        other = rows.get(number)
        if other is None or (other.text.strip() and row.number not in other.owners):
            break
        inside.append(other)
    return inside


def _row(number: int, text: str, *, is_prose: bool) -> Row:
    indent = len(text.expandtabs(4)) - len(text.expandtabs(4).lstrip())
    shapes = _SHAPES if not is_prose else tuple(each for each in _SHAPES if each[0] == "heading")
    for kind, pattern in shapes:
        if kind == "heading" and not is_prose:
            continue
        match = pattern.match(text)
        if match is not None:
            name = match["name"] or match.groupdict().get("bare") or ""
            # A section goes on until the next one, however its lines are indented.
            return Row(number, text, kind, name, -1 if kind == "section" else indent)
    return Row(number, text, "other", "", indent)


def _open_quote(lines: Mapping[int, str], first: int) -> str:
    """The docstring that a stretch of lines begins in: the one that its first quotes close."""
    before = ""
    for number in range(first, first + _MAX_LOOK):
        text = lines.get(number)
        if text is None:
            return ""
        stripped = text.strip()
        for quote in _QUOTES:
            if stripped.count(quote) == 1:
                closes = stripped != quote and stripped.endswith(quote) and not stripped.startswith(quote)
                return quote if closes or (stripped == quote and not before.endswith((":", "("))) else ""
        before = stripped or before
    return ""


def heading_of(rows: Mapping[int, Row]) -> list[str]:
    """What a file says of itself before its first code."""
    texts: list[str] = []
    for number in range(1, 1 + _MAX_DOC):
        row = rows.get(number)
        if row is None or not (row.is_prose or row.kind == "comment" or not row.text.strip()):
            break
        texts.append(row.text)
    return texts
