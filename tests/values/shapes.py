"""Values of every shape: pydantic's, and those of plain Python that may lose something on their way back."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from typing import Annotated, Any, Generic, Literal, NamedTuple, TypedDict, TypeVar
from uuid import UUID

import msgspec
from pydantic import (
    AliasChoices,
    AliasPath,
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    RootModel,
    SecretBytes,
    SecretStr,
    computed_field,
    field_serializer,
    model_validator,
)
from pydantic.dataclasses import dataclass as pydantic_dataclass

T = TypeVar("T")


class Colour(Enum):
    RED = "red"


class Level(IntEnum):
    HIGH = 3


class Tone(StrEnum):
    WARM = "warm"


class Plain(BaseModel):
    name: str
    at: datetime | None = None
    amount: Decimal = Decimal(1)


class Aliased(BaseModel):
    customer_id: int = Field(0, alias="customerId")


class AliasedStrictly(BaseModel):
    model_config = ConfigDict(extra="forbid")
    customer_id: int = Field(0, alias="customerId")


class ByName(BaseModel):
    model_config = ConfigDict(populate_by_name=True)
    customer_id: int = Field(0, alias="customerId")


class AliasedApart(BaseModel):
    customer_id: int = Field(0, validation_alias="in", serialization_alias="out")


class AliasedDeep(BaseModel):
    customer_id: int = Field(0, validation_alias=AliasPath("customer", "id"))
    name: str = Field("", validation_alias=AliasChoices("name", "label"))


class AliasedInside(BaseModel):
    inner: AliasedApart = Field(alias="innerModel")
    many: list[Aliased] = []


class Strict(BaseModel):
    model_config = ConfigDict(strict=True)
    at: datetime
    day: date
    amount: Decimal
    id: UUID
    colour: Colour
    raw: bytes
    many: tuple[int, ...]
    ids: set[int]


class Computed(BaseModel):
    model_config = ConfigDict(extra="forbid")
    width: int

    @computed_field
    @property
    def area(self) -> int:
        return self.width**2


class Excluded(BaseModel):
    name: str
    note: str = Field("", exclude=True)


class Secret(BaseModel):
    name: str
    token: SecretStr


class MaybeSecret(BaseModel):
    token: SecretBytes | None = None


class Revealed(BaseModel):
    token: SecretStr | None = None

    @field_serializer("token", when_used="json")
    def reveal(self, value: SecretStr | None) -> str | None:
        return value.get_secret_value() if value else None


class SecretInside(BaseModel):
    many: list[Secret] = []


@pydantic_dataclass
class Checked:
    total: int
    cents: list[Aliased]


@pydantic_dataclass
class CheckedAlias:
    customer_id: int = Field(0, alias="customerId")


@dataclass
class SecretInDataclass:
    name: str
    token: SecretStr | None = None


class Base(BaseModel):
    x: int


class Derived(Base):
    y: int = 0


class HoldsBase(BaseModel):
    base: Base


class Card(BaseModel):
    number: str


class Cash(BaseModel):
    amount: int = 0


class Cat(BaseModel):
    kind: Literal["cat"] = "cat"
    lives: int = 9


class Dog(BaseModel):
    kind: Literal["dog"] = "dog"
    lives: int = 1


Pet = Annotated[Cat | Dog, Field(discriminator="kind")]


class Owner(BaseModel):
    pet: Pet
    paid: Card | Cash


class Box(BaseModel, Generic[T]):
    item: T


class Numbers(RootModel[list[int]]):
    pass


class Extra(BaseModel):
    model_config = ConfigDict(extra="allow")
    x: int


class Private(BaseModel):
    x: int
    _seen: int = PrivateAttr(0)

    def seen(self, times: int) -> Private:
        self._seen = times
        return self


class Recursive(BaseModel):
    x: int
    children: list[Recursive] = []


class Anything(BaseModel):
    model_config = ConfigDict(arbitrary_types_allowed=True)
    data: Any


class Number(BaseModel):
    value: float


class Shifting(BaseModel):
    """Its validator changes what it is given."""

    x: int

    @model_validator(mode="after")
    def shift(self) -> Shifting:
        object.__setattr__(self, "x", self.x + 1)
        return self


@dataclass
class Left:
    x: int


@dataclass
class Right:
    x: int
    y: int = 0


@dataclass
class HoldsDict:
    data: dict[Any, int]


@dataclass
class Twin:
    x: int


@dataclass
class Wider(Left):
    z: int = 0


@dataclass
class Derives:
    x: int
    twice: int = field(init=False)

    def __post_init__(self) -> None:
        self.twice = self.x * 2


@dataclass
class Counts:
    """Its own code changes what it is given, each time."""

    x: int

    def __post_init__(self) -> None:
        self.x += 1


class CountsInStruct(msgspec.Struct):
    x: int

    def __post_init__(self) -> None:
        self.x += 1


@dataclass
class Order:
    paid: Left | Right | Card
    note: str = ""
    by: dict[str, Card | Cash] | None = None


@dataclass
class Node:
    value: int
    next: Node | Left | None = None


class Told(msgspec.Struct):
    x: int


class ToldMore(Told):
    y: int = 0


class Known(TypedDict):
    name: str


class Pair(NamedTuple):
    left: Card
    right: int
