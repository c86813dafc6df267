"""The targets count per 1,000 lines of source: 5 `Any`, and half an ignored type error, which says which and why."""

import ast
import io
import re
import tokenize
from math import ceil

from tests.meta.project import modules

IGNORED = re.compile(r"\b(?:type|pyright):\s*(?:ignore|basic|standard)")
REASONED = re.compile(r"# (?:type|pyright): ignore\[[\w, -]+\]\s+(?:# )?\S+")


def uses_of_any(source: str) -> int:
    return sum(
        (isinstance(node, ast.Name) and node.id == "Any") or (isinstance(node, ast.Attribute) and node.attr == "Any")
        for node in ast.walk(ast.parse(source))
    )


def ignored_types(source: str) -> list[str]:
    return [
        token.string
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT and IGNORED.search(token.string)
    ]


def thousands_of_lines() -> float:
    return sum(len(path.read_text().splitlines()) for path in modules()) / 1000


def test_any_is_rare() -> None:
    uses = {path.name: count for path in modules() if (count := uses_of_any(path.read_text()))}
    assert sum(uses.values()) <= ceil(5 * thousands_of_lines()), uses


def test_ignored_type_errors_are_rare() -> None:
    ignored = [comment for path in modules() for comment in ignored_types(path.read_text())]
    assert len(ignored) <= ceil(0.5 * thousands_of_lines()), ignored


def test_an_ignored_type_error_says_which_and_why() -> None:
    ignored = [comment for path in modules() for comment in ignored_types(path.read_text())]
    assert [comment for comment in ignored if not REASONED.search(comment)] == []


def test_what_is_counted_is_seen() -> None:
    source = "from typing import Any\nx: Any = 1  # type: ignore\ny: list[typing.Any] = '# type: ignore'\n"
    assert uses_of_any(source) == 2
    assert ignored_types(source) == ["# type: ignore"]
    assert not REASONED.search("# type: ignore[arg-type]")
    assert REASONED.search("# type: ignore[arg-type]  # the stub forgets None")
