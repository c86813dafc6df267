"""The model step: ask, forward what comes, and commit the reply with its parts and its usage."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

import msgspec

from perdure.agents.agent import Agent
from perdure.agents.checked_reply import checked_delta, checked_reply, checked_stream
from perdure.agents.history import CUT_OFF, valid
from perdure.agents.state import TurnState
from perdure.core.chunks import Chunk
from perdure.core.messages import Message, Part, ToolCallPart
from perdure.core.operations import HolderOperation, PutParts, PutUsage, SetMessage
from perdure.core.records import StepRecord
from perdure.core.salvage import partial_parts
from perdure.errors import ModelCutOff
from perdure.models.arguments import is_sendable
from perdure.models.finish import is_whole
from perdure.models.protocol import Model, ModelReply, ModelRequest
from perdure.runs.options import StepOptions
from perdure.runs.protocols import RunContext
from perdure.turns import Produced, StreamingStep


class ModelStepResult(msgspec.Struct, frozen=True, omit_defaults=True):
    """A model step's value: where its parts stand in the message, and how it finished."""

    first: int
    count: int
    finish_reason: str


async def ask(context: RunContext, agent: Agent, state: TurnState, model: Model) -> ModelStepResult:
    """One model step. Raises: StepFailed when the model can't be asked."""
    producer = _ModelStep(context, agent, state, model)
    options = StepOptions(kind="llm", retry=agent.retry, read_only=True, as_=ModelStepResult)
    asked: ModelStepResult = await StreamingStep(context, "model", producer, options).call
    if producer.reply is None:  # replayed: its parts are in the message
        state.put(asked.first, state.stored[asked.first : asked.first + asked.count])
    state.finish_reason = asked.finish_reason
    state.step += 1
    return asked


class _ModelStep:
    """The producer of one model step."""

    def __init__(self, context: RunContext, agent: Agent, state: TurnState, model: Model) -> None:
        self._context = context
        self._agent = agent
        self._state = state
        self._model = model
        self._first = len(state.parts)
        self.reply: ModelReply | None = None

    async def stream(self) -> AsyncGenerator[Chunk, None]:
        self.reply = None
        events = checked_stream(self._model.stream(self._request()), self._model.name)
        async with aclosing(events):
            async for event in events:
                if isinstance(event, ModelReply):
                    self.reply = checked_reply(event, self._model.name)
                else:
                    delta = checked_delta(event, self._model.name)
                    yield Chunk(
                        kind=delta.kind,
                        text=delta.text,
                        part=self._first + delta.index,
                        call_id=delta.call_id,
                        tool=delta.tool,
                    )
        if self.reply is None:
            raise ModelCutOff(f"{self._model.name} ended without a reply")

    def value(self) -> ModelStepResult:
        assert self.reply is not None  # noqa: S101 - stream() ends without one only by raising
        return ModelStepResult(self._first, len(self.reply.parts), self.reply.finish_reason)

    @property
    def number(self) -> int:
        return self._state.step

    def extra_operations(self, record: StepRecord, said: tuple[Chunk, ...]) -> Produced:
        if record.status == "completed" and self.reply is not None:
            return self._with_reply(record, self.reply)
        return self._produced(partial_parts(said, self._state.step), ())

    def _with_reply(self, record: StepRecord, reply: ModelReply) -> Produced:
        parts = tuple(msgspec.structs.replace(part, step=self._state.step) for part in reply.parts)
        if not is_whole(reply.finish_reason):
            last = len(parts) - 1
            parts = tuple(_cut_off(part, is_last=place == last) for place, part in enumerate(parts))
        model = reply.model or self._model.name
        usage = PutUsage(position=record.position, attempt=record.attempts, usage=reply.usage, model=model)
        settled = SetMessage(
            message_id=self._state.message_id,
            version=self._context.version(),
            at=self._context.clock.now(),
            finish_reason=reply.finish_reason,
            model=model,
        )
        calls = (
            Chunk(kind="tool_call", part=place, message_id=self._state.message_id)
            for place, part in enumerate(parts, self._first)
            if isinstance(part, ToolCallPart)
        )
        end = Chunk(kind="step_end", finish_reason=reply.finish_reason)
        return self._produced(dict(enumerate(parts, self._first)), (settled, usage), (*calls, end))

    def _produced(
        self, parts: dict[int, Part], operations: tuple[HolderOperation, ...], last: tuple[Chunk, ...] = ()
    ) -> Produced:
        message_id, whole = self._state.message_id, tuple(parts.values())
        self._state.put(self._first, whole)
        version = self._context.version()
        put = (PutParts(message_id=message_id, first=self._first, parts=whole, version=version),) if whole else ()
        return Produced(operations=(*put, *operations), message_id=message_id, parts=parts, last=last)

    def _request(self) -> ModelRequest:
        state, given = self._state, self._state.given
        own = Message(
            message_id=given.message_id,
            thread_id=given.thread_id,
            turn=state.turn,
            role="assistant",
            parts=tuple(state.parts[: self._first]),
            created_at=self._context.run.created_at,
        )
        return ModelRequest(
            messages=valid([*state.history, own]),
            instructions=self._agent.instructions,
            tools=tuple(tool.spec for tool in self._agent.tools.values()),
            settings=self._agent.settings | state.settings | given.settings,
            step=state.step,
        )


def _cut_off(part: Part, *, is_last: bool) -> Part:
    """A part of a reply that its provider cut off: the last call is not run, nor one whose arguments are not whole."""
    if not isinstance(part, ToolCallPart) or not (is_last or not is_sendable(part.arguments)):
        return part
    return msgspec.structs.replace(part, state="failed", error=CUT_OFF, error_code=ModelCutOff.code)
