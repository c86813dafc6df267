"""Text that UTF-8 can't hold: mended where a model or a tool gives it, refused with its field where a user does."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest
from pydantic import BaseModel

import perdure
from perdure import Agent, App, Thread
from perdure.core.chunks import Chunk
from perdure.core.messages import Message, Part, ReasoningPart, TextPart, ToolCallPart, UnknownPart, Usage
from perdure.errors import ModelUnavailable, PerdureError, RunFailed
from perdure.models.protocol import ModelDelta, ModelEvent, ModelReply, ModelRequest
from perdure.testing.scripted import Call, say
from tests.agents.conftest import Stage

HIGH, LOW, SMILE, LOST = "\ud83d", "\ude00", "\U0001f600", "\ufffd"


class Pieces:
    """A model whose replies come in the given pieces: each a part's index and its text, or an error."""

    name = "test:pieces"

    def __init__(self, pieces: list[tuple[int, str] | Exception], parts: tuple[Part, ...], then: str = "") -> None:
        self.pieces, self.parts, self.then = pieces, parts, then
        self.asked = list[ModelRequest]()

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        self.asked.append(request)
        if len(self.asked) > 1 and self.then:
            yield ModelDelta(index=0, kind="text", text=self.then)
            yield ModelReply(parts=(TextPart(text=self.then),), finish_reason="stop", usage=Usage())
            return
        kinds: dict[type, Any] = {TextPart: "text", ReasoningPart: "reasoning", ToolCallPart: "tool_input"}
        for piece in self.pieces:
            if isinstance(piece, Exception):
                raise piece
            index, text = piece
            part = self.parts[index]
            call = {"call_id": part.call_id, "tool": part.tool} if isinstance(part, ToolCallPart) else {}
            yield ModelDelta(index=index, kind=kinds[type(part)], text=text, **call)
        yield ModelReply(parts=self.parts, finish_reason="stop", usage=Usage())


async def answered(stage: Stage, model: Pieces, **agent: Any) -> tuple[Message, list[Chunk]]:
    thread = await stage.open(Agent("assistant", model=model, **agent))
    turn = await thread.send("Hello?")
    chunks = [chunk async for chunk in turn.stream()]
    return await turn.result(), chunks


@pytest.mark.parametrize(
    ("pieces", "text"),
    [
        (["a", HIGH, LOW, "b"], f"a{SMILE}b"),
        ([f"a{HIGH}", f"{LOW}b"], f"a{SMILE}b"),
        ([HIGH], LOST),
        ([HIGH, "", LOW], SMILE),
        ([HIGH, HIGH, LOW], LOST + SMILE),
        (["a", LOW, "b"], f"a{LOST}b"),
        ([HIGH + LOW], SMILE),
        (["a", HIGH], f"a{LOST}"),
        (["é" + HIGH, LOW + HIGH], f"é{SMILE}{LOST}"),
    ],
)
async def test_halves_in_deltas_are_joined_or_replaced_in_message_and_stream(
    stage: Stage, pieces: list[str], text: str
) -> None:
    model = Pieces([(0, piece) for piece in pieces], (TextPart(text="".join(pieces)),))
    message, chunks = await answered(stage, model)
    assert message.text == text
    assert "".join(chunk.text for chunk in chunks if chunk.kind == "text") == text


async def test_halves_of_parts_that_come_in_turns_are_each_their_parts(stage: Stage) -> None:
    parts = (ReasoningPart(text=f"{HIGH}{LOW}", signature=HIGH), TextPart(text=f"x{HIGH}{LOW}"))
    model = Pieces([(0, HIGH), (1, f"x{HIGH}"), (0, LOW), (1, LOW)], parts)
    message, chunks = await answered(stage, model)
    thought, said = message.parts
    assert isinstance(thought, ReasoningPart)
    assert isinstance(said, TextPart)
    assert (thought.text, thought.signature, said.text) == (SMILE, LOST, f"x{SMILE}")
    assert [chunk.text for chunk in chunks if chunk.kind in {"text", "reasoning"}] != []


async def test_what_else_a_reply_holds_is_mended_at_any_depth(stage: Stage) -> None:
    unknown = UnknownPart(kind="odd", raw={"kind": "odd", HIGH: [{"a": LOW}]})
    model = Pieces([(0, "x")], (TextPart(text="x", provider={"id": HIGH, "more": [f"{HIGH}{LOW}"]}), unknown))
    message, _ = await answered(stage, model)
    first, second = message.parts
    assert isinstance(first, TextPart)
    assert isinstance(second, UnknownPart)
    assert first.provider == {"id": LOST, "more": [SMILE]}
    assert second.raw[LOST] == [{"a": LOST}]


async def test_a_reply_that_is_cut_off_after_a_half_keeps_what_it_said(stage: Stage) -> None:
    model = Pieces([(0, f"so far {HIGH}"), ModelUnavailable("down", detail=HIGH)], (TextPart(text=""),))
    thread = await stage.open(Agent("assistant", model=model, retry=perdure.Retry(attempts=1)))
    turn = await thread.send("Hello?")
    with pytest.raises(perdure.PerdureError, match="down"):
        await turn.result()
    assert (await thread.messages())[-1].text == f"so far {LOST}"


async def test_what_a_provider_said_of_its_failure_reaches_whoever_awaits_the_turn(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    down = ModelUnavailable("down", status=503, retry_after=7.0, detail=f"overloaded {HIGH}")
    thread = await stage.open(Agent("assistant", model=Pieces([down], ()), retry=perdure.Retry(attempts=1)))
    turn = await thread.send("Hello?")
    with pytest.raises(RunFailed) as failed:
        await turn.result()
    assert failed.value.data == {"status": 503, "retry_after": 7.0, "detail": f"overloaded {LOST}"}
    [line] = [record for record in caplog.records if record.name == "perdure.worker"]
    assert line.exc_info is None


@pytest.mark.parametrize(
    ("arguments", "seen"),
    [
        (f'{{"text": "{HIGH}{LOW}"}}', SMILE),
        (f'{{"text": "a{HIGH}"}}', f"a{LOST}"),
        (r'{"text": "\ud83d\ude00"}', SMILE),
        (r'{"text": "\ud83d"}', LOST),
        (r'{"text": "\ude00b"}', f"{LOST}b"),
    ],
)
async def test_halves_in_a_tools_arguments_are_joined_or_replaced(stage: Stage, arguments: str, seen: str) -> None:
    given = list[str]()

    def note(text: str) -> None:
        given.append(text)

    cut = arguments.find(HIGH) + 1 or 4
    pieces: list[Any] = [(0, arguments[:cut]), (0, arguments[cut:])]
    model = Pieces(pieces, (ToolCallPart(call_id="c", tool="note", arguments=arguments),), then="Done.")
    message, _ = await answered(stage, model, tools=[note])
    assert given == [seen]
    assert message.text == "Done."


@dataclass
class File:
    name: str
    lines: list[str]


class Page(BaseModel):
    title: str


@pytest.mark.parametrize(
    ("value", "output"),
    [
        ("caf\udce9.txt", f"caf{LOST}.txt"),
        ([HIGH + LOW, {"a" + HIGH: LOW}], [SMILE, {"a" + LOST: LOST}]),
        (File(HIGH, [LOW, "x"]), {"name": LOST, "lines": [LOST, "x"]}),
        (Page.model_construct(title=f"{HIGH}{LOW}"), {"title": SMILE}),
        ((HIGH,), [LOST]),
    ],
)
async def test_halves_in_a_tools_output_are_joined_or_replaced(stage: Stage, value: Any, output: Any) -> None:
    def read() -> Any:
        return value

    reply = await stage.talk(stage.scripted(Call("read", "{}"), say("Done.")), tools=[read])
    part = reply.parts[0]
    assert isinstance(part, ToolCallPart)
    assert (part.state, part.output) == ("completed", output)


async def test_halves_in_what_a_tool_raises_are_replaced(stage: Stage) -> None:
    def read() -> None:
        raise OSError(f"no file {HIGH}")

    reply = await stage.talk(stage.scripted(Call("read", "{}"), say("Done.")), tools=[read])
    part = reply.parts[0]
    assert isinstance(part, ToolCallPart)
    assert part.error == f"OSError: no file {LOST}"


DOORS: dict[str, tuple[str, Callable[[App, Thread], Awaitable[Any]]]] = {
    "a message": ("text", lambda app, thread: thread.send(f"a{HIGH}")),
    "a message of two halves": ("text", lambda app, thread: thread.send(HIGH + LOW)),
    "a key": ("idempotency_key", lambda app, thread: thread.send("x", idempotency_key=HIGH)),
    "a model's name": ("model", lambda app, thread: thread.send("x", model=f"test:{HIGH}")),
    "a setting": ("settings", lambda app, thread: thread.send("x", settings={HIGH: 1})),
    "a message's metadata": ("metadata", lambda app, thread: thread.send("x", metadata={"a": [LOW]})),
    "a title": ("title", lambda app, thread: app.threads.create("assistant", title=HIGH)),
    "an owner": ("owner", lambda app, thread: app.threads.create("assistant", owner=HIGH)),
    "a thread's id": ("thread_id", lambda app, thread: app.threads.create("assistant", thread_id=HIGH)),
    "a thread's metadata": ("metadata", lambda app, thread: app.threads.create("assistant", metadata={HIGH: 1})),
    "an owner asked for": ("owner", lambda app, thread: app.threads.list(owner=HIGH)),
    "an agent asked for": ("agent", lambda app, thread: app.threads.list(agent=HIGH)),
    "a workflow asked for": ("workflow", lambda app, thread: app.runs(workflow=HIGH)),
    "a run's questions": ("run_id", lambda app, thread: app.questions.list(run_id=HIGH)),
    "a question": ("question_id", lambda app, thread: app.questions.answer(HIGH, "again")),
    "an event": ("payload", lambda app, thread: app.emit_event("run", "go", {"a": HIGH})),
    "an event's key": ("key", lambda app, thread: app.emit_event("run", HIGH)),
    "a reason": ("reason", lambda app, thread: app.run("run").cancel(HIGH)),
}


@pytest.mark.parametrize(("field", "door"), DOORS.values(), ids=DOORS)
async def test_what_a_user_gives_is_refused_at_the_door_with_its_field(
    stage: Stage, field: str, door: Callable[[App, Thread], Awaitable[Any]]
) -> None:
    thread = await stage.open(Agent("assistant", model=stage.scripted(say("Hi."))))
    assert stage.app is not None
    with pytest.raises(PerdureError) as refused:
        await door(stage.app, thread)
    assert field in str(refused.value)
    assert "surrogate" in str(refused.value)
    assert await thread.messages() == []
    assert len(await stage.app.threads.list()) == 1


@pytest.mark.parametrize(
    "declare",
    [
        lambda: Agent(HIGH),
        lambda: Agent("assistant", instructions=HIGH),
        lambda: Agent("assistant", settings={"a": HIGH}),
        lambda: Agent("assistant", tools=[perdure.tool(description=HIGH)(print_nothing)]),
        lambda: App("memory:").workflow(version=HIGH)(never),
    ],
    ids=["a name", "instructions", "a setting", "a tool's description", "a workflow's version"],
)
def test_what_is_declared_is_refused_at_its_declaration(declare: Callable[[], Any]) -> None:
    with pytest.raises(PerdureError, match="surrogate"):
        declare()


def print_nothing() -> None: ...


async def never(ctx: perdure.Context) -> None: ...
