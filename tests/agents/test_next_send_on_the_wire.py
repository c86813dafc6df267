"""However a turn's model fails, and wherever: the strictest provider of each dialect takes the next send.

Each kind of failure comes at each place of a turn, over a real connection, in chat completions and in the Responses
API. Then the thread's next message is sent to the same model, and after that to one of the other dialect.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import NamedTuple, TypeAlias

import pytest

from perdure import Agent, Retry
from perdure.core.messages import TextPart, ToolCallPart
from perdure.errors import RunFailed
from perdure.models.compatible import OpenAICompatible
from perdure.models.protocol import Model
from perdure.models.resolve import resolve
from tests.agents.conftest import Stage
from tests.models import loopback as chat
from tests.models import responses
from tests.models.loopback import Act, Chunk, Drop, Loopback, Raw, Scenario, Stall, refuse

ONCE = Retry(attempts=1)
FIND_TWICE = ("c1", "c2")

Acts: TypeAlias = tuple[Act, ...]


class Dialect(NamedTuple):
    """What a provider streams, piece by piece. Shape: `whole` ends a reply that had these pieces before."""

    begin: Acts
    thought: Acts
    said: Acts
    half_a_call: Acts
    call: Callable[[str], Acts]
    whole: Callable[[bool], Acts]
    cut: Callable[[str], Acts]
    error: Act


def _chat_thought(text: str) -> Chunk:
    return chat.chunk({"role": "assistant", "reasoning_content": text})


def _chat_call(call_id: str) -> Acts:
    return chat.tool_call(FIND_TWICE.index(call_id), call_id, "find", '{"n"', ":1}")


def _chat_whole(has_calls: bool) -> Acts:
    return chat.end("tool_calls" if has_calls else "stop")


def _chat_cut(reason: str) -> Acts:
    return chat.end("length" if reason == "max_output_tokens" else "content_filter")


CHAT = Dialect(
    begin=(chat.chunk({"role": "assistant", "content": ""}),),
    thought=(_chat_thought("Hm, "), _chat_thought("so.")),
    said=chat.text("Half an ", "answer"),
    half_a_call=chat.tool_call(0, "c1", "find", '{"n"'),
    call=_chat_call,
    whole=_chat_whole,
    cut=_chat_cut,
    error=Chunk(json.dumps({"error": {"message": "overloaded", "code": 503}})),
)


def _item(call_id: str) -> dict[str, object]:
    return responses.CALLED | {"id": f"fc_{call_id}", "call_id": call_id}


def _call(call_id: str) -> Acts:
    item, at = _item(call_id), 2 + FIND_TWICE.index(call_id)
    where = {"item_id": item["id"], "output_index": at}
    return (
        responses.event("response.output_item.added", output_index=at, item=item | {"arguments": ""}),
        *(responses.event("response.function_call_arguments.delta", delta=piece, **where) for piece in ('{"n"', ":1}")),
        responses.event("response.output_item.done", output_index=at, item=item),
    )


def _ended(status: str, *, has_calls: bool = False, **more: object) -> Acts:
    output = [responses.THOUGHT, *map(_item, FIND_TWICE)] if has_calls else [responses.THOUGHT, responses.SAID]
    return (responses.event(f"response.{status}", response=responses.response(status, *output) | more),)


def _whole(has_calls: bool) -> Acts:
    return _ended("completed", has_calls=has_calls)


def _incomplete(reason: str) -> Acts:
    return _ended("incomplete", incomplete_details={"reason": reason})


RESPONSES = Dialect(
    begin=(responses.begin(),),
    thought=responses.thought(),
    said=responses.said("Half an ", "answer")[:-1],
    half_a_call=_call("c1")[:2],
    call=_call,
    whole=_whole,
    cut=_incomplete,
    error=responses.event("error", code="server_error", message="overloaded", param=None),
)
DIALECTS = {"chat": CHAT, "responses": RESPONSES}

PLACES: dict[str, Callable[[Dialect], Acts]] = {
    "before anything": lambda _: (),
    "at its beginning": lambda d: d.begin,
    "in a thought": lambda d: (*d.begin, *d.thought[:1]),
    "after a thought": lambda d: (*d.begin, *d.thought),
    "in an answer": lambda d: (*d.begin, *d.thought, *d.said),
    "in a call": lambda d: (*d.begin, *d.thought, *d.half_a_call),
    "after a call": lambda d: (*d.begin, *d.thought, *d.call("c1")),
    "between the calls": lambda d: (*d.begin, *d.thought, *d.call("c1"), *d.call("c2")[:1]),
    "after all calls": lambda d: (*d.begin, *d.thought, *d.call("c1"), *d.call("c2")),
}

FAILURES: dict[str, Callable[[Dialect, Acts], Scenario]] = {
    "a reset": lambda _, acts: Scenario(acts=(*acts, Drop())),
    "an end without a word": lambda _, acts: Scenario(acts=acts),
    "an error as an event": lambda d, acts: Scenario(acts=(*acts, d.error)),
    "no JSON": lambda _, acts: Scenario(acts=(*acts, Raw("data: {oops\n\n"))),
    "a limit of length": lambda d, acts: Scenario(acts=(*acts, *d.cut("max_output_tokens"))),
    "a filter": lambda d, acts: Scenario(acts=(*acts, *d.cut("content_filter"))),
    "an end that says stop": lambda d, acts: Scenario(acts=(*acts, *d.whole(False))),
    "an end that says calls": lambda d, acts: Scenario(acts=(*acts, *d.whole(True))),
    "a stop by its user": lambda _, acts: Scenario(acts=(*acts, Stall())),
}
STATUSES = (400, 401, 402, 403, 404, 408, 409, 413, 422, 429, 500, 502, 503, 529)


@pytest.fixture(scope="module")
def served() -> Iterator[Loopback]:
    with Loopback() as server:
        yield server


@pytest.fixture
def models(served: Loopback, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Model]]:
    monkeypatch.setenv("OPENAI_API_KEY", "a key")
    monkeypatch.setenv("OPENAI_BASE_URL", served.base_url)
    yield {
        "chat": OpenAICompatible("any", base_url=served.base_url, api_key="a key"),
        "responses": resolve("openai:gpt-5-mini"),
    }
    served.refused.clear()  # it was told by the test that it was for


def find(n: int = 0) -> str:
    """Find it."""
    return f"found {n}"


def yes(dialect: str) -> Scenario:
    if dialect == "chat":
        return chat.say("Yes.")
    whole = responses.response("completed", responses.SAID | {"id": "msg_9"})
    return Scenario(
        acts=(responses.begin(), *responses.said("Yes."), responses.event("response.completed", response=whole))
    )


async def ended(stage: Stage, served: Loopback, model: Model, *scenarios: Scenario, is_stopped: bool = False) -> None:
    """A turn that fails, is stopped, or ends in an odd way."""
    served.play(*scenarios)
    thread = await stage.open(Agent("assistant", model=model, tools=[find], retry=ONCE, max_steps=3))
    turn = await thread.send("Find it.")
    if is_stopped:
        while len(served.requests) < len(scenarios) - 2:  # noqa: ASYNC110 - the server is in another thread
            await asyncio.sleep(0.005)
        await asyncio.sleep(0.03)
        await turn.stop()
    with suppress(RunFailed):
        await turn.result()
    reply = await turn.message()
    assert reply.status != "streaming"
    assert [part for part in reply.parts if isinstance(part, ToolCallPart) and part.state == "pending"] == []


async def next_sends(stage: Stage, served: Loopback, models: dict[str, Model], dialect: str) -> None:
    """The next message, to the model itself; and one more, to a model that speaks the other dialect."""
    assert stage.app is not None
    other = next(name for name in models if name != dialect)
    agent = stage.app.agents["assistant"]
    for name in (dialect, other):
        agent.model = models[name]
        served.play(yes(name))
        turn = await stage.app.thread("thread").send("And now?")
        reply = await turn.result()
        assert [part.text for part in reply.parts if isinstance(part, TextPart)][-1:] == ["Yes."]
        assert served.refused == []


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("failure", FAILURES)
async def test_after_a_failure_at_any_place_the_next_send_is_accepted(
    memory_stage: Stage, served: Loopback, models: dict[str, Model], dialect: str, place: str, failure: str
) -> None:
    spoken = DIALECTS[dialect]
    failing = FAILURES[failure](spoken, PLACES[place](spoken))
    is_stopped = failure == "a stop by its user"
    await ended(memory_stage, served, models[dialect], failing, *[yes(dialect)] * 2, is_stopped=is_stopped)
    await next_sends(memory_stage, served, models, dialect)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("failure", FAILURES)
async def test_after_a_failure_behind_a_tools_result_the_next_send_is_accepted(
    memory_stage: Stage, served: Loopback, models: dict[str, Model], dialect: str, place: str, failure: str
) -> None:
    spoken = DIALECTS[dialect]
    calls = Scenario(acts=(*PLACES["after all calls"](spoken), *spoken.whole(True)))
    failing = FAILURES[failure](spoken, PLACES[place](spoken))
    is_stopped = failure == "a stop by its user"
    await ended(memory_stage, served, models[dialect], calls, failing, *[yes(dialect)] * 2, is_stopped=is_stopped)
    await next_sends(memory_stage, served, models, dialect)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("is_after_a_tool", [False, True])
@pytest.mark.parametrize("status", STATUSES)
async def test_after_a_refusal_the_next_send_is_accepted(
    memory_stage: Stage, served: Loopback, models: dict[str, Model], dialect: str, is_after_a_tool: bool, status: int
) -> None:
    spoken = DIALECTS[dialect]
    calls = Scenario(acts=(*PLACES["after all calls"](spoken), *spoken.whole(True)))
    before = [calls] if is_after_a_tool else []
    await ended(memory_stage, served, models[dialect], *before, refuse(status, {"message": "no"}))
    await next_sends(memory_stage, served, models, dialect)
