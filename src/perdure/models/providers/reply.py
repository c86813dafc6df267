"""pydantic-ai's events as our deltas, and the reply that they add up to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import msgspec
from pydantic_ai import messages as sdk
from pydantic_ai.exceptions import UnexpectedModelBehavior
from pydantic_ai.usage import RequestUsage
from pydantic_core import to_jsonable_python

from perdure.core.messages import Part, ReasoningPart, TextPart, ToolCallPart, UnknownPart, Usage
from perdure.models.protocol import ModelDelta, ModelReply
from perdure.models.providers.responses_stream import MADE_UP

Kind = Literal["text", "reasoning", "tool_input"]

_CALLS = (sdk.ToolCallPart,)


class _Slot:
    """A part in the making: its place in our reply, and what its deltas have said."""

    __slots__ = ("call_id", "index", "kind", "pieces", "tool")

    def __init__(self, index: int, part: sdk.ModelResponsePart) -> None:
        self.index = index
        self.pieces: list[str] = []
        self.kind: Kind = _kind_of(part)
        self.call_id = part.tool_call_id if isinstance(part, _CALLS) else None
        self.tool = part.tool_name if isinstance(part, _CALLS) else None

    def delta(self, text: str) -> ModelDelta:
        self.pieces.append(text)
        return ModelDelta(index=self.index, kind=self.kind, text=text, call_id=self.call_id, tool=self.tool)

    @property
    def text(self) -> str:
        return "".join(self.pieces)


class Assembly:
    """One reply as it comes; feed it every event, then `close` it with the response that they made."""

    def __init__(self, step: int) -> None:
        self._step = step
        self._slots: dict[int, _Slot] = {}

    def take(self, event: sdk.ModelResponseStreamEvent) -> Iterator[ModelDelta]:
        """The deltas of one event; the first of a tool call may be empty, so that its name is known at once."""
        if isinstance(event, sdk.PartStartEvent):
            if event.index in self._slots:
                raise UnexpectedModelBehavior("the provider took back a part that it had begun")
            slot = self._slots[event.index] = _Slot(len(self._slots), event.part)
            text = _text_of(event.part)
            if text or slot.tool is not None:
                yield slot.delta(text)
        elif isinstance(event, sdk.PartDeltaEvent) and event.index in self._slots:
            text = _renamed(self._slots[event.index], event.delta)
            if text:
                yield self._slots[event.index].delta(text)

    def close(self, response: sdk.ModelResponse, *, is_whole: bool) -> Iterator[ModelDelta]:
        """The input of tool calls that came as an object, or not at all: it has no deltas of its own.

        Shape: what did not come at all is an empty object only in a reply that is whole; else it was cut off.
        """
        for slot, part in self._paired(response):
            if not isinstance(part, _CALLS) or slot.text:
                continue
            if isinstance(part.args, dict):
                yield slot.delta(msgspec.json.encode(part.args).decode())
            elif is_whole:
                yield slot.delta("{}")

    def reply(self, response: sdk.ModelResponse, finish_reason: str) -> ModelReply:
        """The reply: text and arguments are what the deltas said, the rest is the response's."""
        pairs = sorted(self._paired(response), key=lambda pair: pair[0].index)
        calls = any(isinstance(part, _CALLS) for _, part in pairs)
        return ModelReply(
            parts=tuple(self._part(slot, part, response) for slot, part in pairs),
            finish_reason="tool_calls" if calls and finish_reason == "stop" else finish_reason,
            usage=usage_of(response.usage),
            model=response.model_name or "",
        )

    def _paired(self, response: sdk.ModelResponse) -> list[tuple[_Slot, sdk.ModelResponsePart]]:
        # A part that never got a name has an index and no place in the response: indices shift, their order stays.
        return [(self._slots[index], part) for index, part in zip(sorted(self._slots), response.parts, strict=True)]

    def _part(self, slot: _Slot, part: sdk.ModelResponsePart, response: sdk.ModelResponse) -> Part:
        if isinstance(part, sdk.TextPart):
            return TextPart(text=slot.text, step=self._step, provider=_origin(part, response))
        if isinstance(part, sdk.ThinkingPart):
            origin = _origin(part, response)
            return ReasoningPart(text=slot.text, step=self._step, signature=part.signature, provider=origin)
        if isinstance(part, _CALLS):
            return ToolCallPart(
                call_id=part.tool_call_id,
                tool=part.tool_name,
                arguments=slot.text,
                step=self._step,
                provider=_origin(part, response),
            )
        raw = {"kind": f"sdk:{part.part_kind}", "step": self._step, "part": to_jsonable_python(part)}
        return UnknownPart(kind=f"sdk:{part.part_kind}", raw=raw, step=self._step)


def usage_of(usage: RequestUsage) -> Usage:
    """The tokens of one request, in our names."""
    return Usage(
        requests=1,
        input_tokens=usage.input_tokens or 0,
        output_tokens=usage.output_tokens or 0,
        cache_read_tokens=usage.cache_read_tokens or 0,
        cache_write_tokens=usage.cache_write_tokens or 0,
        reasoning_tokens=usage.output_reasoning_tokens or 0,
    )


def _kind_of(part: sdk.ModelResponsePart) -> Kind:
    if isinstance(part, _CALLS):
        return "tool_input"
    return "reasoning" if isinstance(part, sdk.ThinkingPart) else "text"


def _text_of(part: sdk.ModelResponsePart) -> str:
    if isinstance(part, sdk.TextPart | sdk.ThinkingPart):
        return part.content
    return part.args if isinstance(part, _CALLS) and isinstance(part.args, str) else ""


def _renamed(slot: _Slot, delta: sdk.ModelResponsePartDelta) -> str:
    """The text of a delta; what else it says of a tool call is noted."""
    if isinstance(delta, sdk.ToolCallPartDelta):
        slot.call_id = delta.tool_call_id or slot.call_id
        slot.tool = (slot.tool or "") + (delta.tool_name_delta or "")
        return delta.args_delta if isinstance(delta.args_delta, str) else ""
    if isinstance(delta, sdk.TextPartDelta | sdk.ThinkingPartDelta):
        return delta.content_delta or ""
    return ""


def _origin(
    part: sdk.TextPart | sdk.ThinkingPart | sdk.ToolCallPart, response: sdk.ModelResponse
) -> dict[str, object] | None:
    """What the provider wants to see again, and from whom it is; None where it wants nothing."""
    signature = part.signature if isinstance(part, sdk.ThinkingPart) else None
    item_id = None if part.id is not None and part.id.startswith(MADE_UP) else part.id
    if not (item_id or part.provider_details or signature):
        return None
    origin = {
        "id": item_id,
        "name": part.provider_name or response.provider_name,
        "details": to_jsonable_python(part.provider_details),
        "system": response.canonical_system,
        "url": response.provider_url,
    }
    return {name: value for name, value in origin.items() if value is not None}
