"""`tests/FAULTS.md`: each fault that was found once has a test, and another fault of its kind has one too."""

import ast
import re
from functools import cache

import pytest

from tests.meta.project import ROOT

ROWS = {"D": 22, "V": 6, "T": 10, "G": 10, "U": 15}
OPEN: set[str] = set()
"""The rows that say `open:`. Whoever closes one takes it out of here."""

NODE = re.compile(r"`([^`]+\.py)::(test_\w+)`")


def rows(table: str) -> list[tuple[str, str]]:
    """Each row's name and the rest of its line, in order."""
    return re.findall(r"^\| ([A-Z]\d+) \|(.*)$", table, re.MULTILINE)


@cache
def functions_of(path: str) -> frozenset[str]:
    """The names of the test functions and methods of a file; none where there is no such file."""
    file = ROOT / path
    if not file.is_file():
        return frozenset()
    nodes = ast.walk(ast.parse(file.read_text()))
    return frozenset(node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def missing(table: str) -> list[str]:
    return [f"{path}::{name}" for path, name in NODE.findall(table) if name not in functions_of(path)]


def incomplete(table: str) -> list[str]:
    """The rows that lack a test or another one, and are not said to be open."""
    return [row for row, rest in rows(table) if "| open: " not in rest and len(set(NODE.findall(rest))) < 2]


@pytest.fixture
def table() -> str:
    return (ROOT / "tests" / "FAULTS.md").read_text()


def test_each_fault_has_one_row(table: str) -> None:
    expected = [f"{kind}{number}" for kind, count in ROWS.items() for number in range(1, count + 1)]
    assert [row for row, _ in rows(table)] == expected


def test_each_named_test_is_there(table: str) -> None:
    assert missing(table) == []


def test_each_fault_has_two_tests_or_is_said_to_be_open(table: str) -> None:
    assert incomplete(table) == []
    assert {row for row, rest in rows(table) if "| open: " in rest} == OPEN


def test_a_test_that_is_gone_and_a_row_with_one_test_are_seen() -> None:
    here = "tests/meta/test_the_table_of_faults.py"
    real = f"`{here}::test_each_fault_has_one_row`"
    table = f"| D1 | a | {real} | {real} | |\n| D2 | b | `{here}::test_gone` | `tests/gone.py::test_gone` | |\n"
    assert missing(table) == [f"{here}::test_gone", "tests/gone.py::test_gone"]
    assert incomplete(table) == ["D1"]
