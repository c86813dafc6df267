from perdure.core.messages import Message, ReasoningPart, TextPart, ToolCallPart, UnknownPart
from perdure.models.compatible import OpenAICompatible
from perdure.models.protocol import ModelRequest
from perdure.models.providers.repair import NO_ANSWER
from tests.models.conversation import AT, assistant, reply_of, user
from tests.models.loopback import Loopback, say


def finished(call_id: str, output: object, step: int = 0) -> ToolCallPart:
    return ToolCallPart(call_id=call_id, tool="find", arguments='{"n":1}', step=step, state="completed", output=output)


async def sent(loopback: Loopback, model: OpenAICompatible, request: ModelRequest) -> list[dict[str, object]]:
    loopback.play(say("Yes"))
    await reply_of(model, request)
    return loopback.requests[0].body["messages"]


def call(call_id: str, arguments: str = '{"n":1}') -> dict[str, object]:
    return {"id": call_id, "type": "function", "function": {"name": "find", "arguments": arguments}}


async def test_one_message_of_several_steps_becomes_a_response_for_each(
    loopback: Loopback, model: OpenAICompatible
) -> None:
    turn = assistant(
        TextPart(text="Looking. "),
        finished("c1", "seven"),
        finished("c2", {"n": 2}),
        finished("c3", [1, None], step=1),
        TextPart(text="Done.", step=2),
    )
    request = ModelRequest(messages=(user("Find."), turn, user("And now?", turn=2)), instructions="Be brief.")
    assert await sent(loopback, model, request) == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Find."},
        {"role": "assistant", "content": "Looking. ", "tool_calls": [call("c1"), call("c2")]},
        {"role": "tool", "tool_call_id": "c1", "content": "seven"},
        {"role": "tool", "tool_call_id": "c2", "content": '{"n":2}'},
        {"role": "assistant", "content": None, "tool_calls": [call("c3")]},
        {"role": "tool", "tool_call_id": "c3", "content": "[1,null]"},
        {"role": "assistant", "content": "Done."},
        {"role": "user", "content": "And now?"},
    ]


async def test_the_turn_that_is_going_on_ends_with_its_results(loopback: Loopback, model: OpenAICompatible) -> None:
    request = ModelRequest(messages=(user("Find."), assistant(finished("c1", "seven"))), step=1)
    assert await sent(loopback, model, request) == [
        {"role": "user", "content": "Find."},
        {"role": "assistant", "content": None, "tool_calls": [call("c1")]},
        {"role": "tool", "tool_call_id": "c1", "content": "seven"},
    ]


async def test_a_call_that_failed_tells_its_error(loopback: Loopback, model: OpenAICompatible) -> None:
    parts = (
        ToolCallPart(call_id="c1", tool="find", state="failed", error="no such order"),
        ToolCallPart(call_id="c2", tool="find", state="in_doubt", error="nobody saw its end"),
        ToolCallPart(call_id="c3", tool="find", state="denied", error="Ana said no"),
        ToolCallPart(call_id="c4", tool="find"),
    )
    history = await sent(loopback, model, ModelRequest(messages=(user("Find."), assistant(*parts)), step=1))
    assert [message["content"] for message in history[2:]] == [
        '{"error":"no such order"}',
        '{"error":"nobody saw its end"}',
        "Ana said no",
        "No result is known.",
    ]


async def test_arguments_that_are_no_json_are_shown_to_the_model_as_such(
    loopback: Loopback, model: OpenAICompatible
) -> None:
    part = ToolCallPart(call_id="c1", tool="find", arguments='{"n": oops', state="failed", error="not JSON")
    history = await sent(loopback, model, ModelRequest(messages=(user("Find."), assistant(part)), step=1))
    assert history[1]["tool_calls"] == [call("c1", '{"INVALID_JSON":"{\\"n\\": oops"}')]


async def test_what_a_later_version_stored_is_passed_over(loopback: Loopback, model: OpenAICompatible) -> None:
    parts = (UnknownPart(kind="hologram", raw={"kind": "hologram"}), TextPart(text="Hello."), TextPart(text=""))
    history = await sent(loopback, model, ModelRequest(messages=(user("Hi"), assistant(*parts), user("So?", turn=2))))
    assert [message["content"] for message in history] == ["Hi", "Hello.", "So?"]


async def test_a_turn_that_left_nothing_has_an_answer_that_says_so(loopback: Loopback, model: OpenAICompatible) -> None:
    history = await sent(loopback, model, ModelRequest(messages=(user("Hi"), assistant(), user("So?", turn=2))))
    assert [(message["role"], message["content"]) for message in history] == [
        ("user", "Hi"),
        ("assistant", NO_ANSWER),
        ("user", "So?"),
    ]


async def test_reasoning_goes_back_to_the_provider_it_came_from(loopback: Loopback, model: OpenAICompatible) -> None:
    provider = {"id": "reasoning_content", "name": "openai-compatible"}
    thought = ReasoningPart(text="Let me see.", provider=provider)
    turn = assistant(thought, TextPart(text="Yes."))
    history = await sent(loopback, model, ModelRequest(messages=(user("Hi"), turn, user("So?", turn=2))))
    assert history[1] == {"role": "assistant", "content": "Yes.", "reasoning_content": "Let me see."}


async def test_reasoning_that_its_provider_did_not_sign_or_name_is_not_sent_as_what_was_said(
    loopback: Loopback, model: OpenAICompatible
) -> None:
    cut_off = ReasoningPart(text="Let me s", provider={"name": "openai-compatible"})
    turn = assistant(ReasoningPart(text="Hm."), cut_off, TextPart(text="Yes."))
    history = await sent(loopback, model, ModelRequest(messages=(user("Hi"), turn, user("So?", turn=2))))
    assert history[1] == {"role": "assistant", "content": "Yes."}


async def test_a_system_message_is_one(loopback: Loopback, model: OpenAICompatible) -> None:
    rule = Message(message_id="s", thread_id="t", turn=0, role="system", parts=(TextPart(text="Rule."),), created_at=AT)
    history = await sent(loopback, model, ModelRequest(messages=(rule, user("Hi"))))
    assert history == [{"role": "system", "content": "Rule."}, {"role": "user", "content": "Hi"}]
