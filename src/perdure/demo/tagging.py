"""A model whose words say which attempt they are of, at a pace at which one can watch, and be killed."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

import msgspec

from perdure.core.clock import SystemClock, pause
from perdure.core.messages import TextPart
from perdure.demo.journal import Journal
from perdure.demo.ledger import Execution, executing
from perdure.models.protocol import Model, ModelDelta, ModelEvent, ModelReply, ModelRequest
from perdure.runs.context import current_step


class TaggedModel:
    """Another model, each text of which begins with `attempt N: `; each call stands in the ledger."""

    def __init__(self, model: Model, ledger: Journal[Execution], pace: float) -> None:
        """Units: `pace` is the pause before each delta, in seconds."""
        self._model = model
        self._ledger = ledger
        self._pace = pace

    @property
    def name(self) -> str:
        return self._model.name

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        step, tagged, clock = current_step(), set[int](), SystemClock()
        tag = f"attempt {step.attempt if step else 1}: "
        with executing(self._ledger, "model"):
            async with aclosing(self._model.stream(request)) as events:
                async for event in events:
                    if isinstance(event, ModelReply):
                        yield _tag_reply(event, tag)
                        continue
                    await pause(clock, self._pace)
                    yield event if event.kind != "text" or event.index in tagged else _tag_delta(event, tag)
                    tagged.add(event.index)


def _tag_delta(delta: ModelDelta, tag: str) -> ModelDelta:
    return msgspec.structs.replace(delta, text=tag + delta.text)


def _tag_reply(reply: ModelReply, tag: str) -> ModelReply:
    parts = (
        msgspec.structs.replace(each, text=tag + each.text) if isinstance(each, TextPart) else each
        for each in reply.parts
    )
    return msgspec.structs.replace(reply, parts=tuple(parts))
