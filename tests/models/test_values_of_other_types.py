"""Whatever JSON value stands in a chunk: the reply has its own types, or it is a failure that is tried again."""

import copy
import json
from typing import Any

import msgspec
import pytest

from perdure.core.messages import TextPart, ToolCallPart, UnknownPart, Usage, decode_part, encode_part
from perdure.errors import ModelError, ModelRefused, ModelReplyInvalid
from perdure.models.compatible import OpenAICompatible
from perdure.models.protocol import ModelReply
from perdure.models.shapes import is_list, is_record
from tests.models.conversation import ask, told
from tests.models.loopback import Act, Chunk, Loopback, Scenario, chunk, end, text

VALUES: list[Any] = [None, True, 7, -1.5, 1e300, 10**30, "x", "", [], ["a"], {}, {"a": 1}]

WHOLE: dict[str, Any] = {
    "id": "chatcmpl-1",
    "object": "chat.completion.chunk",
    "created": 1_700_000_000,
    "model": "loopback-1",
    "service_tier": "default",
    "system_fingerprint": "f",
    "choices": [
        {
            "index": 0,
            "finish_reason": "tool_calls",
            "logprobs": None,
            "delta": {
                "role": "assistant",
                "content": "Two. ",
                "refusal": None,
                "reasoning": None,
                "reasoning_content": "Hm.",
                "tool_calls": [
                    {
                        "index": 0,
                        "id": "c1",
                        "type": "function",
                        "function": {"name": "add", "arguments": '{"a": 1}'},
                    }
                ],
            },
        }
    ],
    "usage": {
        "prompt_tokens": 7,
        "completion_tokens": 3,
        "total_tokens": 10,
        "prompt_tokens_details": {"cached_tokens": 1},
        "completion_tokens_details": {"reasoning_tokens": 1},
    },
}
Path = tuple[str | int, ...]


def paths_of(value: Any, above: Path = ()) -> list[Path]:
    """Every place of a value, itself included."""
    pairs: list[tuple[str | int, Any]] = []
    if is_record(value):
        pairs += value.items()
    elif is_list(value):
        pairs += enumerate(value)
    return [above, *(path for key, inner in pairs for path in paths_of(inner, (*above, key)))]


def with_value(path: Path, value: Any) -> Any:
    if not path:
        return value
    whole = copy.deepcopy(WHOLE)
    place: Any = whole
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return whole


def is_typed(reply: ModelReply) -> bool:
    """Whether a reply is stored and read again as what it is."""
    assert msgspec.convert(msgspec.to_builtins(reply.usage), Usage) == reply.usage
    assert all(0 <= getattr(reply.usage, name) <= 2**53 for name in Usage.__struct_fields__)
    stored = tuple(decode_part(encode_part(part)) for part in reply.parts)
    texts: list[object] = [reply.finish_reason, reply.model]
    is_known = stored == reply.parts and not any(isinstance(part, UnknownPart) for part in stored)
    return is_known and all(isinstance(text, str) for text in texts)


@pytest.mark.parametrize("value", VALUES, ids=repr)
@pytest.mark.parametrize("path", paths_of(WHOLE), ids=lambda path: ".".join(map(str, path)) or "chunk")
async def test_any_value_at_any_place_is_a_typed_reply_or_a_failure_that_is_tried_again(
    loopback: Loopback, model: OpenAICompatible, path: Path, value: Any
) -> None:
    loopback.play(Scenario(acts=(Chunk(json.dumps(with_value(path, value))), Chunk("[DONE]"))))
    reply = await reply_or_failure(model)
    if isinstance(reply, ModelReply):
        assert is_typed(reply)
    else:
        assert reply.retryable or (type(reply) is ModelRefused and path[-1] == "refusal")


async def reply_or_failure(model: OpenAICompatible) -> ModelReply | ModelError:
    try:
        return (await told(model, ask()))[1]
    except ModelError as error:
        return error


def call_of(**function: Any) -> Act:
    return chunk({"tool_calls": [{"index": 0, "id": "c1", "type": "function", "function": function}]})


def piece_of(**piece: Any) -> Act:
    whole = {"index": 0, "id": "c1", "function": {"name": "add", "arguments": '{"a": 1}'}} | piece
    return chunk({"tool_calls": [whole]})


@pytest.mark.parametrize(
    ("piece", "expected"),
    [
        (piece_of(id=7), ("7", "add", '{"a": 1}')),
        (piece_of(id=1.5), ("1.5", "add", '{"a": 1}')),
        (piece_of(id=["a"]), ('["a"]', "add", '{"a": 1}')),
        (piece_of(index="0"), ("c1", "add", '{"a": 1}')),
        (piece_of(index=0.0), ("c1", "add", '{"a": 1}')),
        (call_of(name="add", arguments={"a": 1}), ("c1", "add", '{"a":1}')),
        (call_of(name="add", arguments={}), ("c1", "add", "{}")),
        (call_of(name=5, arguments="{}"), ("c1", "5", "{}")),
        (chunk({"tool_calls": {"index": 0, "id": "c1", "function": {"name": "add"}}}), ("c1", "add", "{}")),
    ],
)
async def test_a_call_is_read_whatever_the_types_of_its_fields(
    loopback: Loopback, model: OpenAICompatible, piece: Act, expected: tuple[str, str, str]
) -> None:
    loopback.play(Scenario(acts=(piece, *end("tool_calls"))))
    _, reply = await told(model, ask())
    (part,) = reply.parts
    assert isinstance(part, ToolCallPart)
    assert (part.call_id, part.tool, part.arguments) == expected


async def test_the_call_of_a_server_that_knows_functions_only_is_a_tool_call(
    loopback: Loopback, model: OpenAICompatible
) -> None:
    pieces = [{"name": "add", "arguments": ""}, {"arguments": '{"a"'}, {"arguments": ": 1}"}]
    loopback.play(
        Scenario(acts=(*(chunk({"function_call": piece}) for piece in pieces), *end("function_call"))),
    )
    _, reply = await told(model, ask())
    (part,) = reply.parts
    assert isinstance(part, ToolCallPart)
    assert (part.tool, part.arguments, reply.finish_reason) == ("add", '{"a": 1}', "tool_calls")


@pytest.mark.parametrize(("content", "said"), [(5, "5"), (False, "false"), ([{"type": "text", "text": "5"}], "5")])
async def test_text_that_comes_as_another_value_is_its_text(
    loopback: Loopback, model: OpenAICompatible, content: Any, said: str
) -> None:
    loopback.play(Scenario(acts=(chunk({"content": content}), *end())))
    _, reply = await told(model, ask())
    assert reply.parts == (TextPart(text=said),)


@pytest.mark.parametrize(("model_name", "shown"), [(5, "5"), (None, "any"), ({"a": 1}, '{"a":1}')])
async def test_the_name_of_the_model_is_a_text(
    loopback: Loopback, model: OpenAICompatible, model_name: Any, shown: str
) -> None:
    loopback.play(Scenario(acts=(chunk({"content": "Yes."}, "stop", model=model_name), Chunk("[DONE]"))))
    _, reply = await told(model, ask())
    assert reply.model == shown


@pytest.mark.parametrize("count", [-5, 10**20, "many", 2.5, float("nan"), [7], {}])
async def test_a_count_that_is_none_is_not_counted(loopback: Loopback, model: OpenAICompatible, count: Any) -> None:
    loopback.play(Scenario(acts=(*text("Yes."), *end(usage={"prompt_tokens": count}))))
    _, reply = await told(model, ask())
    assert reply.usage == Usage(requests=1, output_tokens=3)


@pytest.mark.parametrize("count", ["7", 7.0, 7], ids=["text", "float", "int"])
async def test_a_count_is_read_as_one(loopback: Loopback, model: OpenAICompatible, count: Any) -> None:
    loopback.play(Scenario(acts=(*text("Yes."), *end(usage={"prompt_tokens": count}))))
    _, reply = await told(model, ask())
    assert reply.usage == Usage(requests=1, input_tokens=7, output_tokens=3)


@pytest.mark.parametrize(
    ("acts", "said"),
    [
        ((call_of(name=None, arguments="{}"), *end("tool_calls")), "a tool call has no name"),
        ((piece_of(), chunk({"tool_calls": [{"index": 1, "id": "c2"}]}), *end("tool_calls")), "no name"),
        ((Chunk("7"), *end()), "a chunk is no object"),
        ((Chunk("[]"), *end()), "a chunk is no object"),
        ((Chunk('{"choices": 5}'), *end()), "choices"),
        ((Chunk('{"choices": [5]}'), *end()), "a choice"),
        ((Chunk('{"choices": [{"delta": "Hel"}]}'), *end()), "a delta"),
        ((*text("Hel"), chunk({"tool_calls": [5]}), *end()), "a tool call"),
        ((*text("Hel"), piece_of(function=5), *end()), "a function"),
    ],
)
async def test_what_can_t_be_read_is_said_and_tried_again(
    loopback: Loopback, model: OpenAICompatible, acts: tuple[Act, ...], said: str
) -> None:
    loopback.play(Scenario(acts=acts))
    with pytest.raises(ModelReplyInvalid, match=said) as failure:
        await told(model, ask())
    assert failure.value.retryable
