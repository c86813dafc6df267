"""What no OpenAI-compatible server sends: signatures, calls as objects, parts of other kinds."""

import pytest
from pydantic_ai import messages as sdk
from pydantic_ai.exceptions import UnexpectedModelBehavior
from pydantic_ai.usage import RequestUsage

from perdure.core.messages import ReasoningPart, TextPart, ToolCallPart, UnknownPart, decode_part, encode_part
from perdure.models.protocol import ModelDelta, ModelReply, ModelRequest
from perdure.models.providers.history import sdk_messages
from perdure.models.providers.reply import Assembly
from tests.models.conversation import assistant, user


def assembled(
    *events: sdk.ModelResponseStreamEvent, parts: list[sdk.ModelResponsePart]
) -> tuple[list[ModelDelta], ModelReply]:
    assembly = Assembly(step=2)
    response = sdk.ModelResponse(parts=parts, provider_name="anthropic", usage=RequestUsage(input_tokens=3))
    deltas = [delta for event in events for delta in assembly.take(event)]
    deltas += assembly.close(response, is_whole=True)
    return deltas, assembly.reply(response, "stop")


def test_a_signature_and_details_come_round() -> None:
    thought = sdk.ThinkingPart("Hm.", signature="signed", provider_name="anthropic", provider_details={"a": [1]})
    said = sdk.TextPart("Yes.", id="msg_1", provider_name="anthropic")
    called = sdk.ToolCallPart("find", '{"n":1}', "c1", id="fc_1", provider_name="anthropic")
    events = [sdk.PartStartEvent(index=n, part=part) for n, part in enumerate((thought, said, called))]
    _, reply = assembled(*events, parts=[thought, said, called])
    first = reply.parts[0]
    assert isinstance(first, ReasoningPart)
    assert (first.text, first.signature, first.step) == ("Hm.", "signed", 2)
    stored = tuple(decode_part(encode_part(part)) for part in reply.parts)
    assert stored == reply.parts
    back = sdk_messages(ModelRequest(messages=(user("Hi"), assistant(*stored))))[1]
    assert isinstance(back, sdk.ModelResponse)
    assert list(back.parts) == [thought, said, called]
    assert back.provider_name == "anthropic"


def test_a_call_that_comes_as_an_object_is_one_delta() -> None:
    called = sdk.ToolCallPart("find", {"n": 1}, "c1")
    deltas, reply = assembled(sdk.PartStartEvent(index=0, part=called), parts=[called])
    assert [delta.text for delta in deltas] == ["", '{"n":1}']
    assert reply.parts == (ToolCallPart(call_id="c1", tool="find", arguments='{"n":1}', step=2),)
    assert reply.finish_reason == "tool_calls"


def test_a_part_of_another_kind_is_kept_and_streams_nothing() -> None:
    search = sdk.NativeToolCallPart("web_search", {"query": "Oslo"}, "s1", provider_name="anthropic")
    said = sdk.TextPart("Yes.")
    events = (sdk.PartStartEvent(index=0, part=search), sdk.PartStartEvent(index=1, part=said))
    deltas, reply = assembled(*events, parts=[search, said])
    assert deltas == [ModelDelta(index=1, kind="text", text="Yes.")]
    kept, text = reply.parts
    assert isinstance(kept, UnknownPart)
    assert kept.kind == "sdk:builtin-tool-call"
    assert decode_part(encode_part(kept)) == kept
    assert text == TextPart(text="Yes.", step=2)


def test_a_call_that_never_got_a_name_shifts_nothing() -> None:
    said, called = sdk.TextPart("Yes."), sdk.ToolCallPart("find", "{}", "c2")
    events = (sdk.PartStartEvent(index=0, part=said), sdk.PartStartEvent(index=2, part=called))
    _, reply = assembled(*events, parts=[said, called])
    assert [part.step for part in reply.parts] == [2, 2]
    assert reply.parts[1] == ToolCallPart(call_id="c2", tool="find", arguments="{}", step=2)


def test_a_name_and_an_id_that_come_late_are_taken() -> None:
    start = sdk.PartStartEvent(index=0, part=sdk.ToolCallPart("fi", None, "c1"))
    more = sdk.PartDeltaEvent(
        index=0, delta=sdk.ToolCallPartDelta(tool_name_delta="nd", args_delta="{}", tool_call_id="c9")
    )
    deltas, _ = assembled(start, more, parts=[sdk.ToolCallPart("find", "{}", "c9")])
    assert deltas[1] == ModelDelta(index=0, kind="tool_input", text="{}", call_id="c9", tool="find")


def test_a_part_that_is_taken_back_is_no_answer() -> None:
    event = sdk.PartStartEvent(index=0, part=sdk.TextPart("Yes."))
    with pytest.raises(UnexpectedModelBehavior):
        assembled(event, event, parts=[sdk.TextPart("Yes.")])
