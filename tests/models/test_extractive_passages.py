import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.core.messages import TextPart, ToolCallPart
from perdure.models.extractive.arguments import fill
from perdure.models.extractive.model import ExtractiveModel
from perdure.models.extractive.outline import outline
from perdure.models.extractive.passages import Line, lines_of, looks_like_path, paths_of
from perdure.models.extractive.question import read
from perdure.models.extractive.tools import Role, tools_of
from perdure.models.extractive.words import likeness, split, stem
from perdure.models.protocol import ModelRequest, ToolSpec
from tests.models.conversation import assistant, reply_of, tool, user

RIGHT = [Line("src/a.py", 3, "def renew():"), Line("src/b.py", 7, "renew()")]


@pytest.mark.parametrize(
    "output",
    [
        "src/a.py:3: def renew():\nsrc/b.py:7: renew()",
        "src/a.py:3:def renew():\nsrc/b.py:7:renew()",
        "src/a.py:3:1: def renew():\nsrc/b.py:7:1: renew()\n... and more",
        "src/a.py\n3: def renew():\n\nsrc/b.py\n7: renew()",
        ["src/a.py:3: def renew():", "src/b.py:7: renew()"],
        [{"path": "src/a.py", "line": 3, "text": "def renew():"}, {"path": "src/b.py", "line": 7, "text": "renew()"}],
        [
            {"file": "src/a.py", "line_number": 3, "content": "def renew():"},
            {"file": "src/b.py", "line_number": 7, "content": "renew()"},
        ],
        {
            "matches": [
                {"filename": "src/a.py", "lineno": 3, "match": "def renew():"},
                {"filename": "src/b.py", "lineno": 7, "match": "renew()"},
            ]
        },
        {"src/a.py": ["3: def renew():"], "src/b.py": ["7: renew()"]},
        '[{"path": "src/a.py", "line": 3, "text": "def renew():"}, {"path": "src/b.py", "line": 7, "text": "renew()"}]',
    ],
)  # fmt: skip
def test_hits_of_any_shape_are_lines(output: object) -> None:
    assert lines_of(output) == RIGHT


@pytest.mark.parametrize(
    "output",
    [
        "10\tdef renew():\n11\t    pass",
        "10: def renew():\n11:     pass",
        "  10 | def renew():\n  11 |     pass",
        "def renew():\n    pass",
    ],
)
def test_a_file_of_any_shape_is_numbered(output: str) -> None:
    assert [(line.path, line.number, line.text.strip()) for line in lines_of(output, "a.py", 10)] == [
        ("a.py", 10, "def renew():"),
        ("a.py", 11, "pass"),
    ]


def test_a_file_that_holds_json_is_a_text() -> None:
    assert lines_of('{\n  "port": 8080\n}', "a.json")[1] == Line("a.json", 2, '  "port": 8080')
    assert lines_of('{"content": "one\\ntwo"}', "a.json") == [Line("a.json", 1, "one"), Line("a.json", 2, "two")]


def test_a_text_of_no_file_stays_one() -> None:
    assert lines_of("14 °C and rain in Oslo") == [Line(None, None, "14 °C and rain in Oslo")]
    assert lines_of(7) == [Line(None, None, "7")]
    assert lines_of(None) == []


@pytest.mark.parametrize(
    "output", ["a.py\nb/c.md\nnot a path", ["a.py", "b/c.md"], [{"path": "a.py"}, {"path": "b/c.md"}]]
)
def test_a_listing_is_paths(output: object) -> None:
    assert paths_of(output) == ["a.py", "b/c.md"]


def test_a_path_has_no_spaces_and_a_folder_or_an_ending() -> None:
    assert [looks_like_path(each) for each in ("a/b", "a.py", "word", "two words.py", "x" * 1000 + ".py")] == [
        True, True, False, False, False,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("spec", "role"),
    [
        (tool("search_text", "Find lines.", text="string"), "search"),
        (tool("grep", "", pattern="string", path={"type": "string", "default": "."}), "search"),
        (tool("lookup", "Look something up.", q="string"), "search"),
        (tool("read_file", "", path="string"), "read"),
        (tool("open", "", file_path="string", offset="integer", limit="integer"), "read"),
        (tool("list_files"), "list"),
        (tool("ls", "", folder="string"), "list"),
        (tool("send_report", "", text="string"), "report"),
        (tool("post_message", "", to="string", body="string"), "report"),
        (tool("get_weather", "Current weather for a city.", city="string"), "direct"),
        (tool("find_order", "Find an order by its number.", number="string"), "direct"),
        (tool("delete_file", "", path="string"), "direct"),
        (tool("write_file", "", path="string", content="string"), "direct"),
        (tool("create_folder", "", folder="string"), "direct"),
        (tool("find_and_replace", "", pattern="string", replacement="string"), "direct"),
        (tool("read_mail", "Read the mail.", folder="string"), "direct"),
    ],
)
def test_a_tool_s_role_is_told_from_its_schema(spec: Any, role: Role) -> None:
    assert tools_of([spec])[0].role == role


FILLED: list[tuple[dict[str, Any], str, list[dict[str, object]]]] = [
    ({"city": "string"}, "What's the weather in new york?", [{"city": "new york"}]),
    ({"number": "string"}, "Find order #A-12, please", [{"number": "A-12"}]),
    ({"order": "string"}, "Refund order 7", [{"order": "7"}]),
    ({"order": "string"}, "Refund order 7 and order 8", [{"order": "7"}, {"order": "8"}]),
    ({"number": "string"}, "Find orders 7, #8 and A-9, please", [{"number": "7"}, {"number": "8"}, {"number": "A-9"}]),
    ({"email": "string"}, "Is ana@x.org or bo@x.org known?", [{"email": "ana@x.org"}, {"email": "bo@x.org"}]),
    ({"email": "string"}, "Is ana@example.org known?", [{"email": "ana@example.org"}]),
    ({"name": "string"}, 'Who is "Ana Lund"?', [{"name": "Ana Lund"}]),
    ({"days": "integer"}, "Forecast for 3 days", [{"days": 3}]),
    ({"amount": "number"}, "Pay 10.50", [{"amount": 10.5}]),
    ({"unit": {"enum": ["celsius", "fahrenheit"]}}, "In Fahrenheit, please", [{"unit": "fahrenheit"}]),
    ({"unit": {"enum": ["celsius", "fahrenheit"]}}, "How warm?", [{"unit": "celsius"}]),
    ({"loud": "boolean"}, "Say it", [{"loud": False}]),
    ({"cities": {"type": "array"}}, "Weather in Oslo and Bergen?", [{"cities": ["Oslo", "Bergen"]}]),
    ({"question": "string"}, "Why?", [{"question": "Why?"}]),
    ({"when": {"anyOf": [{"type": "integer"}, {"type": "null"}], "default": None}}, "Now?", [{}]),
    ({"city": "string"}, "How is it?", []),
    ({"days": "integer"}, "How many?", []),
]


@pytest.mark.parametrize(("parameters", "question", "expected"), FILLED)
def test_parameters_are_filled_from_the_question(
    parameters: dict[str, Any], question: str, expected: list[dict[str, object]]
) -> None:
    assert fill(tools_of([tool("act", "", **parameters)])[0], question) == expected


def test_a_schema_may_refer_to_its_own_definitions() -> None:
    unit = {"enum": ["km", "mile"], "type": "string"}
    properties = {"unit": {"$ref": "#/$defs/Unit"}}
    schema = {"$defs": {"Unit": unit}, "properties": properties, "required": ["unit"]}
    spec = ToolSpec(name="act", description="", parameters=schema)
    assert fill(tools_of([spec])[0], "In miles") == [{"unit": "mile"}]


def test_identifiers_weigh_more_than_words_and_words_about_the_answer_less() -> None:
    question = read("Where does the class `LeaseHolder` call renew_lease to keep a lease?")
    assert [(term.text, term.exact) for term in question.terms[:2]] == [("LeaseHolder", True), ("renew_lease", True)]
    assert question.terms[-1].text == "class"
    assert question.wants == "class"
    assert read("What is the maximum length of an id?").wants == "value"


def test_words_are_compared_by_their_stems_spellings_and_parts() -> None:
    assert split("HTTPServer.get_user2") == ("http", "server", "get", "user", "2")
    assert [stem(word) for word in ("renewed", "cancelled", "called", "classes", "queries", "status")] == [
        "renew", "cancel", "call", "class", "query", "status",
    ]  # fmt: skip
    assert likeness("renewed", "renews") == 1.0
    assert 0 < likeness("maximum", "max") < 1
    assert 0 < likeness("cancellation", "cancel") < 1
    assert likeness("lease", "retry") == 0


def test_a_stretch_that_begins_inside_a_docstring_is_seen_as_such() -> None:
    lines = {10: "    more words.", 11: '    """', 12: "", 13: "def renew():", 14: '    """Renew."""', 15: "    x = 1"}
    rows = outline("a.py", lines)
    assert [rows[number].is_prose for number in lines] == [True, True, False, False, True, False]
    assert rows[15].owners == (13,)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.slow
@given(
    question=st.text(max_size=80),
    name=st.sampled_from(["search_text", "read_file", "list_files", "get_weather", "send_report", "x"]),
    arguments=st.text(max_size=20) | st.sampled_from(['{"path": "a.py"}', '{"path": 1, "start": "x"}']),
    output=json_values,
    schema=json_values,
)
def test_whatever_it_is_given_it_answers(
    question: str, name: str, arguments: str, output: object, schema: object
) -> None:
    spec = tool(name, "Weather, search, read.", path="string")
    odd = ToolSpec(name="odd", description="", parameters={"properties": schema, "required": schema, "anyOf": schema})
    part = ToolCallPart(call_id="c", tool=name, arguments=arguments, state="completed", output=output)
    for messages in ((user(question),), (user(question), assistant(part))):
        request = ModelRequest(messages=messages, tools=(spec, odd), step=len(messages) - 1)
        reply = asyncio.run(reply_of(ExtractiveModel(), request))
        assert reply.parts
        assert all(isinstance(each, TextPart | ToolCallPart) for each in reply.parts)
