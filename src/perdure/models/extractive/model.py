"""The model itself: a decision, told piece by piece."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Mapping
from math import isfinite

import msgspec

from perdure.core.clock import Clock, SystemClock
from perdure.core.messages import Part, TextPart, ToolCallPart, Usage
from perdure.errors import SettingInvalid
from perdure.models.extractive.policy import Decision, decide
from perdure.models.protocol import ModelDelta, ModelEvent, ModelReply, ModelRequest

_WORD = re.compile(r"\S+\s*|\s+")


class ExtractiveModel:
    """`perdure:extractive`: answers from whatever its tools return, and says so where it can't.

    Shape: of the settings it knows `pace`, the seconds before each delta, 0 unless told otherwise, and `tag`, which
    comes before the text of an answer. Tokens are counted as words.
    """

    def __init__(self, *, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()

    @property
    def name(self) -> str:
        return "perdure:extractive"

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        pace, tag = _pace(request.settings), str(request.settings.get("tag") or "")
        parts = _parts(decide(request), request, tag)
        said = 0
        for delta in _deltas(parts):
            if pace:
                await _pause(self._clock, pace)
            said += 1
            yield delta
        heard = sum(len(message.text.split()) for message in request.messages)
        yield ModelReply(
            parts=parts,
            finish_reason="tool_calls" if isinstance(parts[0], ToolCallPart) else "stop",
            usage=Usage(requests=1, input_tokens=heard, output_tokens=said),
            model=self.name,
        )


def _parts(decision: Decision, request: ModelRequest, tag: str) -> tuple[Part, ...]:
    if not decision.calls:
        return (TextPart(text=tag + decision.words, step=request.step),)
    turn = request.messages[-1].turn
    return tuple(
        ToolCallPart(
            call_id=f"call-{turn}-{request.step}-{n}",
            tool=call.tool,
            arguments=msgspec.json.encode(call.arguments).decode(),
            step=request.step,
        )
        for n, call in enumerate(decision.calls)
    )


def _deltas(parts: tuple[Part, ...]) -> list[ModelDelta]:
    deltas: list[ModelDelta] = []
    for index, part in enumerate(parts):
        if isinstance(part, ToolCallPart):
            deltas += [
                ModelDelta(index=index, kind="tool_input", text=piece, call_id=part.call_id, tool=part.tool)
                for piece in _WORD.findall(part.arguments)
            ]
        elif isinstance(part, TextPart):
            deltas += [ModelDelta(index=index, kind="text", text=word) for word in _WORD.findall(part.text)]
    return deltas


def _pace(settings: Mapping[str, object]) -> float:
    pace = settings.get("pace", 0.0)
    if isinstance(pace, bool) or not isinstance(pace, int | float) or not isfinite(pace) or pace < 0:
        raise SettingInvalid("pace", f"seconds of at least 0, not {pace!r}")
    return float(pace)


async def _pause(clock: Clock, seconds: float) -> None:
    passed = asyncio.Event()
    timer = clock.call_after(seconds, passed.set)
    try:
        await passed.wait()
    finally:
        timer.cancel()
