"""The strict provider can refuse: each of its rules, broken once."""

from typing import Any

import pytest

from perdure.errors import ModelRequestInvalid
from perdure.models.compatible import OpenAICompatible
from perdure.models.protocol import ModelRequest, ToolSpec
from tests.models.conversation import reply_of, user
from tests.models.loopback import Loopback, say
from tests.models.strict import complaints

TOOL: dict[str, Any] = {
    "type": "function",
    "function": {"name": "find", "parameters": {"type": "object", "properties": {}}},
}
ASKED = {"role": "user", "content": "Find."}
SAID = {"role": "assistant", "content": "Found."}
FOUND = {"role": "tool", "tool_call_id": "c1", "content": "seven"}


def calling(call_id: str = "c1", name: str = "find", arguments: str = "{}") -> dict[str, Any]:
    call = {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}
    return {"role": "assistant", "content": None, "tool_calls": [call]}


def declared(name: str = "find", **parameters: Any) -> list[dict[str, Any]]:
    return [{"type": "function", "function": {"name": name, "parameters": {"type": "object", **parameters}}}]


@pytest.mark.parametrize(
    "messages",
    [[ASKED], [ASKED, SAID, ASKED], [ASKED, calling(), FOUND], [{"role": "system", "content": "Rule."}, ASKED]],
)
def test_a_valid_request_is_accepted(messages: list[dict[str, Any]]) -> None:
    assert complaints({"messages": messages, "tools": [TOOL]}) == []


@pytest.mark.parametrize(
    "messages",
    [
        [],
        [SAID],
        [SAID, ASKED],
        [ASKED, ASKED],
        [ASKED, SAID, SAID, ASKED],
        [ASKED, {"role": "system", "content": "Rule."}, ASKED],
        [ASKED, calling(), FOUND, ASKED],
        [ASKED, calling()],
        [ASKED, calling(), ASKED],
        [ASKED, FOUND],
        [ASKED, calling(), FOUND, FOUND],
        [ASKED, calling(), FOUND, calling(), FOUND],
        [ASKED, calling("c 1"), FOUND | {"tool_call_id": "c 1"}],
        [ASKED, calling("c" * 41), FOUND | {"tool_call_id": "c" * 41}],
        [ASKED, calling(name="find it!"), FOUND],
        *[
            [ASKED, calling(arguments=arguments), FOUND]
            for arguments in (
                "",
                "[]",
                "null",
                "{",
                '{"n": NaN}',
                '{"n": 1e999}',
                '{"n": 1, "n": 2}',
                r'{"n": "\ud800"}',
            )
        ],
        [ASKED, calling(arguments='{"n": ' + "[" * 101 + "]" * 101 + "}"), FOUND],
        [ASKED, calling(), FOUND | {"content": ""}],
        [ASKED, SAID | {"content": " \n"}, ASKED],
        [ASKED, SAID | {"content": None}, ASKED],
        [{"role": "system", "content": " \n"}, ASKED],
    ],
)
def test_a_history_that_some_provider_refuses_is_refused(messages: list[dict[str, Any]]) -> None:
    assert complaints({"messages": messages, "tools": [TOOL]})


@pytest.mark.parametrize(
    "tools",
    [
        [],
        [TOOL, TOOL],
        declared("find it"),
        declared("f" * 65),
        declared(properties={"größe": {"type": "integer"}}),
        declared(properties={"a": {"$ref": "#/$defs/A"}}),
        declared(properties={"a": {"$ref": "#/$defs/A", "$defs": {"A": {}}}}),
        declared(properties={"a": {"type": "text"}}),
        [{"type": "function", "function": {"name": "find", "parameters": {}}}],
    ],
)
def test_tools_that_some_provider_refuses_are_refused(tools: list[dict[str, Any]]) -> None:
    assert complaints({"messages": [ASKED, calling(), FOUND], "tools": tools})


async def test_the_loopback_server_refuses_as_the_strictest_provider_does(
    loopback: Loopback, model: OpenAICompatible
) -> None:
    loopback.play(say("Yes."))
    spec = ToolSpec(name="find it", description="", parameters={"type": "object"})
    with pytest.raises(ModelRequestInvalid, match="HTTP 400"):
        await reply_of(model, ModelRequest(messages=(user("Hi"),), tools=(spec,)))
    (refused,) = loopback.refused
    assert "'find it'" in refused
    loopback.refused.clear()
