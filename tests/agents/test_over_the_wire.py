"""A thread on a real wire: the `openai` client against a loopback server; the thread tells the truth in each case."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from perdure import Agent, Retry, Thread, Turn
from perdure.core.messages import Message, ToolCallPart
from perdure.core.threads import ThreadRecord
from perdure.core.values import Value
from perdure.errors import RunFailed
from perdure.models.compatible import OpenAICompatible
from tests.agents.conftest import Stage, folded
from tests.models.loopback import Chunk, Drop, Loopback, Scenario, Stall, call, chunk, end, refuse, say, text, tool_call

SOON = Retry(attempts=3, initial=0.01, cap=0.02)


@pytest.fixture(scope="module")
def served() -> Iterator[Loopback]:
    with Loopback() as server:
        yield server


class Wire:
    """A thread whose agent asks the loopback server."""

    def __init__(self, stage: Stage, server: Loopback) -> None:
        self._stage = stage
        self.server = server

    async def send(self, *scenarios: Scenario, **agent: Value) -> tuple[Thread, Turn]:
        self.server.play(*scenarios)
        model = OpenAICompatible("any", base_url=self.server.base_url, api_key="a key")
        options: dict[str, Value] = {"retry": SOON} | agent
        thread = await self._stage.open(Agent("assistant", model=model, **options))
        return thread, await thread.send("Weather in Oslo?")

    async def end(self, thread: Thread, turn: Turn) -> tuple[ThreadRecord, Message]:
        await turn.result()
        return await thread.record(), await turn.message()

    async def failed(self, thread: Thread, turn: Turn) -> tuple[ThreadRecord, Message]:
        with pytest.raises(RunFailed):
            await turn.result()
        return await thread.record(), await turn.message()


@pytest.fixture
def wire(stage: Stage, served: Loopback) -> Wire:
    return Wire(stage, served)


def weather(city: str) -> str:
    """Current weather for a city."""
    return f"14 °C and rain in {city}"


async def test_streamed_text_is_the_message_and_the_stream(wire: Wire) -> None:
    thread, turn = await wire.send(say("14 °C ", "and ", "rain."))
    fold = await folded(turn.stream())
    record, reply = await wire.end(thread, turn)
    assert fold.text == reply.text == "14 °C and rain."
    assert (record.status, record.finish_reason, reply.finish_reason) == ("completed", "stop", "stop")
    assert reply.usage is not None
    assert (reply.usage.input_tokens, reply.usage.output_tokens) == (7, 3)


async def test_split_arguments_come_to_one_call_and_its_result_goes_back(wire: Wire) -> None:
    pieces = ('{"ci', 'ty": "Os', 'lo"}')
    thread, turn = await wire.send(call(tool_call(0, "c1", "weather", *pieces)), say("It rains."), tools=[weather])
    _, reply = await wire.end(thread, turn)
    part = reply.parts[0]
    assert isinstance(part, ToolCallPart)
    assert (part.arguments, part.output) == ('{"city": "Oslo"}', "14 °C and rain in Oslo")
    sent = wire.server.requests[1].body["messages"]
    assert [message["role"] for message in sent] == ["user", "assistant", "tool"]
    assert sent[-1]["tool_call_id"] == "c1"
    assert "14 °C and rain in Oslo" in sent[-1]["content"]


async def test_call_ids_that_a_provider_uses_again_keep_their_own_results(wire: Wire) -> None:
    first = call(tool_call(0, "call_0", "weather", '{"city": "Oslo"}'))
    second = call(tool_call(0, "call_0", "weather", '{"city": "Rome"}'))
    thread, turn = await wire.send(first, second, say("Both."), tools=[weather])
    _, reply = await wire.end(thread, turn)
    outputs = [part.output for part in reply.parts if isinstance(part, ToolCallPart)]
    assert outputs == ["14 °C and rain in Oslo", "14 °C and rain in Rome"]


async def test_a_drop_in_the_middle_is_asked_again_and_its_words_are_taken_back(wire: Wire) -> None:
    dropped = Scenario(acts=(*text("14 °C ", "and"), Drop()))
    thread, turn = await wire.send(dropped, say("14 °C and rain."))
    fold = await folded(turn.stream())
    record, reply = await wire.end(thread, turn)
    assert fold.text == reply.text == "14 °C and rain."
    assert fold.gaps == 0
    assert record.status == "completed"


async def test_a_429_is_asked_again_no_sooner_than_it_says(wire: Wire) -> None:
    limited = refuse(429, {"message": "slow down", "code": "rate_limit_exceeded"}, {"retry-after-ms": "150"})
    thread, turn = await wire.send(limited, say("Now."))
    record, reply = await wire.end(thread, turn)
    assert (record.status, reply.text) == ("completed", "Now.")
    run = await turn.record()
    assert run.completed_at is not None
    assert (run.completed_at - run.created_at).total_seconds() >= 0.15


@pytest.mark.parametrize("pause", ["86400", "3000", "Fri, 01 Jan 2038 00:00:00 GMT"])
@pytest.mark.parametrize("status", [429, 503])
async def test_a_pause_beyond_the_cap_fails_at_once_and_says_the_time(wire: Wire, status: int, pause: str) -> None:
    thread, turn = await wire.send(refuse(status, {"message": "later"}, {"retry-after": pause}))
    record, _ = await wire.failed(thread, turn)
    assert len(wire.server.requests) == 1
    assert record.failure is not None
    assert "it asks to wait for " in record.failure.message
    assert pause in record.failure.message or not pause.isdigit()


async def test_a_cap_of_one_s_own_is_kept(wire: Wire) -> None:
    limited = refuse(429, {"message": "later"}, {"retry-after-ms": "200"})
    patience = Retry(attempts=3, initial=0.01, max_retry_after=0.1)
    thread, turn = await wire.send(limited, say("Now."), retry=patience)
    await wire.failed(thread, turn)
    assert len(wire.server.requests) == 1


async def test_a_500_is_asked_again_as_often_as_the_agent_says_and_then_told(wire: Wire) -> None:
    thread, turn = await wire.send(*[refuse(500, {"message": "broken"})] * 3)
    record, reply = await wire.failed(thread, turn)
    assert len(wire.server.requests) == 3
    assert (record.status, reply.status) == ("failed", "failed")
    assert record.failure is not None
    assert record.failure.cause_type == "ModelUnavailable"


@pytest.mark.parametrize(
    ("status", "error", "cause"),
    [
        (401, {"message": "bad key", "code": "invalid_api_key"}, "ModelAuthFailed"),
        (400, {"message": "too long", "code": "context_length_exceeded"}, "ModelContextTooLong"),
        (429, {"message": "no money", "code": "insufficient_quota"}, "ModelCreditsExhausted"),
        (404, {"message": "no such model", "code": "model_not_found"}, "ModelRequestInvalid"),
    ],
)
async def test_what_no_retry_helps_is_asked_once_and_told(
    wire: Wire, status: int, error: dict[str, str], cause: str
) -> None:
    thread, turn = await wire.send(refuse(status, error))
    record, _ = await wire.failed(thread, turn)
    assert len(wire.server.requests) == 1
    assert record.failure is not None
    assert record.failure.cause_type == cause


async def test_a_stalled_body_is_given_up_and_asked_again(wire: Wire) -> None:
    stalled = Scenario(acts=(*text("14 °C"), Stall()))
    thread, turn = await wire.send(stalled, say("It rains."), settings={"idle_timeout": 0.2})
    record, reply = await wire.end(thread, turn)
    assert (record.status, reply.text) == ("completed", "It rains.")
    assert wire.server.requests[0].left.wait(5)


async def test_a_body_that_ends_without_a_finish_reason_is_no_answer(wire: Wire) -> None:
    cut = Scenario(acts=(*text("14 °C and"), Chunk("[DONE]")))
    thread, turn = await wire.send(cut, cut, cut)
    record, reply = await wire.failed(thread, turn)
    assert record.failure is not None
    assert record.failure.cause_type == "ModelCutOff"
    assert (reply.status, reply.text) == ("failed", "14 °C and")


CUT = [
    ("length", "length"),
    ("max_tokens", "length"),
    ("MAX_TOKENS", "length"),
    ("model_length", "length"),
    ("content_filter", "content_filter"),
    ("SAFETY", "content_filter"),
    ("a word of its own", "a word of its own"),
    (1, "1"),
]


@pytest.mark.parametrize(("word", "reason"), CUT)
async def test_a_reason_that_is_no_success_is_told_apart(wire: Wire, word: Value, reason: str) -> None:
    thread, turn = await wire.send(Scenario(acts=(*text("14 °C and"), *end(word))))
    record, reply = await wire.end(thread, turn)
    assert (record.status, record.finish_reason, reply.finish_reason) == ("completed", reason, reason)
    assert reply.status == "cut_off"


@pytest.mark.parametrize("word", ["stop", "end_turn", "EOS", "COMPLETE", "stop_sequence", "FinishReason.STOP"])
async def test_a_success_in_any_provider_s_word_is_one(wire: Wire, word: str) -> None:
    thread, turn = await wire.send(Scenario(acts=(*text("14 °C."), *end(word))))
    _, reply = await wire.end(thread, turn)
    assert (reply.status, reply.finish_reason) == ("complete", "stop")


@pytest.mark.parametrize(
    "unusable",
    [
        Scenario(acts=(*text("14 °C and"), *end("abort"))),
        Scenario(acts=(*text("14 °C and"), *end("tool_calls"))),
        Scenario(acts=(*text("14 °C and"), Chunk('{"choices": [7]}'), *end())),
        Scenario(acts=(*text("14 °C and"), Chunk('{"object": "error", "message": "overloaded"}'))),
        Scenario(acts=(*tool_call(0, "c1", "weather", '{"ci'), *end("error"))),
    ],
    ids=["given up", "calls without a call", "not readable", "an error", "a call given up"],
)
async def test_an_unusable_reply_is_asked_for_again_and_never_complete(wire: Wire, unusable: Scenario) -> None:
    thread, turn = await wire.send(unusable, unusable, say("It rains."), tools=[weather])
    record, reply = await wire.end(thread, turn)
    assert (record.status, reply.status, reply.text) == ("completed", "complete", "It rains.")
    assert len(wire.server.requests) == 3


async def test_a_reply_that_stays_unusable_fails_the_turn_and_keeps_what_was_said(wire: Wire) -> None:
    broken = Scenario(acts=(*text("14 °C and"), *end("abort")))
    thread, turn = await wire.send(broken, broken, broken)
    record, reply = await wire.failed(thread, turn)
    assert record.failure is not None
    assert record.failure.cause_type == "ModelCutOff"
    assert "(abort)" in record.failure.message
    assert (reply.status, reply.text) == ("failed", "14 °C and")


@pytest.mark.parametrize("call_id", [7, 7.5, ["a"], {"a": 1}])
async def test_a_call_whose_id_is_no_text_is_remembered(wire: Wire, call_id: Value) -> None:
    piece = {"index": 0, "id": call_id, "function": {"name": "weather", "arguments": {"city": "Oslo"}}}
    asked = Scenario(acts=(chunk({"tool_calls": [piece]}), *end("tool_calls")))
    thread, turn = await wire.send(asked, say("It rains."), tools=[weather])
    _, reply = await wire.end(thread, turn)
    part = reply.parts[0]
    assert isinstance(part, ToolCallPart)
    assert (part.state, part.output) == ("completed", "14 °C and rain in Oslo")
    wire.server.play(say("Yes."))
    await (await thread.send("And now?")).result()
    shown = [message for message in wire.server.requests[0].body["messages"] if message["role"] == "tool"]
    assert [message["content"] for message in shown] == ["14 °C and rain in Oslo"]


@pytest.mark.parametrize("arguments", [r'{"city": "\ud800"}', r'{"city": "Oslo", "\udc00": 1}', '{"city": "\\u0000"}'])
async def test_arguments_are_sent_again_as_they_were_run(wire: Wire, arguments: str) -> None:
    ran = list[dict[str, Value]]()

    def look(place: dict[str, str]) -> str:
        ran.append(place)
        return "seen"

    given = f'{{"place": {arguments}}}'
    thread, turn = await wire.send(
        call(tool_call(0, "c1", "look", given.replace(": 1", ': "1"'))), say("Seen."), tools=[look]
    )
    _, reply = await wire.end(thread, turn)
    part = reply.parts[0]
    assert isinstance(part, ToolCallPart)
    assert part.state == "completed"
    sent = wire.server.requests[1].body["messages"][1]["tool_calls"][0]["function"]["arguments"]
    assert json.loads(sent) == {"place": ran[0]}


@pytest.mark.parametrize("reason", ["length", "content_filter", "max_tokens", "a word of its own"])
async def test_a_call_that_was_cut_off_is_not_run_and_the_model_is_told(wire: Wire, reason: str) -> None:
    ran = list[str]()

    def buy(what: str = "everything") -> str:
        ran.append(what)
        return "bought"

    whole, cut = tool_call(0, "c1", "buy", '{"what": "bread"}'), tool_call(1, "c2", "buy")
    both = Scenario(acts=(*whole, *cut, *end(reason)))
    thread, turn = await wire.send(both, say("Bread."), tools=[buy])
    _, reply = await wire.end(thread, turn)
    first, second, _ = reply.parts
    assert isinstance(first, ToolCallPart)
    assert isinstance(second, ToolCallPart)
    assert (first.state, first.output) == ("completed", "bought")
    assert (second.state, second.error_code) == ("failed", "model_cut_off")
    assert ran == ["bread"]
    assert reply.status == "complete"
    assert "never run" in wire.server.requests[1].body["messages"][-1]["content"]


async def test_the_only_call_that_was_cut_off_is_asked_for_again(wire: Wire) -> None:
    cut = Scenario(acts=(*tool_call(0, "c1", "weather", '{"ci'), *end("length")))
    again = call(tool_call(0, "c2", "weather", '{"city": "Oslo"}'))
    thread, turn = await wire.send(cut, again, say("It rains."), tools=[weather])
    _, reply = await wire.end(thread, turn)
    states = [part.state for part in reply.parts if isinstance(part, ToolCallPart)]
    assert (states, reply.text) == (["failed", "completed"], "It rains.")


async def test_a_stop_reaches_the_provider(wire: Wire) -> None:
    thread, turn = await wire.send(Scenario(acts=(*text("One "), Stall())))
    async for shown in turn.stream():
        if shown.kind == "text":
            break
    reply = await turn.stop()
    assert (reply.status, reply.text) == ("stopped", "One ")
    assert wire.server.requests[0].left.wait(5)
    assert (await thread.record()).status == "stopped"


async def test_settings_reach_the_wire(wire: Wire) -> None:
    thread, turn = await wire.send(say("Yes."), settings={"temperature": 0.5, "max_tokens": 7})
    await wire.end(thread, turn)
    body = wire.server.requests[0].body
    assert body["temperature"] == 0.5
    assert 7 in {body.get("max_tokens"), body.get("max_completion_tokens")}
    assert json.dumps(body["messages"][-1]).count("Oslo") == 1
