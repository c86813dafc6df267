import msgspec
import pytest

from perdure.core.messages import ReasoningPart, TextPart, ToolCallPart, Usage
from perdure.errors import SettingInvalid
from perdure.models.compatible import OpenAICompatible
from perdure.models.protocol import ModelDelta, ModelRequest
from tests.models.conversation import ask, reply_of, told, tool, user
from tests.models.loopback import Loopback, Scenario, call, chunk, end, say, text, tool_call


async def test_text_comes_as_deltas_and_then_whole(loopback: Loopback, model: OpenAICompatible) -> None:
    loopback.play(say("Hel", "lo"))
    deltas, reply = await told(model, ask(step=3))
    assert deltas == [ModelDelta(index=0, kind="text", text="Hel"), ModelDelta(index=0, kind="text", text="lo")]
    assert reply.parts == (TextPart(text="Hello", step=3),)
    assert (reply.finish_reason, reply.model) == ("stop", "loopback-1")


async def test_the_client_is_the_real_one(loopback: Loopback, model: OpenAICompatible) -> None:
    loopback.play(say("Hello"))
    await reply_of(model, ask())
    assert loopback.strangers == []
    headers = loopback.requests[0].headers
    assert headers["authorization"] == "Bearer a key"
    assert headers["x-stainless-lang"] == "python"


async def test_arguments_are_the_text_that_the_deltas_join_to(loopback: Loopback, model: OpenAICompatible) -> None:
    loopback.play(call(tool_call(0, "c1", "find", '{"num', 'ber" : ', "7 }")))
    deltas, reply = await told(model, ask())
    assert [delta.text for delta in deltas] == ["", '{"num', 'ber" : ', "7 }"]
    assert {(delta.call_id, delta.tool) for delta in deltas} == {("c1", "find")}
    assert reply.parts == (ToolCallPart(call_id="c1", tool="find", arguments='{"number" : 7 }'),)
    assert reply.finish_reason == "tool_calls"


async def test_parallel_calls_keep_their_order_and_their_own_deltas(
    loopback: Loopback, model: OpenAICompatible
) -> None:
    one, two = tool_call(0, "c1", "find", '{"a"', ": 1}"), tool_call(1, "c2", "find", '{"a"', ": 2}")
    loopback.play(call(text("Two. "), [one[0], two[0], one[1], two[1], two[2], one[2]]))
    _, reply = await told(model, ask())
    assert reply.parts == (
        TextPart(text="Two. "),
        ToolCallPart(call_id="c1", tool="find", arguments='{"a": 1}'),
        ToolCallPart(call_id="c2", tool="find", arguments='{"a": 2}'),
    )


async def test_malformed_arguments_stay_as_they_came(loopback: Loopback, model: OpenAICompatible) -> None:
    loopback.play(call(tool_call(0, "c1", "find", '{"a": ', "oops")))
    _, reply = await told(model, ask())
    assert reply.parts == (ToolCallPart(call_id="c1", tool="find", arguments='{"a": oops'),)


async def test_a_call_without_arguments_has_an_empty_object(loopback: Loopback, model: OpenAICompatible) -> None:
    loopback.play(call(tool_call(0, "c1", "now")))
    _, reply = await told(model, ask())
    assert reply.parts == (ToolCallPart(call_id="c1", tool="now", arguments="{}"),)


async def test_reasoning_is_a_part_of_its_own(loopback: Loopback, model: OpenAICompatible) -> None:
    thoughts = (chunk({"reasoning_content": "Let me "}), chunk({"reasoning_content": "see."}))
    loopback.play(Scenario(acts=(*thoughts, *text("Yes."), *end())))
    deltas, reply = await told(model, ask())
    assert [delta.kind for delta in deltas] == ["reasoning", "reasoning", "text"]
    thought = reply.parts[0]
    assert isinstance(thought, ReasoningPart)
    assert (thought.text, thought.provider) == (
        "Let me see.",
        {"id": "reasoning_content", "name": "openai-compatible", "url": loopback.base_url + "/"},
    )


async def test_usage_is_counted_in_our_names(loopback: Loopback, model: OpenAICompatible) -> None:
    usage = {
        "prompt_tokens_details": {"cached_tokens": 4},
        "completion_tokens_details": {"reasoning_tokens": 2},
    }
    loopback.play(Scenario(acts=(*text("Yes."), *end(usage=usage))))
    reply = await reply_of(model, ask())
    assert reply.usage == Usage(requests=1, input_tokens=7, output_tokens=3, cache_read_tokens=4, reasoning_tokens=2)


@pytest.mark.parametrize("said", ["length", "content_filter"])
async def test_the_finish_reason_is_the_providers(loopback: Loopback, model: OpenAICompatible, said: str) -> None:
    loopback.play(Scenario(acts=(*text("Yes"), *end(said))))
    assert (await reply_of(model, ask())).finish_reason == said


async def test_a_finish_reason_that_nobody_knows_is_kept(loopback: Loopback, model: OpenAICompatible) -> None:
    loopback.play(Scenario(acts=(*text("Yes"), *end("weather"))))
    assert (await reply_of(model, ask())).finish_reason == "weather"


async def test_settings_pass_through_and_ours_stay_here(loopback: Loopback, model: OpenAICompatible) -> None:
    loopback.play(say("Yes"))
    settings = {
        "temperature": 0.3,
        "max_tokens": 50,
        "stop_sequences": ["END"],
        "extra_body": {"min_p": 0.1},
        "openai_user": "ana",
        "tool_choice": "required",
        "idle_timeout": 5.0,
        "timeout": None,
        "pace": 1.0,
        "tag": "no",
    }
    await reply_of(model, ModelRequest(messages=(user("Hi"),), tools=(tool("now"),), settings=settings))
    body = loopback.requests[0].body
    assert {
        key: body[key] for key in ("temperature", "max_completion_tokens", "stop", "min_p", "user", "tool_choice")
    } == {
        "temperature": 0.3,
        "max_completion_tokens": 50,
        "stop": ["END"],
        "min_p": 0.1,
        "user": "ana",
        "tool_choice": "required",
    }
    assert {"idle_timeout", "timeout", "pace", "tag", "max_retries"} & set(body) == set()


@pytest.mark.parametrize(
    "settings", [{"temprature": 0.3}, {"idle_timeout": 0}, {"timeout": "soon"}, {"first_event_timeout": True}]
)
async def test_a_setting_that_can_not_be_used_is_refused_before_anything_is_sent(
    loopback: Loopback, model: OpenAICompatible, settings: dict[str, object]
) -> None:
    with pytest.raises(SettingInvalid) as refused:
        await reply_of(model, ask(settings=settings))
    assert refused.value.field == next(iter(settings))
    assert loopback.requests == []


async def test_tools_are_sent_with_their_schemas(loopback: Loopback, model: OpenAICompatible) -> None:
    loopback.play(say("Yes"))
    find = tool("find", "Find an order.", number="string")
    await reply_of(model, ModelRequest(messages=(user("Hi"),), tools=(find,)))
    (sent,) = loopback.requests[0].body["tools"]
    assert sent["function"]["name"] == "find"
    assert sent["function"]["description"] == "Find an order."
    assert sent["function"]["parameters"] == msgspec.to_builtins(find.parameters) | {"additionalProperties": False}
