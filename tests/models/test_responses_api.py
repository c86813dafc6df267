"""`openai:` models speak the Responses API, which wants its own items back."""

import json
from collections.abc import Mapping

import pytest

from perdure.core.messages import ReasoningPart, TextPart, ToolCallPart
from perdure.errors import ModelCutOff
from perdure.models.protocol import Model, ModelRequest
from perdure.models.resolve import resolve
from tests.models.conversation import ask, assistant, done, reply_of, told, tool, user
from tests.models.loopback import Chunk, Loopback, Scenario

THOUGHT: dict[str, object] = {"id": "rs_1", "type": "reasoning", "summary": [], "encrypted_content": "sealed"}
SAID: dict[str, object] = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "status": "completed",
    "content": [{"type": "output_text", "text": "Hello", "annotations": []}],
}
CALLED: dict[str, object] = {
    "id": "fc_1",
    "type": "function_call",
    "call_id": "c1",
    "name": "find",
    "arguments": '{"n":1}',
    "status": "completed",
}


@pytest.fixture
def model(loopback: Loopback, monkeypatch: pytest.MonkeyPatch) -> Model:
    monkeypatch.setenv("OPENAI_API_KEY", "a key")
    monkeypatch.setenv("OPENAI_BASE_URL", loopback.base_url)
    return resolve("openai:gpt-5-mini")


def event(kind: str, **data: object) -> Chunk:
    return Chunk(json.dumps({"type": kind, "sequence_number": 0, **data}))


def response(status: str, *output: Mapping[str, object]) -> dict[str, object]:
    usage = {
        "input_tokens": 7,
        "output_tokens": 3,
        "total_tokens": 10,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens_details": {"reasoning_tokens": 1},
    }
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1_700_000_000,
        "model": "gpt-5-mini",
        "status": status,
        "output": output,
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": usage,
    }


def begin() -> Chunk:
    return event("response.created", response=response("in_progress"))


def thought() -> tuple[Chunk, ...]:
    return tuple(event(f"response.output_item.{each}", output_index=0, item=THOUGHT) for each in ("added", "done"))


def said(*pieces: str) -> tuple[Chunk, ...]:
    at = {"item_id": "msg_1", "output_index": 1, "content_index": 0}
    deltas = [event("response.output_text.delta", delta=piece, logprobs=[], **at) for piece in pieces]
    added = event("response.output_item.added", output_index=1, item={**SAID, "content": list[object]()})
    return (added, *deltas, event("response.output_item.done", output_index=1, item=SAID))


def called() -> tuple[Chunk, ...]:
    added = event("response.output_item.added", output_index=2, item=CALLED | {"arguments": ""})
    pieces = ('{"n"', ":1}")
    at = {"item_id": "fc_1", "output_index": 2}
    deltas = [event("response.function_call_arguments.delta", delta=piece, **at) for piece in pieces]
    return (added, *deltas, event("response.output_item.done", output_index=2, item=CALLED))


async def test_what_the_provider_wants_to_see_again_it_sees(loopback: Loopback, model: Model) -> None:
    whole = event("response.completed", response=response("completed", THOUGHT, SAID, CALLED))
    loopback.play(Scenario(acts=(begin(), *thought(), *said("Hel", "lo"), *called(), whole)))
    find = tool("find", n="integer")
    deltas, reply = await told(model, ModelRequest(messages=(user("Hi"),), tools=(find,)))
    assert [delta.text for delta in deltas if delta.kind == "text"] == ["Hel", "lo"]
    first, second, third = reply.parts
    assert isinstance(first, ReasoningPart)
    assert isinstance(second, TextPart)
    assert isinstance(third, ToolCallPart)
    assert (first.signature, second.text, third.arguments) == ("sealed", "Hello", '{"n":1}')
    assert reply.finish_reason == "tool_calls"
    assert (reply.usage.input_tokens, reply.usage.reasoning_tokens) == (7, 1)

    loopback.play(Scenario(acts=(begin(), event("response.completed", response=response("completed")))))
    turn = assistant(first, second, done(third, "one"))
    await reply_of(model, ModelRequest(messages=(user("Hi"), turn), tools=(find,), step=1))
    items = loopback.requests[0].body["input"]
    assert [item.get("id") for item in items if item.get("type") in {"reasoning", "message", "function_call"}] == [
        "rs_1",
        "msg_1",
        "fc_1",
    ]
    assert items[1]["encrypted_content"] == "sealed"
    assert items[-1] == {"type": "function_call_output", "call_id": "c1", "output": "one"}


async def test_a_stream_that_just_ends_is_cut_off(loopback: Loopback, model: Model) -> None:
    loopback.play(Scenario(acts=(begin(), *said("Hel"))))
    with pytest.raises(ModelCutOff):
        await reply_of(model, ask())


async def test_a_length_limit_is_the_finish_reason(loopback: Loopback, model: Model) -> None:
    short = response("incomplete", SAID) | {"incomplete_details": {"reason": "max_output_tokens"}}
    loopback.play(Scenario(acts=(begin(), *said("Hel"), event("response.incomplete", response=short))))
    assert (await reply_of(model, ask())).finish_reason == "length"
