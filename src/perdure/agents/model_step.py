"""The model step: ask, forward what comes, and land the reply with its parts and its usage."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import cast

import msgspec

from perdure.agents.agent import Agent
from perdure.agents.history import CUT_OFF, CUT_OFF_REASONS, valid
from perdure.agents.mended_reply import mended_reply
from perdure.agents.state import TurnState
from perdure.core.chunks import Chunk
from perdure.core.messages import Message, Part, ReasoningPart, TextPart, ToolCallPart
from perdure.core.records import StepRecord
from perdure.errors import ModelCutOff
from perdure.models.protocol import Model, ModelReply, ModelRequest
from perdure.runs.context import Context
from perdure.runs.options import StepOptions
from perdure.stores.port import Operation, PutParts, SetMessage
from perdure.turns import Produced, StreamingStep


class Asked(msgspec.Struct, frozen=True, omit_defaults=True):
    """A model step's value: where its parts stand in the message, and how it finished."""

    first: int
    count: int
    finish_reason: str

    @property
    def cut_off_at(self) -> int | None:
        """The place of the part that its provider cut off, or None."""
        is_cut_off = self.finish_reason in CUT_OFF_REASONS and self.count > 0
        return self.first + self.count - 1 if is_cut_off else None


async def ask(context: Context, agent: Agent, state: TurnState, model: Model) -> Asked:
    """One model step. Raises: StepFailed when the model can't be asked."""
    producer = _Asking(context, agent, state, model)
    options = StepOptions(kind="llm", retry=agent.retry, read_only=True, as_=Asked)
    asked: Asked = await StreamingStep(context, "model", producer, options).call
    if producer.reply is None:  # replayed: its parts are in the message
        state.put(asked.first, state.stored[asked.first : asked.first + asked.count])
    state.finish_reason = asked.finish_reason
    state.step += 1
    return asked


class _Asking:
    """The producer of one model step."""

    def __init__(self, context: Context, agent: Agent, state: TurnState, model: Model) -> None:
        self._context = context
        self._agent = agent
        self._state = state
        self._model = model
        self._first = len(state.parts)
        self.reply: ModelReply | None = None

    async def stream(self) -> AsyncGenerator[Chunk, None]:
        self.reply = None
        events = self._model.stream(self._request())
        async with aclosing(cast("AsyncGenerator[object, None]", events)):
            async for event in events:
                if isinstance(event, ModelReply):
                    self.reply = mended_reply(event)
                else:
                    yield Chunk(
                        kind=event.kind,
                        text=event.text,
                        part=self._first + event.index,
                        call_id=event.call_id,
                        tool=event.tool,
                    )
        if self.reply is None:
            raise ModelCutOff(f"{self._model.name} ended without a reply")

    def value(self) -> Asked:
        assert self.reply is not None  # noqa: S101 - stream() ends without one only by raising
        return Asked(self._first, len(self.reply.parts), self.reply.finish_reason)

    def land(self, record: StepRecord, said: tuple[Chunk, ...]) -> Produced:
        if record.status == "completed" and self.reply is not None:
            return self._land_reply(self.reply)
        return self._produced(partial_parts(said, self._state.step), ())

    def _land_reply(self, reply: ModelReply) -> Produced:
        parts = tuple(msgspec.structs.replace(part, step=self._state.step) for part in reply.parts)
        if self.value().cut_off_at is not None and isinstance(parts[-1], ToolCallPart):
            parts = (*parts[:-1], _cut_off(parts[-1]))
        settled = SetMessage(
            message_id=self._state.message_id,
            add_usage=reply.usage,
            finish_reason=reply.finish_reason,
            model=reply.model or self._model.name,
        )
        calls = (
            Chunk(kind="tool_call", part=place, message_id=self._state.message_id)
            for place, part in enumerate(parts, self._first)
            if isinstance(part, ToolCallPart)
        )
        end = Chunk(kind="step_end", finish_reason=reply.finish_reason)
        return self._produced(parts, (settled,), (*calls, end))

    def _produced(
        self, parts: tuple[Part, ...], operations: tuple[Operation, ...], last: tuple[Chunk, ...] = ()
    ) -> Produced:
        message_id = self._state.message_id
        self._state.put(self._first, parts)
        put = (PutParts(message_id=message_id, first=self._first, parts=parts),) if parts else ()
        return Produced(
            operations=(*put, *operations),
            message_id=message_id,
            parts=dict(enumerate(parts, self._first)),
            last=last,
        )

    def _request(self) -> ModelRequest:
        state, given = self._state, self._state.given
        own = Message(
            message_id=given.message_id,
            thread_id=given.thread_id,
            turn=state.turn,
            role="assistant",
            parts=tuple(state.parts[: self._first]),
            created_at=self._context.attempt.run.created_at,
        )
        return ModelRequest(
            messages=valid([*state.history, own]),
            instructions=self._agent.instructions,
            tools=tuple(tool.spec for tool in self._agent.tools.values()),
            settings=self._agent.settings | state.settings | given.settings,
            step=state.step,
        )


def partial_parts(said: tuple[Chunk, ...], step: int) -> tuple[Part, ...]:
    """The parts that deltas of an unfinished reply come to; a call that was not complete is one that never ran."""
    by_place: dict[int, list[Chunk]] = {}
    for chunk in said:
        if chunk.part is not None:
            by_place.setdefault(chunk.part, []).append(chunk)
    return tuple(_partial(chunks, step) for _, chunks in sorted(by_place.items()))


def _partial(chunks: list[Chunk], step: int) -> Part:
    first, text = chunks[0], "".join(chunk.text for chunk in chunks)
    if first.kind == "reasoning":
        return ReasoningPart(text=text, step=step)
    if first.kind != "tool_input":
        return TextPart(text=text, step=step)
    return _cut_off(ToolCallPart(call_id=first.call_id or "", tool=first.tool or "", arguments=text, step=step))


def _cut_off(part: ToolCallPart) -> ToolCallPart:
    return msgspec.structs.replace(part, state="failed", error=CUT_OFF, error_code="model_cut_off")
