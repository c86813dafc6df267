"""What can mean only one thing is read as that; what would change its meaning is refused."""

import json
from datetime import date
from typing import Annotated, Any, Literal

import pydantic
import pytest

from perdure.agents.tools import Tool
from perdure.errors import ToolInputInvalid
from tests.agents.tool_types import (
    Aged,
    Card,
    Cash,
    Inner,
    Item,
    Level,
    Numbered,
    Options,
    Order,
    Place,
    Plain,
    Worded,
    tool_of,
)

CASH = Cash(kind="cash", number="1")

READ: list[tuple[Any, Any, Any]] = [
    (int, 1.0, 1),
    (int, "1", 1),
    (int, " -7 ", -7),
    (int, "1.0", 1),
    (int | None, "1", 1),
    (int | None, None, None),
    (float, "1.5", 1.5),
    (float, "-1e3", -1000.0),
    (float, 1, 1.0),
    (bool, "true", True),
    (bool, "False", False),
    (str, "1", "1"),
    (int | str, "1", "1"),
    (int | str, 1, 1),
    (list[int], ["1", 2.0], [1, 2]),
    (list[int], "[1, 2]", [1, 2]),
    (dict[str, int], {"a": "1"}, {"a": 1}),
    (dict[str, int], '{"a": 1}', {"a": 1}),
    (str, "[1]", "[1]"),
    (tuple[int, str], ["1", "1"], (1, "1")),
    (Literal[1, 2], "2", 2),
    (Literal[1, 2], 2.0, 2),
    (Literal["1", "2"], "2", "2"),
    (Level, "2", Level.HIGH),
    (Place, {"city": "Oslo", "zip": "7"}, Place("Oslo", 7)),
    (Place, {"city": "Oslo", "zip": None}, Place("Oslo")),
    (Place | None, '{"city": "Oslo"}', Place("Oslo")),
    (Options, {"size": 1.0, "loud": "true"}, {"size": 1, "loud": True}),
    (Annotated[int, pydantic.Field(ge=1)], "2", 2),
    (Order, {"inner": {"n": "2"}, "others": None}, Order.model_validate({"inner": {"n": 2}})),
    (Plain, {"customerId": 5}, Plain(customerId=5)),
    (Plain, {"customer_id": 5}, Plain(customerId=5)),
    (Numbered | Worded, {"code": "1"}, Worded("1")),
    (Numbered | Worded, {"code": 1}, Numbered(1)),
    (Numbered | Aged, {"code": "1", "age": "2"}, Aged(1, 2)),
    (Place | Item, {"itemId": "1"}, Item(1)),
    (Annotated[Card | Cash, pydantic.Field(discriminator="kind")], {"kind": "cash", "number": "1"}, CASH),
    (Card | Cash, {"kind": "card", "number": "1"}, Card(kind="card", number=1)),
    (list[Place | Item] | None, '[{"itemId": 1}]', [Item(1)]),
    (date | str, "2026-13-01", "2026-13-01"),
    (date | str, "2026-01-31", date(2026, 1, 31)),
]

REFUSED: list[tuple[Any, Any]] = [
    (int, 1.5),
    (int, "1.5"),
    (int, "abc"),
    (int, ""),
    (int, True),
    (int, 1e300),
    (int, float(2**53)),
    (int, None),
    (int, [1]),
    (float, "nan"),
    (float, "inf"),
    (float, True),
    (bool, 1),
    (bool, "yes"),
    (bool, ""),
    (str, 5),
    (str, None),
    (str, True),
    (int | None, "null"),
    (list[int], "1, 2"),
    (list[int], 1),
    (list[int], [1, "x"]),
    (dict[str, int], "[1]"),
    (Literal[1, 2], True),
    (Literal[1, 2], "3"),
    (Place, {"city": None}),
    (Place, {"city": "Oslo", "zip": 1.5}),
    (Annotated[int, pydantic.Field(ge=1)], "0"),
    (Annotated[int, pydantic.Field(ge=1)], True),
    (Order, {"inner": {"n": True}}),
    (Order, {"inner": None}),
    (Plain, {}),
    (Inner | Item, {"n": True}),
    (Inner | Item, {"n": 0}),
    (Place | Item, {"itemId": 1.5}),
    (Numbered | Aged, {"code": True}),
]


@pytest.mark.parametrize(("annotation", "written", "meant"), READ, ids=range(len(READ)))
def test_what_can_mean_one_thing_only_is_read_as_that(annotation: Any, written: Any, meant: Any) -> None:
    found = Tool(tool_of(annotation)).bind(json.dumps({"value": written}))["value"]
    assert (type(found), found) == (type(meant), meant)


@pytest.mark.parametrize(("annotation", "written"), REFUSED, ids=range(len(REFUSED)))
def test_what_would_change_its_meaning_is_refused(annotation: Any, written: Any) -> None:
    with pytest.raises(ToolInputInvalid, match="value: "):
        Tool(tool_of(annotation)).bind(json.dumps({"value": written}))


@pytest.mark.parametrize("annotation", [int, str, Place, list[int], Annotated[int, pydantic.Field(ge=1)]])
def test_null_for_what_has_a_default_is_not_given(annotation: Any) -> None:
    assert Tool(tool_of(annotation, None)).bind('{"value": null}') == {}


def test_null_for_what_may_be_null_is_null() -> None:
    assert Tool(tool_of(int | None, 7)).bind('{"value": null}') == {"value": None}


@pytest.mark.parametrize("text", ["", " ", "\n", "null", "{}", '"{}"', '"null"', '""', '" "', "{}{}", "{}\n{}"])
def test_a_tool_without_parameters_is_called_however_nothing_is_written(text: str) -> None:
    def now() -> None: ...

    assert Tool(now).bind(text) == {}


@pytest.mark.parametrize(
    "text", ['{"value": 1}', '"{\\"value\\": 1}"', '{}{"value": 1}', '{"value": 1}{"value": 1}', ' {"value": 1} \n']
)
def test_an_object_is_read_once_however_often_it_comes(text: str) -> None:
    assert Tool(tool_of(int)).bind(text) == {"value": 1}


@pytest.mark.parametrize(
    "text",
    [
        "[1]",
        "7",
        '"x"',
        "{",
        '{"value": 1}{"value": 2}',
        '{"value": NaN}',
        '{"value": 1e999}',
        "[" * 100_000,
        '{"value": 1} x',
    ],
    ids=range(9),
)
def test_what_is_no_one_object_is_refused(text: str) -> None:
    with pytest.raises(ToolInputInvalid, match="no JSON object"):
        Tool(tool_of(Any)).bind(text)
