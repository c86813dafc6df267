"""A tool's schema says what is accepted, and what is accepted is what it says."""

import json
from collections import deque
from typing import Annotated, Any, NewType

import annotated_types
import msgspec
import pydantic
import pytest
from jsonschema import Draft202012Validator, FormatChecker
from typing_extensions import TypedDict

from perdure import ToolContext, tool
from perdure.agents.lax import read
from perdure.agents.tools import Tool
from perdure.errors import ToolInputInvalid, ToolSignatureInvalid
from tests.agents.tool_types import TYPES, VALUES, Branch, Inner, Item, Node, Order, OtherInner, Place, tool_of
from tests.models.strict import schema_complaints

_FORMATS = FormatChecker(["date", "uuid"])


def says(made: Tool, arguments: Any) -> bool:
    """Whether the schema alone accepts arguments."""
    validator: Any = Draft202012Validator(made.spec.parameters, format_checker=_FORMATS)
    return validator.is_valid(arguments)


def takes(made: Tool, arguments: object) -> bool:
    """Whether the tool accepts them."""
    try:
        made.bind(json.dumps(arguments))
    except ToolInputInvalid:
        return False
    return True


@pytest.mark.parametrize("name", TYPES)
def test_a_schema_is_one_that_every_provider_takes(name: str) -> None:
    assert list(schema_complaints(Tool(tool_of(TYPES[name])).spec.parameters)) == []


@pytest.mark.parametrize("name", TYPES)
def test_what_the_schema_accepts_the_tool_accepts(name: str) -> None:
    made = Tool(tool_of(TYPES[name]))
    accepted = [value for value in VALUES if says(made, {"value": value})]
    assert [value for value in accepted if not takes(made, {"value": value})] == []
    assert accepted
    assert len(accepted) < len(VALUES) or name in {"any", "object"}


@pytest.mark.parametrize("name", TYPES)
def test_what_the_tool_accepts_the_schema_accepts_as_it_was_read(name: str) -> None:
    made = Tool(tool_of(TYPES[name]))
    schema = made.spec.parameters
    for value in VALUES:
        if takes(made, {"value": value}):
            assert says(made, read({"value": value}, schema, schema.get("$defs", {}))), value


def test_references_resolve_from_the_root_and_names_that_collide_are_told_apart() -> None:
    def act(order: Order, inner: Inner, other: object, node: Node) -> None: ...

    act.__annotations__["other"] = OtherInner
    made = Tool(act)
    assert list(schema_complaints(made.spec.parameters)) == []
    good: dict[str, Any] = {
        "order": {"inner": {"n": 1}},
        "inner": {"n": 1},
        "other": {"text": "x"},
        "node": {"name": "a", "children": [{"name": "b"}]},
    }
    assert says(made, good)
    bound = made.bind(json.dumps(good))
    assert bound["order"] == Order(inner=Inner(n=1))
    assert bound["node"].children == [Node(name="b")]
    for field, wrong in {
        "order": {"inner": {"n": 0}},
        "inner": {"n": 0},
        "other": {"n": 1},
        "node": {"name": 1},
    }.items():
        assert not says(made, good | {field: wrong})
        assert not takes(made, good | {field: wrong})


def test_a_field_of_a_model_is_told_by_its_alias_both_ways() -> None:
    made = Tool(tool_of(Order))
    shown = json.dumps(made.spec.parameters)
    assert '"orderName"' in shown
    assert '"order_name"' not in shown
    assert made.bind('{"value": {"inner": {"n": 1}, "orderName": "y"}}')["value"].order_name == "y"


@pytest.mark.parametrize(
    ("annotation", "default", "shown"),
    [
        (int, 3, 3),
        (str | None, None, None),
        (Place, Place("Oslo"), {"city": "Oslo", "zip": 0}),
        (Item, Item(1), {"itemId": 1, "tags": []}),
        (Annotated[int, pydantic.Field(ge=1)], 2, 2),
    ],
)
def test_a_default_is_in_the_schema(annotation: Any, default: Any, shown: Any) -> None:
    made = Tool(tool_of(annotation, default))
    assert made.spec.parameters["properties"]["value"]["default"] == shown
    assert made.spec.parameters["required"] == []
    assert made.bind("{}") == {}


def test_a_default_that_has_no_json_form_stays_the_function_s_own() -> None:
    made = Tool(tool_of(Any, object()))
    assert made.spec.parameters["properties"]["value"] == {}


class Two(msgspec.Struct):
    inner: Inner
    other: OtherInner  # type: ignore[valid-type]


def test_classes_of_one_name_inside_one_parameter_are_told_apart() -> None:
    made = Tool(tool_of(Two))
    assert list(schema_complaints(made.spec.parameters)) == []
    good = {"inner": {"n": 1}, "other": {"text": "x"}}
    assert says(made, {"value": good})
    for wrong in ({"inner": {"text": "x"}}, {"other": {"n": 1}}):
        assert not says(made, {"value": good | wrong})
        assert not takes(made, {"value": good | wrong})


def test_a_recursive_dataclass_with_a_union_is_described_to_its_leaves() -> None:
    made = Tool(tool_of(Branch))
    assert list(schema_complaints(made.spec.parameters)) == []
    for leaf, fits in ({"city": "Oslo"}, True), ({"city": 5}, False):
        given = {"value": {"name": "a", "next": {"name": "b", "next": leaf}}}
        assert (says(made, given), takes(made, given)) == (fits, fits)


def test_constraints_descriptions_and_the_docstring_reach_the_model() -> None:
    def act(count: Annotated[int, pydantic.Field(ge=1, description="How many.")], city: str) -> None:
        """Do it.

        Args:
            count: not this
            city: Where.
        """

    properties = Tool(act).spec.parameters["properties"]
    assert (properties["count"]["minimum"], properties["count"]["description"]) == (1, "How many.")
    assert properties["city"] == {"description": "Where.", "type": "string"}


def test_what_does_not_fit_is_told_with_its_field() -> None:
    def act(ctx: ToolContext, count: int, place: Place, order: Order) -> None: ...

    made = tool(act)
    place, order = {"city": "Oslo"}, {"inner": {"n": 1}}
    told: dict[str, dict[str, Any]] = {
        "count: missing": {"place": place, "order": order},
        "count: ": {"count": "many", "place": place, "order": order},
        "place: .*city": {"count": 1, "place": {"city": 5}, "order": order},
        r"order: inner\.n: .*greater": {"count": 1, "place": place, "order": {"inner": {"n": 0}}},
        "other: there is no such parameter; there are: count, place, order": {"other": 1},
        "ctx: there is no such": {"ctx": 1},
    }
    for said, arguments in told.items():
        with pytest.raises(ToolInputInvalid, match=said):
            made.bind(json.dumps(arguments))


class Mixed(msgspec.Struct):
    n: Annotated[int, pydantic.Field(ge=1)]


class Named(pydantic.BaseModel):
    size: int = pydantic.Field(alias="größe")


@pytest.mark.parametrize(
    ("annotation", "reason"),
    [
        (Mixed, "use msgspec.Meta"),
        (list[Mixed], "use msgspec.Meta"),
        (Annotated[int, msgspec.Meta(ge=1)] | Inner, "use pydantic.Field"),
        (dict[str, Annotated[Order, msgspec.Meta(description="x")]], "use pydantic.Field"),
        (Named, "'größe' is no name"),
        (object(), ""),
        (type("Odd", (), {}), "Odd"),
        (Annotated[type("Odd", (), {}), pydantic.Field(ge=1)], "Odd"),
    ],
)  # fmt: skip
def test_what_can_not_be_described_is_refused_at_the_declaration(annotation: Any, reason: str) -> None:
    with pytest.raises(ToolSignatureInvalid) as refused:
        Tool(tool_of(annotation))
    assert refused.value.field == "value"
    assert reason in refused.value.reason


def test_a_field_as_a_default_is_refused_with_what_to_write() -> None:
    with pytest.raises(ToolSignatureInvalid, match="Annotated"):
        Tool(tool_of(int, pydantic.Field(default=1, ge=1)))


def test_annotated_types_without_pydantic_are_refused_not_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pydantic", None)
    with pytest.raises(ToolSignatureInvalid, match=r"pydantic, which is not installed; or write msgspec\.Meta"):
        Tool(tool_of(Annotated[int, annotated_types.Ge(1)]))


Token = NewType("Token", pydantic.SecretStr)


class HoldsToken(msgspec.Struct):
    token: pydantic.SecretStr


class TokenDict(TypedDict):
    token: pydantic.SecretStr


class Login(pydantic.BaseModel):
    url: pydantic.HttpUrl
    token: pydantic.SecretBytes | None = None


@pytest.mark.parametrize(
    ("annotation", "field"),
    [
        (pydantic.SecretStr, "value"),
        (Token, "value"),
        (dict[str, pydantic.SecretStr], "value"),
        (deque[pydantic.SecretStr], "value"),
        (Annotated[pydantic.SecretStr, pydantic.Field(min_length=1)], "value"),
        (HoldsToken, "value.token"),
        (TokenDict, "value.token"),
        (Login, "value.token"),
        (list[Login] | None, "value.token"),
    ],
    ids=str,
)
def test_a_secret_is_refused_at_the_declaration_wherever_it_is(annotation: Any, field: str) -> None:
    with pytest.raises(ToolSignatureInvalid, match="a secret is never stored") as refused:
        Tool(tool_of(annotation))
    assert refused.value.field == field


@pytest.mark.parametrize("name", ["", "get weather", "get.weather", "größe", "a" * 65, "a/b", "a\n"])
def test_a_tool_s_name_that_some_provider_refuses_is_refused_at_the_declaration(name: str) -> None:
    def act() -> None: ...

    act.__name__ = name
    for declare in (lambda: Tool(act), lambda: tool(name=name)(tool_of(int)) if name else Tool(act)):
        with pytest.raises(ToolSignatureInvalid) as refused:
            declare()
        assert (refused.value.tool, refused.value.field) == (name, "name")


@pytest.mark.parametrize("name", ["a", "get_weather", "get-weather", "A1", "a" * 64])
def test_a_name_that_every_provider_takes_is_taken(name: str) -> None:
    assert tool(name=name)(tool_of(int)).name == name


def test_a_parameter_s_name_that_some_provider_refuses_is_refused() -> None:
    def act(größe: int) -> None: ...  # noqa: PLC2401 - the name under test

    with pytest.raises(ToolSignatureInvalid) as refused:
        Tool(act)
    assert (refused.value.tool, refused.value.field) == ("act", "größe")
