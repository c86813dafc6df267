"""Chat completions as their servers stream them: whose piece is whose, and whose usage counts."""

import json
from typing import Any

import pytest

from perdure.core.messages import TextPart, ToolCallPart, Usage
from perdure.models.compatible import OpenAICompatible
from perdure.models.protocol import ModelRequest
from tests.models.conversation import ask, told, tool, user
from tests.models.loopback import Act, Chunk, Loopback, Scenario, chunk, end, text

Call = tuple[str, str]
ADD, MUL = ("add", '{"a": 1}'), ("mul", '{"b": 2}')


def piece(
    index: int | None = 0, call_id: str | None = None, name: str | None = None, arguments: str | None = None
) -> Act:
    """One chunk with one piece of a call, with what is given of it."""
    function = {key: value for key, value in (("name", name), ("arguments", arguments)) if value is not None}
    whole: dict[str, Any] = {"type": "function", "function": function}
    whole |= {"index": index} if index is not None else {}
    whole |= {"id": call_id} if call_id is not None else {}
    return chunk({"tool_calls": [whole]})


def together(*pieces: Act) -> Act:
    """Several pieces in one chunk."""
    deltas = [json.loads(each.data)["choices"][0]["delta"] for each in pieces if isinstance(each, Chunk)]
    return chunk({"tool_calls": [call for delta in deltas for call in delta["tool_calls"]]})


DIALECTS: dict[str, tuple[list[Act], list[Call]]] = {
    "as OpenAI writes it": (
        [
            piece(0, "a", "add", ""),
            piece(0, None, None, '{"a"'),
            piece(0, None, None, ": 1}"),
            piece(1, "b", "mul", ""),
            piece(1, None, None, '{"b": 2}'),
        ],
        [ADD, MUL],
    ),
    "one index for all, ids of their own": (
        [piece(0, "a", "add", '{"a": 1}'), piece(0, "b", "mul", '{"b": 2}')],
        [ADD, MUL],
    ),
    "one index for all, in pieces": (
        [
            piece(0, "a", "add", ""),
            piece(0, None, None, '{"a": 1}'),
            piece(0, "b", "mul", '{"b"'),
            piece(0, None, None, ": 2}"),
        ],
        [ADD, MUL],
    ),
    "one index for all, the same tool twice": (
        [piece(0, "a", "add", '{"a": 1}'), piece(0, "b", "add", '{"a": 1}')],
        [ADD, ADD],
    ),
    "one index for all, pieces by id in turns": (
        [
            piece(0, "a", "add", '{"a"'),
            piece(0, "b", "mul", '{"b"'),
            piece(0, "a", None, ": 1}"),
            piece(0, "b", None, ": 2}"),
        ],
        [ADD, MUL],
    ),
    "one index for all, in one chunk": (
        [together(piece(0, "a", "add", '{"a": 1}'), piece(0, "b", "mul", '{"b": 2}'))],
        [ADD, MUL],
    ),
    "no index": ([piece(None, "a", "add", '{"a": 1}'), piece(None, "b", "mul", '{"b": 2}')], [ADD, MUL]),
    "no index, in pieces": (
        [piece(None, "a", "add", '{"a"'), piece(None, "a", None, ": 1}"), piece(None, "b", "mul", '{"b": 2}')],
        [ADD, MUL],
    ),
    "no index, in pieces without ids": (
        [piece(None, "a", "add", '{"a"'), piece(None, None, None, ": 1}"), piece(None, "b", "mul", '{"b": 2}')],
        [ADD, MUL],
    ),
    "no ids, one index, each call whole": (
        [piece(0, None, "add", '{"a": 1}'), piece(0, None, "mul", '{"b": 2}')],
        [ADD, MUL],
    ),
    "no ids, one index, the same tool twice": (
        [piece(0, None, "add", '{"a": 1}'), piece(0, None, "add", '{"a": 1}')],
        [ADD, ADD],
    ),
    "empty ids after the first piece": (
        [piece(0, "a", "add", '{"a"'), piece(0, "", "", ": 1}"), piece(1, "b", "mul", '{"b": 2}')],
        [ADD, MUL],
    ),
    "another id in every piece": (
        [
            piece(0, "a1", "add", '{"a"'),
            piece(0, "a2", None, ": 1}"),
            piece(1, "b1", "mul", '{"b"'),
            piece(1, "b2", None, ": 2}"),
        ],
        [ADD, MUL],
    ),
    "the name in every piece": (
        [piece(0, "a", "add", '{"a"'), piece(0, "a", "add", ": 1}"), piece(1, "b", "mul", '{"b": 2}')],
        [ADD, MUL],
    ),
    "the name in pieces": ([piece(0, "a", "ad", ""), piece(0, None, "d", ""), piece(0, None, None, '{"a": 1}')], [ADD]),
    "the name so far in every piece": ([piece(0, "a", "ad", ""), piece(0, "a", "add", '{"a": 1}')], [ADD]),
    "the id first": ([piece(0, "a"), piece(0, None, "add", '{"a": 1}')], [ADD]),
    "the id last": ([piece(0, None, "add", '{"a": 1}'), piece(0, "a")], [ADD]),
    "the whole call once more at the end": (
        [piece(0, "a", "add", '{"a": 1}'), piece(0, "a", "add", '{"a": 1}')],
        [ADD],
    ),
    "the whole call once more without its name": (
        [piece(0, "a", "add", ""), piece(0, None, None, '{"a": 1}'), piece(0, "a", None, '{"a": 1}')],
        [ADD],
    ),
    "the whole call once more without its id": (
        [piece(0, "a", "add", ""), piece(0, None, None, '{"a": 1}'), piece(0, None, "add", '{"a": 1}')],
        [ADD],
    ),
    "the whole call once more, otherwise spelt": (
        [piece(0, "a", "add", '{"a"'), piece(0, None, None, ": 1}"), piece(0, "a", "add", '{"a":1}')],
        [ADD],
    ),
    "the whole calls once more, without indexes": (
        [
            piece(0, "a", "add", '{"a": 1}'),
            piece(1, "b", "mul", '{"b": 2}'),
            piece(None, "b", "mul", '{"b": 2}'),
            piece(None, "a", "add", '{"a": 1}'),
        ],
        [ADD, MUL],
    ),
    "an index in the first piece only": ([piece(0, "a", "add", ""), piece(None, None, None, '{"a": 1}')], [ADD]),
    "an empty object before the arguments, the name in every piece": (
        [piece(0, "a", "add", "{}"), piece(0, "a", "add", '{"a"'), piece(0, "a", "add", ": 1}")],
        [ADD],
    ),
    "an empty object before the arguments": (
        [piece(0, "a", "add", "{}"), piece(0, None, None, '{"a"'), piece(0, None, None, ": 1}")],
        [ADD],
    ),
    "calls without arguments, without ids": (
        [piece(0, None, "now", "{}"), piece(0, None, "now", "{}"), piece(0, None, "add", '{"a": 1}')],
        [("now", "{}"), ("now", "{}"), ADD],
    ),
    "one id and one index for all": ([piece(0, "a", "add", '{"a": 1}'), piece(0, "a", "mul", '{"b": 2}')], [ADD, MUL]),
    "one id for all": ([piece(0, "a", "add", '{"a": 1}'), piece(1, "a", "mul", '{"b": 2}')], [ADD, MUL]),
    "indexes that do not begin at 0": (
        [piece(3, "a", "add", '{"a": 1}'), piece(7, "b", "mul", '{"b": 2}')],
        [ADD, MUL],
    ),
}


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_each_call_is_one_whatever_its_server_makes_of_index_and_id(
    loopback: Loopback, model: OpenAICompatible, dialect: str
) -> None:
    acts, calls = DIALECTS[dialect]
    loopback.play(Scenario(acts=(*text("Two. "), *acts, *end("tool_calls"))))
    deltas, reply = await told(model, ask())
    assert reply.parts[0] == TextPart(text="Two. ")
    found = [part for part in reply.parts[1:] if isinstance(part, ToolCallPart)]
    assert [(part.tool, part.arguments) for part in found] == calls
    for index, part in enumerate(found, 1):
        of_part = [delta for delta in deltas if delta.index == index]
        assert of_part[-1].tool == part.tool
        assert part.call_id


@pytest.mark.parametrize(
    ("dialect", "ids"),
    [
        ("one index for all, ids of their own", ["a", "b"]),
        ("one index for all, pieces by id in turns", ["a", "b"]),
        ("another id in every piece", ["a1", "b1"]),
        ("the id last", ["a"]),
    ],
)
async def test_a_call_keeps_the_id_that_it_began_with(
    loopback: Loopback, model: OpenAICompatible, dialect: str, ids: list[str]
) -> None:
    acts, _ = DIALECTS[dialect]
    loopback.play(Scenario(acts=(*acts, *end("tool_calls"))))
    _, reply = await told(model, ask())
    assert [part.call_id for part in reply.parts if isinstance(part, ToolCallPart)] == ids


def choice(index: int, said: str = "", finish: str | None = None) -> Act:
    return chunk(choices=[{"index": index, "delta": {"content": said} if said else {}, "finish_reason": finish}])


@pytest.mark.parametrize("first", [0, 1])
async def test_of_several_answers_the_one_that_begins_first_is_read(
    loopback: Loopback, model: OpenAICompatible, first: int
) -> None:
    other = 1 - first
    acts = [choice(first, "Hel"), choice(other, "Bye"), choice(first, "lo")]
    acts += [choice(first, finish="length"), choice(other, finish="stop"), Chunk("[DONE]")]
    loopback.play(Scenario(acts=tuple(acts)))
    _, reply = await told(model, ask(settings={"extra_body": {"n": 2}}))
    assert (reply.parts, reply.finish_reason) == ((TextPart(text="Hello"),), "length")


@pytest.mark.parametrize(
    "acts",
    {
        "role in 0, text in 1": (
            chunk({"role": "assistant"}),
            choice(1, "Hel"),
            choice(1, "lo"),
            choice(1, finish="stop"),
        ),
        "text in 1, end in 0": (choice(1, "Hel"), choice(1, "lo"), choice(0, finish="stop")),
        "two entries in one chunk": (
            chunk(choices=[{"index": 0, "delta": {"content": each}} for each in ("Hel", "lo")]),
            choice(0, finish="stop"),
        ),
    }.items(),
    ids=lambda case: case[0],
)
async def test_one_answer_is_one_whatever_index_its_pieces_have(
    loopback: Loopback, model: OpenAICompatible, acts: tuple[str, tuple[Act, ...]]
) -> None:
    loopback.play(Scenario(acts=(*acts[1], Chunk("[DONE]"))))
    _, reply = await told(model, ask())
    assert (reply.parts, reply.finish_reason) == ((TextPart(text="Hello"),), "stop")


async def test_a_whole_message_in_the_place_of_deltas_is_the_answer(
    loopback: Loopback, model: OpenAICompatible
) -> None:
    message = {"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}
    loopback.play(Scenario(acts=(chunk(choices=[message]), Chunk("[DONE]"))))
    _, reply = await told(model, ask())
    assert reply.parts == (TextPart(text="Hello"),)


async def test_names_of_two_tools_are_two_calls_where_nothing_else_tells_them_apart(
    loopback: Loopback, model: OpenAICompatible
) -> None:
    loopback.play(Scenario(acts=(piece(0, None, "now", ""), piece(0, None, "add", ""), *end("tool_calls"))))
    tools = (tool("now"), tool("add"))
    _, reply = await told(model, ModelRequest(messages=(user("Hi"),), tools=tools))
    assert [part.tool for part in reply.parts if isinstance(part, ToolCallPart)] == ["now", "add"]


async def test_of_a_whole_message_after_deltas_what_they_lacked_is_read(
    loopback: Loopback, model: OpenAICompatible
) -> None:
    call = {"index": 0, "id": "a", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}
    said = {"role": "assistant", "content": "Hello", "tool_calls": [call]}
    message = {"index": 0, "delta": {"role": "assistant"}, "message": said, "finish_reason": "tool_calls"}
    loopback.play(Scenario(acts=(*text("Hel", "lo"), chunk(choices=[message]), Chunk("[DONE]"))))
    _, reply = await told(model, ask())
    first, second = reply.parts
    assert first == TextPart(text="Hello")
    assert isinstance(second, ToolCallPart)
    assert (second.tool, second.arguments) == ADD


async def test_a_call_whose_arguments_never_came_is_none_without_arguments_in_a_reply_that_was_cut_off(
    loopback: Loopback, model: OpenAICompatible
) -> None:
    loopback.play(Scenario(acts=(piece(0, "a", "add", ""), piece(1, "b", "mul", '{"b": 2}'), *end("length"))))
    _, reply = await told(model, ask())
    assert [part.arguments for part in reply.parts if isinstance(part, ToolCallPart)] == ["", '{"b": 2}']


async def test_a_whole_message_after_its_deltas_is_not_said_again(loopback: Loopback, model: OpenAICompatible) -> None:
    message = {"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}
    loopback.play(Scenario(acts=(*text("Hel", "lo"), chunk(choices=[message]), Chunk("[DONE]"))))
    _, reply = await told(model, ask())
    assert reply.parts == (TextPart(text="Hello"),)


def used(prompt: int, completion: int, **details: int) -> dict[str, object]:
    usage: dict[str, object] = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }
    return usage | ({"completion_tokens_details": details} if details else {})


@pytest.mark.parametrize(
    "usages",
    [
        [used(11, 1), used(11, 2), used(11, 3, reasoning_tokens=2)],
        [used(11, 1), used(11, 2), used(11, 3, reasoning_tokens=2), used(11, 3, reasoning_tokens=2)],
        [used(11, 3, reasoning_tokens=2), None, None],
        [None, None, used(11, 3, reasoning_tokens=2)],
        [used(11, 0), None, used(0, 3, reasoning_tokens=2)],
        [used(11, 1, reasoning_tokens=1), used(11, 3, reasoning_tokens=2), used(0, 0)],
    ],
)
async def test_of_usage_the_last_word_counts(
    loopback: Loopback, model: OpenAICompatible, usages: list[dict[str, object] | None]
) -> None:
    said = [chunk({"content": "x"}, usage=usage) for usage in usages]
    loopback.play(Scenario(acts=(*said, chunk(finish="stop"), Chunk("[DONE]"))))
    _, reply = await told(model, ask())
    assert reply.usage == Usage(requests=1, input_tokens=11, output_tokens=3, reasoning_tokens=2)


async def test_a_reply_without_usage_counts_as_one_request(loopback: Loopback, model: OpenAICompatible) -> None:
    loopback.play(Scenario(acts=(*text("Yes."), chunk(finish="stop"), Chunk("[DONE]"))))
    _, reply = await told(model, ask())
    assert reply.usage == Usage(requests=1)
