"""Whatever a thread holds, its next request is one that the strictest provider accepts; what is stored stays."""

import json
from typing import Any

import msgspec
import pytest

from perdure.core.messages import Message, Part, ReasoningPart, TextPart, ToolCallPart, UnknownPart
from perdure.models.compatible import OpenAICompatible
from perdure.models.protocol import ModelRequest
from perdure.models.providers.repair import NO_ANSWER, NO_TEXT
from tests.models.conversation import AT, assistant, reply_of, tool, user
from tests.models.loopback import Loopback, say

FIND = tool("find", "", n={"type": "integer", "default": 1})


def called(
    call_id: str = "c1", *, name: str = "find", arguments: str = "{}", output: object = "seven", step: int = 0
) -> ToolCallPart:
    return ToolCallPart(call_id=call_id, tool=name, arguments=arguments, step=step, state="completed", output=output)


def nested(depth: int) -> Any:
    value: Any = []
    for _ in range(depth):
        value = [value]
    return value


OUTPUTS: list[Any] = [None, "", " ", [], {}, 0, nested(300), {"a": nested(300)}]


async def sent(
    loopback: Loopback, model: OpenAICompatible, *parts: Part, messages: tuple[Message, ...] = ()
) -> list[dict[str, Any]]:
    """The messages of the send after a turn that left these parts; the server's fixture refuses a bad request."""
    loopback.play(say("Yes."))
    history = messages or (user("Find."), assistant(*parts), user("And now?", turn=2))
    assert (await reply_of(model, ModelRequest(messages=history, tools=(FIND,), instructions="Be brief."))).parts
    return loopback.requests[0].body["messages"]


@pytest.mark.parametrize(
    "parts",
    [
        (),
        (called(),),
        (TextPart(text="Looking."), called()),
        (ReasoningPart(text="Hm."),),
        (ReasoningPart(text="Hm."), called()),
        (TextPart(text=" \n"),),
        (TextPart(text="\n\n"), called()),
        (TextPart(text="One."), TextPart(text="Two.", step=1)),
        (UnknownPart(kind="hologram", raw={}),),
        (called("", name=""),),
        (called("c1"), called("c1")),
        (called("c1"), called("c1", step=1), called("c1_2", step=2)),
        (called("c 1"), called("c:1"), called("c_1")),
        (called("c" * 300), called("c" * 301)),
        (called(name="the.tool!"), called("c2", name="größe"), called("c3", name="f" * 300)),
        *[
            (called(arguments=arguments),)
            for arguments in (
                "",
                " ",
                "null",
                "[1]",
                "7",
                "{",
                '{"n": NaN}',
                '{"n": -Infinity}',
                '{"n": 1e999}',
                '{"n": 1, "n": 2}',
                '"{\\"n\\": 1}"',
                "{}{}",
                r'{"n": "\ud800"}',
                r'{"\udc00": 1}',
                '{"n": ' + "[" * 300 + "]" * 300 + "}",
                "[" * 100_000,
            )
        ],
        *[(called(output=output),) for output in OUTPUTS],
        (ToolCallPart(call_id="c1", tool="find", state="failed", error=" "),),
        (ToolCallPart(call_id="c1", tool="find"),),
    ],
)  # fmt: skip
async def test_whatever_a_turn_left_the_next_send_is_accepted(
    loopback: Loopback, model: OpenAICompatible, parts: tuple[Part, ...]
) -> None:
    before = msgspec.json.encode(parts)
    await sent(loopback, model, *parts)
    assert msgspec.json.encode(parts) == before


@pytest.mark.parametrize(
    "messages",
    [
        (user("One?"), user("Two?", turn=2), user("Three?", turn=3)),
        (assistant(TextPart(text="Hello!")), user("Hi", turn=2)),
        (user("One?"), assistant(TextPart(text="One."))),
        (user("One?"), assistant(called()), assistant(TextPart(text="Two."), turn=2), user("So?", turn=3)),
        (user("One?"), msgspec.structs.replace(user("Rule.", turn=2), role="system"), user("Two?", turn=3)),
        (user("One?"), assistant(called()), user("Two?", turn=2), assistant(called(), turn=2)),
    ],
)
async def test_whatever_the_order_of_messages_the_request_is_accepted(
    loopback: Loopback, model: OpenAICompatible, messages: tuple[Message, ...]
) -> None:
    history = await sent(loopback, model, messages=messages)
    said = [message.text for message in messages if message.text]
    text = json.dumps(history)
    assert [each for each in said if each not in text] == []


async def test_a_user_message_after_a_result_has_an_answer_before_it(
    loopback: Loopback, model: OpenAICompatible
) -> None:
    history = await sent(loopback, model, called())
    assert [(message["role"], message["content"]) for message in history[3:]] == [
        ("tool", "seven"),
        ("assistant", NO_ANSWER),
        ("user", "And now?"),
    ]


async def test_ids_that_were_used_twice_keep_their_own_results(loopback: Loopback, model: OpenAICompatible) -> None:
    history = await sent(loopback, model, called("c1", output="a"), called("c1", output="b", step=1))
    calls = [call["id"] for message in history for call in message.get("tool_calls", ())]
    results = [(message["tool_call_id"], message["content"]) for message in history if message["role"] == "tool"]
    assert calls == ["c1", "c1_2"]
    assert results == [("c1", "a"), ("c1_2", "b")]


async def test_ids_stay_the_same_when_the_history_grows(loopback: Loopback, model: OpenAICompatible) -> None:
    turn = assistant(called("c1"), called("c1", step=1))
    first = await sent(loopback, model, messages=(user("Find."), turn))
    later = assistant(called("c1_2"), turn=2)
    second = await sent(loopback, model, messages=(user("Find."), turn, user("Again.", turn=2), later))
    assert second[: len(first)] == first


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        ('{"n" : 1}', '{"n":1}'),
        ("null", "{}"),
        ('"{\\"n\\": 1}"', '{"n":1}'),
        ('{}{"n": 1}', '{"n":1}'),
        (r'{"n": "\ud83d\ude00"}', '{"n":"\U0001f600"}'),
        (r'{"n": "\ud800"}', '{"n":"\ufffd"}'),
        ('{"n": NaN}', '{"INVALID_JSON":"{\\"n\\": NaN}"}'),
    ],
)
async def test_arguments_are_sent_as_the_object_that_they_mean(
    loopback: Loopback, model: OpenAICompatible, arguments: str, shown: str
) -> None:
    history = await sent(loopback, model, called(arguments=arguments))
    assert history[2]["tool_calls"][0]["function"]["arguments"] == shown


async def test_an_empty_result_is_said_to_be_one(loopback: Loopback, model: OpenAICompatible) -> None:
    history = await sent(loopback, model, called(output="  "))
    assert history[3]["content"] == NO_TEXT


async def test_a_history_with_calls_declares_a_tool_though_the_agent_has_none(
    loopback: Loopback, model: OpenAICompatible
) -> None:
    loopback.play(say("Yes."))
    await reply_of(model, ModelRequest(messages=(user("Find."), assistant(called(name="a.b")))))
    (declared,) = loopback.requests[0].body["tools"]
    assert declared["function"]["name"] == "a_b"


@pytest.mark.parametrize("blank", ["", " ", " \n\t"])
async def test_blank_instructions_are_not_sent(loopback: Loopback, model: OpenAICompatible, blank: str) -> None:
    loopback.play(say("Yes."))
    rule = msgspec.structs.replace(user(blank), role="system")
    await reply_of(model, ModelRequest(messages=(rule, user("Hi")), instructions=blank))
    assert loopback.requests[0].body["messages"] == [{"role": "user", "content": "Hi"}]


async def test_the_rules_of_a_thread_and_of_its_agent_are_one_system_message(
    loopback: Loopback, model: OpenAICompatible
) -> None:
    rule = Message(message_id="s", thread_id="t", turn=0, role="system", parts=(TextPart(text="Rule."),), created_at=AT)
    history = await sent(loopback, model, messages=(rule, user("Hi")))
    assert history == [{"role": "system", "content": "Be brief.\n\nRule."}, {"role": "user", "content": "Hi"}]
