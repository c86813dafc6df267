"""`openai:` models speak the Responses API, which wants its own items back."""

import pytest

from perdure.core.messages import ReasoningPart, TextPart, ToolCallPart
from perdure.errors import ModelCutOff, ModelRefused
from perdure.models.protocol import Model, ModelRequest
from perdure.models.resolve import resolve
from tests.models.conversation import ask, assistant, done, reply_of, told, tool, user
from tests.models.loopback import Act, Loopback, Scenario
from tests.models.responses import CALLED, SAID, THOUGHT, begin, called, event, response, said, thought


@pytest.fixture
def model(loopback: Loopback, monkeypatch: pytest.MonkeyPatch) -> Model:
    monkeypatch.setenv("OPENAI_API_KEY", "a key")
    monkeypatch.setenv("OPENAI_BASE_URL", loopback.base_url)
    return resolve("openai:gpt-5-mini")


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


AT = {"output_index": 0, "content_index": 0}
EMPTY = SAID | {"content": list[object]()}
UNCALLED = CALLED | {"arguments": ""}
ADDED, CALL_ADDED = (event("response.output_item.added", output_index=0, item=item) for item in (EMPTY, UNCALLED))
DONE, CALL_DONE = (event("response.output_item.done", output_index=0, item=item) for item in (SAID, CALLED))
WHOLE, CALL_WHOLE = (event("response.completed", response=response("completed", item)) for item in (SAID, CALLED))
NO_ITEMS = event("response.completed", response=response("completed"))
DELTA = event("response.output_text.delta", item_id="msg_1", delta="Hello", logprobs=[], **AT)
TEXT_DONE = event("response.output_text.done", item_id="msg_1", text="Hello", logprobs=[], **AT)
ARGUMENTS_DONE = event(
    "response.function_call_arguments.done", item_id="fc_1", output_index=0, name="find", arguments='{"n":1}'
)


@pytest.mark.parametrize(
    "acts",
    {
        "everywhere": (ADDED, DELTA, TEXT_DONE, DONE, WHOLE),
        "in deltas": (ADDED, DELTA, NO_ITEMS),
        "in its part's end": (ADDED, TEXT_DONE, NO_ITEMS),
        "in its item's end": (ADDED, DONE, NO_ITEMS),
        "in its item's end, which nothing began": (DONE, NO_ITEMS),
        "in the response's end": (WHOLE,),
        "twice, under two ids": (
            ADDED,
            DELTA,
            event("response.output_item.done", output_index=0, item=SAID | {"id": "msg_2"}),
            event("response.completed", response=response("completed", SAID | {"id": "msg_3"})),
        ),
    }.items(),
    ids=lambda case: case[0],
)
async def test_an_answer_is_read_once_wherever_it_stands(
    loopback: Loopback, model: Model, acts: tuple[str, tuple[Act, ...]]
) -> None:
    loopback.play(Scenario(acts=(begin(), *acts[1])))
    deltas, reply = await told(model, ask())
    (part,) = reply.parts
    assert isinstance(part, TextPart)
    assert (part.text, reply.finish_reason) == ("Hello", "stop")
    assert [delta.text for delta in deltas] == ["Hello"]


@pytest.mark.parametrize(
    "acts",
    {
        "everywhere": (*called(), CALL_WHOLE),
        "in its arguments' end": (CALL_ADDED, ARGUMENTS_DONE, NO_ITEMS),
        "in its item's end": (CALL_ADDED, CALL_DONE, NO_ITEMS),
        "in its item's end, which nothing began": (CALL_DONE, NO_ITEMS),
        "in the response's end": (CALL_WHOLE,),
    }.items(),
    ids=lambda case: case[0],
)
async def test_a_call_is_read_once_wherever_it_stands(
    loopback: Loopback, model: Model, acts: tuple[str, tuple[Act, ...]]
) -> None:
    loopback.play(Scenario(acts=(begin(), *acts[1])))
    _, reply = await told(model, ask())
    (part,) = reply.parts
    assert isinstance(part, ToolCallPart)
    assert (part.call_id, part.tool, part.arguments) == ("c1", "find", '{"n":1}')
    assert reply.finish_reason == "tool_calls"


@pytest.mark.parametrize("where", ["item", "response"])
async def test_a_refusal_that_only_a_closing_event_has_is_one(loopback: Loopback, model: Model, where: str) -> None:
    refused = SAID | {"content": [{"type": "refusal", "refusal": "I can't help with that."}]}
    done = (ADDED, event("response.output_item.done", output_index=0, item=refused), NO_ITEMS)
    whole = (event("response.completed", response=response("completed", refused)),)
    loopback.play(Scenario(acts=(begin(), *(done if where == "item" else whole))))
    with pytest.raises(ModelRefused):
        await reply_of(model, ask())
