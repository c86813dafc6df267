"""`openai:` models speak the Responses API, which wants its own items back."""

import pytest

from perdure.core.messages import ReasoningPart, TextPart, ToolCallPart
from perdure.errors import ModelCutOff, ModelRefused
from perdure.models.protocol import Model, ModelRequest
from perdure.models.resolve import resolve
from tests.models.conversation import ask, assistant, reply_of, told, tool, user
from tests.models.conversation import done as ended
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
    turn = assistant(first, second, ended(third, "one"))
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


def content(text: str) -> dict[str, object]:
    return {"type": "output_text", "text": text, "annotations": list[object]()}


EMPTY = SAID | {"content": list[object]()}
UNCALLED = CALLED | {"arguments": ""}
ADDED, CALL_ADDED = (event("response.output_item.added", output_index=0, item=item) for item in (EMPTY, UNCALLED))
DONE, CALL_DONE = (event("response.output_item.done", output_index=0, item=item) for item in (SAID, CALLED))
WHOLE, CALL_WHOLE = (event("response.completed", response=response("completed", item)) for item in (SAID, CALLED))
NO_ITEMS = event("response.completed", response=response("completed"))


def delta(text: object) -> Act:
    return event("response.output_text.delta", item_id="msg_1", delta=text, logprobs=[], **AT)


DELTA = delta("Hello")
TEXT_DONE = event("response.output_text.done", item_id="msg_1", text="Hello", logprobs=[], **AT)
ARGUMENTS_DONE = event(
    "response.function_call_arguments.done", item_id="fc_1", output_index=0, name="find", arguments='{"n":1}'
)


@pytest.mark.parametrize(
    "acts",
    {
        "everywhere": (ADDED, DELTA, TEXT_DONE, DONE, WHOLE),
        "in deltas": (ADDED, DELTA, NO_ITEMS),
        "in deltas that say nothing else": (event("response.output_text.delta", delta="Hello"), DONE, WHOLE),
        "in its content's end": (
            event("response.content_part.done", item_id="msg_1", part=content("Hello"), **AT),
            NO_ITEMS,
        ),
        "in its part's end": (ADDED, TEXT_DONE, NO_ITEMS),
        "in its item's end": (ADDED, DONE, NO_ITEMS),
        "in its item's end, which nothing began": (DONE, NO_ITEMS),
        "in the response's end": (WHOLE,),
        "in a part's end, after an empty delta": (ADDED, delta(""), TEXT_DONE, NO_ITEMS),
        "the rest in a part's end": (ADDED, delta("Hel"), TEXT_DONE, WHOLE),
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
    assert "".join(delta.text for delta in deltas) == "Hello"


WITHOUT_ID = {name: value for name, value in CALLED.items() if name != "id"}


def added(item: dict[str, object]) -> Act:
    return event("response.output_item.added", output_index=0, item=item)


def done(item: dict[str, object]) -> Act:
    return event("response.output_item.done", output_index=0, item=item)


def arguments_delta(item_id: str) -> Act:
    return event("response.function_call_arguments.delta", item_id=item_id, output_index=0, delta='{"n":1}')


@pytest.mark.parametrize(
    "acts",
    {
        "everywhere": (*called(), CALL_WHOLE),
        "in its arguments' end": (CALL_ADDED, ARGUMENTS_DONE, NO_ITEMS),
        "in its item's end": (CALL_ADDED, CALL_DONE, NO_ITEMS),
        "in its item's end, which nothing began": (CALL_DONE, NO_ITEMS),
        "in the response's end": (CALL_WHOLE,),
        "its arguments in the response's end": (CALL_ADDED, CALL_WHOLE),
        "without an id, in its item's end": (done(WITHOUT_ID), NO_ITEMS),
        "without an id, everywhere": (
            added(WITHOUT_ID | {"arguments": ""}),
            arguments_delta(""),
            done(WITHOUT_ID),
            event("response.completed", response=response("completed", WITHOUT_ID)),
        ),
        "under another id in each event": (
            CALL_ADDED,
            arguments_delta("fc_7"),
            done(CALLED | {"id": "fc_8"}),
            event("response.completed", response=response("completed", CALLED | {"id": "fc_9"})),
        ),
        "its arguments as an object": (done(CALLED | {"arguments": {"n": 1}}), NO_ITEMS),
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
    assert not str((part.provider or {}).get("id", "")).startswith("perdure")  # a made-up id is never sent back


async def test_what_the_closing_event_has_more_is_read_too(loopback: Loopback, model: Model) -> None:
    more: tuple[dict[str, object], ...] = (SAID, SAID | {"id": "msg_2", "content": [content("More.")]})
    calls = (CALLED, CALLED | {"id": "fc_2", "call_id": "c2"})
    whole = event("response.completed", response=response("completed", *more, *calls))
    loopback.play(Scenario(acts=(begin(), ADDED, DELTA, whole)))
    _, reply = await told(model, ask())
    texts = [part.text for part in reply.parts if isinstance(part, TextPart)]
    called_by = [part.call_id for part in reply.parts if isinstance(part, ToolCallPart)]
    assert (texts, called_by) == (["Hello", "More."], ["c1", "c2"])


@pytest.mark.parametrize("where", ["item", "response"])
async def test_a_refusal_that_only_a_closing_event_has_is_one(loopback: Loopback, model: Model, where: str) -> None:
    refused = SAID | {"content": [{"type": "refusal", "refusal": "I can't help with that."}]}
    done = (ADDED, event("response.output_item.done", output_index=0, item=refused), NO_ITEMS)
    whole = (event("response.completed", response=response("completed", refused)),)
    loopback.play(Scenario(acts=(begin(), *(done if where == "item" else whole))))
    with pytest.raises(ModelRefused):
        await reply_of(model, ask())


async def test_a_thought_of_which_nothing_came_is_not_sent_back(loopback: Loopback, model: Model) -> None:
    thinks = ReasoningPart(text="", signature="sealed", provider={"id": "rs_1", "name": "openai", "system": "openai"})
    again = ReasoningPart(text="", signature="more", provider={"id": "rs_2", "name": "openai", "system": "openai"})
    called_once = ToolCallPart(
        call_id="c1", tool="find", arguments='{"n":1}', provider={"id": "fc_1", "name": "openai", "system": "openai"}
    )
    turn = assistant(thinks, ended(called_once, "one"), again)
    loopback.play(Scenario(acts=(begin(), event("response.completed", response=response("completed", SAID)))))
    await reply_of(model, ModelRequest(messages=(user("Hi"), turn), tools=(tool("find", n="integer"),), step=1))
    items = loopback.requests[0].body["input"]
    assert [item["type"] for item in items if "type" in item] == ["reasoning", "function_call", "function_call_output"]
