"""`openai:` models speak the Responses API, which wants its own items back."""

import pytest

from perdure.core.messages import ReasoningPart, TextPart, ToolCallPart
from perdure.errors import ModelCutOff
from perdure.models.protocol import Model, ModelRequest
from perdure.models.resolve import resolve
from tests.models.conversation import ask, assistant, done, reply_of, told, tool, user
from tests.models.loopback import Loopback, Scenario
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
