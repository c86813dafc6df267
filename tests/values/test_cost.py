"""Only types that may lose something are read back and compared before they are stored."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from perdure.core.values import encode, losing, loss_check
from tests.values.shapes import Card, Cash, Known

COSTS_NOTHING: list[Any] = [
    None,
    Any,
    bool,
    int,
    float,
    str,
    bytes,
    datetime,
    Decimal,
    list[int],
    dict[str, list[str]],
    tuple[int, ...],
    int | None,
    list[Any],
]


@dataclass
class Alone:
    x: int


class AloneToo(msgspec.Struct):
    x: int


@dataclass
class Parent:
    x: int


@dataclass
class Child(Parent):
    y: int = 0


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The values that a check compared."""
    seen = list[object]()
    compare = losing.difference

    def watched(given: object, back: object, path: str, *, strict: bool) -> object:
        seen.append(given)
        return compare(given, back, path, strict=strict)

    monkeypatch.setattr(losing, "difference", watched)
    return seen


@pytest.mark.parametrize("kind", COSTS_NOTHING, ids=str)
def test_what_can_lose_nothing_has_no_check(kind: Any) -> None:
    assert loss_check(kind) is None


@pytest.mark.parametrize(
    ("kind", "value", "is_compared"),
    [
        (Alone, Alone(1), False),
        (list[AloneToo], [AloneToo(1)], False),
        (Parent, Parent(1), True),
        (Known, {"name": "a"}, True),
        (Card, Card(number="1"), False),  # its own encoding has compared it
        (list[Card], [Card(number="1")], True),
        (Card | Cash, Cash(amount=1), True),
    ],
    ids=str,
)
def test_a_value_is_compared_only_where_its_class_may_lose_something(
    compared: list[object], kind: Any, value: Any, *, is_compared: bool
) -> None:
    check = loss_check(kind)
    assert check is not None
    check.check(value, encode(value), "value")
    assert compared == ([value] if is_compared else [])


def test_pydantic_is_not_imported_for_values_that_are_none_of_its_models() -> None:
    program = (
        "import sys; from perdure.core.values import encode, decode, loss_check, obstacle\n"
        "assert decode(encode([1, 'a']), list[int | str]) == [1, 'a']\n"
        "loss_check(list[int]), obstacle(dict[str, int])\n"
        "print('pydantic' in sys.modules)"
    )
    answer = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert answer.stdout == "False\n"
