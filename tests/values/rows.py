"""The table: types, values, and what must become of them.

A value that is kept comes back equal and of its type, in every place. One that is `lost` is refused with its path,
everywhere where its `own` class would not bring it back, else where the annotation would not.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Literal, NewType, TypeVar
from uuid import UUID

import msgspec
import pytest
from pydantic import SecretStr
from typing_extensions import TypeAliasType

from tests.runs.shapes import AT, Bill, Line, Point, Word
from tests.values import shapes as s

Cents = NewType("Cents", int)
Payment = NewType("Payment", s.Card | s.Cash)  # type: ignore[valid-newtype]
Named = TypeAliasType("Named", list[s.Card | s.Cash])
Few = TypeVar("Few", bound=int)

WHEN = datetime(2026, 2, 28, 23, 59, 59, 123456, UTC)
STRICT = s.Strict(
    at=WHEN,
    day=date(2026, 2, 28),
    amount=Decimal("1.10"),
    id=UUID(int=7),
    colour=s.Colour.RED,
    raw=b"abc",
    many=(1, 2),
    ids={3},
)


class Row(msgspec.Struct, frozen=True):
    kind: Any
    value: Any
    lost: str = ""
    own: bool = False


KEPT: dict[str, Row] = {
    "none": Row(None, None),
    "the greatest signed integer": Row(int, 2**63 - 1),
    "the least integer": Row(int, -(2**63)),
    "the greatest unsigned integer": Row(int, 2**64 - 1),
    "an integer that no double has": Row(int, 2**53 + 1),
    "text": Row(str, "größe \U0001f600\0"),
    "truth value": Row(bool, True),
    "fraction": Row(float, 0.1),
    "a fraction that looks whole": Row(float, 5.0),
    "date": Row(date, date(2026, 2, 28)),
    "time": Row(time, time(23, 59, 59, 123456)),
    "tuple": Row(tuple[int, str], (1, "a")),
    "set": Row(set[str], {"a", "b"}),
    "frozen set": Row(frozenset[int], frozenset({1, 2})),
    "literal": Row(Literal["a", 7], 7),
    "enum of integers": Row(s.Level, s.Level.HIGH),
    "enum of texts": Row(s.Tone, s.Tone.WARM),
    "decimal": Row(Decimal, Decimal("0.10000000000000000000000001")),
    "datetime": Row(datetime, AT),
    "timedelta": Row(timedelta, timedelta(days=-1, microseconds=7)),
    "uuid": Row(UUID, UUID(int=7)),
    "bytes": Row(bytes, b"\x00\xff"),
    "enum": Row(Word, Word.YES),
    "dataclass": Row(Bill, Bill([Line(Decimal("1.0"), AT)])),
    "msgspec": Row(Point, Point(1)),
    "typed dict": Row(s.Known, {"name": "a"}),
    "named tuple": Row(s.Pair, s.Pair(s.Card(number="1"), 2)),
    "object": Row(object, {"a": [1]}),
    "a new type": Row(Cents, 5),
    "a type variable": Row(Few, 5),
    "model": Row(s.Plain, s.Plain(name="a", at=AT)),
    "model or none": Row(s.Plain | None, s.Plain(name="a")),
    "list of models": Row(list[s.Plain], [s.Plain(name="a")]),
    "dict of models": Row(dict[str, s.Aliased], {"a": s.Aliased(customerId=5)}),
    "alias with a default": Row(s.Aliased, s.Aliased(customerId=5)),
    "alias, nothing else allowed": Row(s.AliasedStrictly, s.AliasedStrictly(customerId=5)),
    "populate by name": Row(s.ByName, s.ByName.model_validate({"customer_id": 5})),
    "aliases that differ": Row(s.AliasedApart, s.AliasedApart.model_validate({"in": 5})),
    "alias path": Row(s.AliasedDeep, s.AliasedDeep.model_validate({"customer": {"id": 5}, "label": "x"})),
    "aliases inside": Row(
        s.AliasedInside,
        s.AliasedInside(innerModel=s.AliasedApart.model_validate({"in": 5}), many=[s.Aliased(customerId=6)]),
    ),
    "strict": Row(s.Strict, STRICT),
    "computed": Row(s.Computed, s.Computed(width=3)),
    "excluded at its default": Row(s.Excluded, s.Excluded(name="a", note="")),
    "generic": Row(s.Box[int], s.Box[int](item=5)),
    "generic of a model": Row(s.Box[s.Aliased], s.Box[s.Aliased](item=s.Aliased(customerId=5))),
    "root model": Row(s.Numbers, s.Numbers([1, 2])),
    "extra fields": Row(s.Extra, s.Extra.model_validate({"x": 1, "y": [2]})),
    "private at its default": Row(s.Private, s.Private(x=1)),
    "a pydantic dataclass": Row(s.Checked, s.Checked(5, cents=[s.Aliased(customerId=1)])),
    "a pydantic dataclass with an alias": Row(s.CheckedAlias, s.CheckedAlias(customerId=5)),
    "recursive": Row(s.Recursive, s.Recursive(x=1, children=[s.Recursive(x=2)])),
    "discriminated": Row(s.Owner, s.Owner(pet=s.Dog(), paid=s.Cash(amount=3))),
    "a discriminated union": Row(s.Pet, s.Dog(lives=2)),
    "a union of models": Row(s.Card | s.Cash, s.Cash(amount=3)),
    "a union of models, the first": Row(s.Card | s.Cash, s.Card(number="4")),
    "a union of models with defaults alone": Row(s.Card | s.Cash | None, s.Cash()),
    "a list of a union": Row(list[s.Card | s.Cash], [s.Card(number="1"), s.Cash(amount=3)]),
    "model or text": Row(s.Card | str, "cash"),
    "model or list or number": Row(s.Card | list[s.Cash] | int, [s.Cash(amount=3)]),
    "a union of dataclasses": Row(s.Left | s.Right, s.Right(1)),
    "a union of dataclasses, the smaller": Row(s.Right | s.Left, s.Left(1)),
    "a union of a dataclass and a struct": Row(s.Left | Point, Point(1)),
    "a union in a dataclass": Row(s.Order, s.Order(s.Right(1, 2), by={"a": s.Cash(amount=3)})),
    "a union in a recursive dataclass": Row(s.Node, s.Node(1, s.Node(2, s.Left(3)))),
    "a field that is derived": Row(s.Derives, s.Derives(2)),
    "text or a date": Row(date | str, "2026-13-01"),
    "a date or text": Row(date | str, date(2026, 2, 28)),
    "set or list": Row(list[int] | set[int], [3, 3]),
    "an alias of a union": Row(Named, [s.Card(number="1"), s.Cash(amount=2)]),
    "subclass that is annotated": Row(s.Derived, s.Derived(x=1, y=2)),
    "a secret that is not there": Row(s.MaybeSecret, s.MaybeSecret()),
}

LOST: dict[str, Row] = {
    "secret": Row(s.Secret, s.Secret(name="a", token=SecretStr("x")), ".token", own=True),
    "an optional secret": Row(s.MaybeSecret, s.MaybeSecret.model_validate({"token": "x"}), ".token", own=True),
    "a secret that its model reveals": Row(s.Revealed, s.Revealed(token=SecretStr("x")), ".token", own=True),
    "a secret inside": Row(
        s.SecretInside, s.SecretInside(many=[s.Secret(name="a", token=SecretStr("x"))]), ".many[0].token", own=True
    ),
    "a secret in a dataclass": Row(s.SecretInDataclass, s.SecretInDataclass("a", SecretStr("x")), ".token", own=True),
    "a secret alone": Row(SecretStr, SecretStr("x"), "", own=True),
    "excluded": Row(s.Excluded, s.Excluded(name="a", note="x"), ".note", own=True),
    "private": Row(s.Private, s.Private(x=1).seen(2), "._seen", own=True),
    "a subclass in a field": Row(s.HoldsBase, s.HoldsBase(base=s.Derived(x=1, y=2)), ".base", own=True),
    "nan in a model": Row(s.Number, s.Number(value=float("nan")), ".value", own=True),
    "a tuple under Any": Row(s.Anything, s.Anything(data=(1, 2)), ".data", own=True),
    "an object under Any": Row(s.Anything, s.Anything(data=object()), ".data", own=True),
    "a validator that changes it": Row(s.Shifting, s.Shifting(x=1), ".x", own=True),
    "a model that was never valid": Row(s.Plain, s.Plain.model_construct(name=None), ".name", own=True),
    "an integer beyond 64 bits": Row(int, 2**64, own=True),
    "an integer that Python makes no text of": Row(int, 10**5000, own=True),
    "a negative one in a list": Row(list[int], [0, -(2**63) - 1], "[1]", own=True),
    "an integer beyond 64 bits in a model": Row(s.Base, s.Base(x=2**64), ".x", own=True),
    "a lone surrogate in a model": Row(s.Card, s.Card.model_construct(number="\ud83d"), ".number", own=True),
    "an integer beyond 64 bits as a key": Row(dict[int, int], {2**64: 1}, "", own=True),
    "two keys of one stored form": Row(dict, {1: 1, "1": 2}, own=True),
    "two keys of one stored form inside": Row(
        list[Any], [0, {"a": {UUID(int=7): 1, str(UUID(int=7)): 2}}], "[1].a", own=True
    ),
    "two keys of one stored form in a dataclass": Row(s.HoldsDict, s.HoldsDict({2.5: 1, "2.5": 2}), ".data", own=True),
    "a tuple as a key": Row(dict, {(1, 2): "a"}, own=True),
    "None as a key": Row(Any, {"a": {None: 1}}, ".a", own=True),
    "a truth value as a key": Row(dict[bool, int], {True: 1}, own=True),
    "a subclass": Row(s.Base, s.Derived(x=1, y=2)),
    "a subclass in a list": Row(list[s.Base], [s.Derived(x=1, y=2)], "[0]"),
    "a subclass of a dataclass": Row(s.Left, s.Wider(1, 2)),
    "a subclass of a dataclass in a dict": Row(dict[str, s.Left], {"a": s.Wider(1, 2)}, ".a"),
    "a subclass of a struct": Row(s.Told, s.ToldMore(1, 2)),
    "another model": Row(s.Card, s.Cash(amount=3)),
    "a dataclass that changes itself": Row(s.Counts, s.Counts(1), ".x"),
    "a struct that changes itself": Row(list[s.CountsInStruct], [s.CountsInStruct(1)], "[0].x"),
    "a key that the typed dict has not": Row(s.Known, {"name": "a", "age": 7}, ".age"),
    "a union that can not be told apart": Row(s.Left | s.Twin, s.Twin(1)),
    "text that looks like a date": Row(date | str, "2026-02-28"),
    "a set where a list comes first": Row(list[int] | set[int], {3}),
}


PLACES = (
    "argument",
    "step",
    "run's result",
    "event",
    "child's argument",
    "child's result",
    "tool's argument",
    "tool's output",
)
CELLS: dict[str, set[str]] = {place: set() for place in PLACES}
"""What is tried in each place: noted by `rows`."""
IS_SECRET = tuple(name for name in LOST if "secret" in name)


def rows(
    table: dict[str, Row], *places: str, own: bool | None = None, without: str = "", names: tuple[str, ...] = ()
) -> Any:
    """The rows as pytest's parameters, each in these places."""
    chosen = {
        name: row
        for name, row in table.items()
        if (own is None or row.own == own) and name != without and (not names or name in names)
    }
    for place in places:
        CELLS[place] |= set(chosen)
    return pytest.mark.parametrize("row", chosen.values(), ids=chosen)
