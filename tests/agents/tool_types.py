"""Types that a tool may have, and JSON values: every one is tried with every other."""

import dataclasses
import enum
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal, NamedTuple, NotRequired
from uuid import UUID

import annotated_types
import msgspec
import pydantic
from typing_extensions import TypedDict


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


@dataclasses.dataclass
class Place:
    city: str
    zip: int = 0


@dataclasses.dataclass
class Bounded:
    n: Annotated[int, annotated_types.Ge(1)]


class Point(NamedTuple):
    x: int
    y: int


class Options(TypedDict):
    size: int
    loud: NotRequired[bool]


class Held(TypedDict):
    held: "Inner | Node"


class Item(msgspec.Struct, rename="camel"):
    item_id: int
    tags: list[str] = []


class Inner(pydantic.BaseModel):
    n: Annotated[int, pydantic.Field(ge=1)]


class Order(pydantic.BaseModel):
    inner: Inner
    others: list[Inner] = []
    order_name: str = pydantic.Field(default="x", alias="orderName")


class Node(pydantic.BaseModel):
    name: str
    children: list["Node"] = []


@dataclasses.dataclass
class Branch:
    name: str
    next: "Branch | Place | None" = None


@dataclasses.dataclass
class Numbered:
    code: int
    city: str = ""


@dataclasses.dataclass
class Worded:
    code: str


@dataclasses.dataclass
class Aged:
    code: int
    age: int


class Plain(pydantic.BaseModel):
    customer_id: int = pydantic.Field(alias="customerId")


class Card(pydantic.BaseModel):
    kind: Literal["card"]
    number: int


class Cash(pydantic.BaseModel):
    kind: Literal["cash"]
    number: str


class Holder(msgspec.Struct):
    inner: Inner
    n: int = 0


def _other_inner() -> type[pydantic.BaseModel]:
    class Inner(pydantic.BaseModel):
        text: str

    return Inner


OtherInner = _other_inner()

TYPES: dict[str, Any] = {
    "int": int,
    "float": float,
    "bool": bool,
    "str": str,
    "none": None,
    "int-or-none": int | None,
    "int-or-str": int | str,
    "list": list[int],
    "list-of-any": list,
    "tuple": tuple[int, str],
    "dict": dict[str, int],
    "any": Any,
    "literal": Literal["a", "b"],
    "numbers": Literal[1, 2],
    "enum": Colour,
    "int-enum": Level,
    "date": date,
    "uuid": UUID,
    "dataclass": Place,
    "dataclass-or-none": Place | None,
    "list-of-dataclass": list[Place],
    "named-tuple": Point,
    "typed-dict": Options,
    "struct": Item,
    "meta": Annotated[int, msgspec.Meta(ge=1, le=10)],
    "meta-text": Annotated[str, msgspec.Meta(pattern="^[ab]+$", max_length=3)],
    "field": Annotated[int, pydantic.Field(ge=1, le=10)],
    "field-in-list": list[Annotated[int, pydantic.Field(ge=1)]],
    "field-or-none": Annotated[int | None, pydantic.Field(gt=1)],
    "field-pattern": Annotated[str, pydantic.Field(pattern="^[ab]+$")],
    "field-description": Annotated[str, pydantic.Field(description="A city.")],
    "annotated-types": Annotated[int, annotated_types.Gt(1)],
    "annotated-interval": Annotated[int, annotated_types.Interval(ge=1, lt=10)],
    "annotated-length": Annotated[list[int], annotated_types.Len(1, 2)],
    "annotated-in-dataclass": Bounded,
    "pydantic-type": pydantic.PositiveInt,
    "model": Inner,
    "nested-model": Order,
    "model-or-none": Order | None,
    "list-of-models": list[Order],
    "dict-of-models": dict[str, Inner],
    "two-models": Inner | Node,
    "models-in-typed-dict": Held,
    "two-dataclasses": Place | Numbered,
    "dataclass-or-struct": Place | Item,
    "model-or-struct": Inner | Item,
    "list-of-a-union": list[Place | Numbered],
    "date-or-text": date | str,
    "recursive-dataclass": Branch,
    "object": object,
    "recursive-model": Node,
    "same-name": OtherInner,
    "model-in-struct": Holder,
}

VALUES: list[Any] = [
    None,
    True,
    0,
    1,
    7,
    11,
    -1,
    1.0,
    1.5,
    "",
    "a",
    "ab",
    "abc",
    "red",
    "1",
    "x1",
    "true",
    "null",
    "2026-01-31",
    "2026-13-31",
    "7f5c2a34-9d2e-4c1b-8a55-0123456789ab",
    [],
    [1],
    [1, 2],
    [0],
    [1, 2, 3],
    [1, "a"],
    ["1", 2.0],
    [[1]],
    "[1, 2]",
    {},
    {"a": 1},
    {"a": "x"},
    {"a": "1"},
    {"city": "Oslo"},
    {"city": "Oslo", "zip": "7"},
    {"city": "Oslo", "zip": None},
    {"city": 5},
    [{"city": "Oslo"}],
    {"size": 1},
    {"size": 1, "loud": True},
    {"size": "x"},
    {"loud": True},
    {"code": 1},
    {"code": "1"},
    {"code": "x", "city": "Oslo"},
    [{"city": "Oslo"}, {"code": 1}],
    {"name": "a", "next": {"name": "b", "next": {"city": "Oslo"}}},
    {"name": "a", "next": {"name": "b", "next": {"city": 5}}},
    {"itemId": 1, "tags": ["a"]},
    {"item_id": 1},
    {"n": 1},
    {"n": 0},
    {"n": "2"},
    {"text": "x"},
    {"held": {"n": 1}},
    {"held": {"n": 0}},
    '{"n": 3}',
    {"inner": {"n": 1}},
    {"inner": {"n": 0}},
    {"inner": {"n": 1}, "others": [{"n": 1}], "orderName": "y"},
    {"inner": {"n": 1}, "others": [{"n": 0}]},
    [{"inner": {"n": 1}}],
    {"k": {"n": 1}},
    {"k": {"n": 0}},
    {"name": "a", "children": [{"name": "b", "children": []}]},
    {"name": "a", "children": [{"name": 1}]},
]


def tool_of(annotation: Any, default: Any = msgspec.UNSET) -> Any:
    """A function with one parameter of a type."""
    if default is msgspec.UNSET:

        def act(value: Any) -> None: ...

    else:

        def act(value: Any = default) -> None: ...

    act.__annotations__["value"] = annotation
    return act


def decimal(value: Decimal) -> Decimal:
    return value
