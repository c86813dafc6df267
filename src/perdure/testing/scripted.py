"""A model that says what a test wrote down.

    model = ScriptedModel([call("refund", order="7"), say("Done.")])

The script has one entry for each model step of the thread. Which one is due is read from the request alone: the steps
that its history shows, those of earlier turns and this turn's. So the model keeps no place of its own, and goes on
where it was after a crash, in another process, with the same script.

A step can fail first: `fail(…)`, or a list that ends with it, is an attempt of the step after it. Attempts are counted
in the process, since a failed one leaves nothing in the history: after a crash a step fails anew before it succeeds.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence

import msgspec

from perdure.core.messages import Message, Part, ReasoningPart, TextPart, ToolCallPart, Usage
from perdure.errors import TerminalError
from perdure.models.protocol import ModelDelta, ModelEvent, ModelReply, ModelRequest

_WORD = re.compile(r"\S+\s*|\s+")

Gate = Callable[[int, int], Awaitable[object]]


class Say(msgspec.Struct, frozen=True):
    """Text, or a thought, in deltas of `chunk` characters, or of a word where that is None."""

    text: str
    chunk: int | None = None
    is_thought: bool = False


class Call(msgspec.Struct, frozen=True):
    """A tool call; `arguments` is the text of its JSON, which may be no JSON at all."""

    tool: str
    arguments: str
    chunk: int | None = None


class Fail(msgspec.Struct, frozen=True):
    """An error in place of a reply."""

    error: BaseException


Piece = Say | Call | Fail
Entry = Piece | Sequence[Piece]


def say(text: str, *, chunk: int | None = None) -> Say:
    """Text. Units: `chunk` is in characters."""
    return Say(text, chunk)


def think(text: str, *, chunk: int | None = None) -> Say:
    """Reasoning before the answer."""
    return Say(text, chunk, is_thought=True)


def call(tool: str, /, **arguments: object) -> Call:
    """One tool call; several in one step stand in a list, or in `calls`."""
    return Call(tool, msgspec.json.encode(arguments).decode())


def calls(*each: Piece) -> tuple[Piece, ...]:
    """Several tool calls in one step, with text before them or between them."""
    return each


def fail(error: BaseException) -> Fail:
    """One failed attempt of the next step; after other pieces in a list, a failure in the middle of a reply."""
    return Fail(error)


class ScriptedModel:
    """A model for tests, see this module.

    Shape: `requests` and `deltas` are what it was asked and what it said, in this process. `gate(step, delta)` is
    awaited before each delta: a test holds the stream there.
    """

    def __init__(self, script: Sequence[Entry], *, name: str = "test:scripted", gate: Gate | None = None) -> None:
        self.requests: list[ModelRequest] = []
        self.deltas: list[ModelDelta] = []
        self._name, self._gate = name, gate
        self._steps = _attempts(script)
        self._asked: dict[int, int] = {}

    @property
    def name(self) -> str:
        return self._name

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        self.requests.append(request)
        step = steps_before(request)
        if step >= len(self._steps):
            raise TerminalError(f"the script of {self._name} has {len(self._steps)} steps, and was asked for one more")
        attempt = self._asked.get(step, 0)
        self._asked[step] = attempt + 1
        pieces = self._steps[step][min(attempt, len(self._steps[step]) - 1)]
        parts: list[Part] = []
        said = 0
        for index, piece in enumerate(pieces):
            if isinstance(piece, Fail):
                raise piece.error
            parts.append(_part(piece, request.step, f"call_{step}_{index}"))
            for delta in _deltas(index, piece, parts[index]):
                if self._gate is not None:
                    await self._gate(step, said)
                said += 1
                self.deltas.append(delta)
                yield delta
        has_calls = any(isinstance(part, ToolCallPart) for part in parts)
        heard = sum(len(message.text.split()) for message in request.messages)
        yield ModelReply(
            parts=tuple(parts),
            finish_reason="tool_calls" if has_calls else "stop",
            usage=Usage(requests=1, input_tokens=heard, output_tokens=said),
            model=self._name,
        )


def steps_before(request: ModelRequest) -> int:
    """How many model steps the thread's history has before this one."""
    turn = request.messages[-1].turn if request.messages else 0
    earlier = [message for message in request.messages if message.role == "assistant" and message.turn != turn]
    return sum(_steps_of(message) for message in earlier) + request.step


def _steps_of(message: Message) -> int:
    return len({part.step for part in message.parts})


def _attempts(script: Sequence[Entry]) -> list[list[tuple[Piece, ...]]]:
    """The script as steps, each with its attempts; the last attempt is what every later one gets."""
    steps: list[list[tuple[Piece, ...]]] = []
    failed: list[tuple[Piece, ...]] = []
    for entry in script:
        pieces = (entry,) if isinstance(entry, Say | Call | Fail) else tuple(entry)
        failed.append(pieces)
        if not any(isinstance(piece, Fail) for piece in pieces):
            steps.append(failed)
            failed = []
    return [*steps, failed] if failed else steps


def _part(piece: Say | Call, step: int, call_id: str) -> Part:
    if isinstance(piece, Call):
        return ToolCallPart(call_id=call_id, tool=piece.tool, arguments=piece.arguments, step=step)
    return ReasoningPart(text=piece.text, step=step) if piece.is_thought else TextPart(text=piece.text, step=step)


def _deltas(index: int, piece: Say | Call, part: Part) -> list[ModelDelta]:
    text = piece.arguments if isinstance(piece, Call) else piece.text
    size = piece.chunk
    texts = _WORD.findall(text) if size is None else [text[at : at + size] for at in range(0, len(text), size)]
    if isinstance(part, ToolCallPart):
        return [
            ModelDelta(index=index, kind="tool_input", text=each, call_id=part.call_id, tool=part.tool)
            for each in texts
        ]
    kind = "reasoning" if isinstance(part, ReasoningPart) else "text"
    return [ModelDelta(index=index, kind=kind, text=each) for each in texts]
