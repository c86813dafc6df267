"""Values of many types, as users have them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from typing import NamedTuple, TypedDict

import msgspec


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Level(IntEnum):
    LOW = 1
    HIGH = 2


class Word(StrEnum):
    YES = "yes"


@dataclass
class Line:
    amount: Decimal
    at: datetime


@dataclass
class Bill:
    lines: list[Line]
    by: dict[str, Colour] = field(default_factory=dict[str, Colour])
    note: str | None = None


class Point(msgspec.Struct, frozen=True):
    x: int
    y: float = 0.5


class Pair(NamedTuple):
    left: str
    right: int


class Known(TypedDict):
    name: str
    age: int


AT = datetime(2026, 2, 28, 23, 59, 59, 123456, UTC)
