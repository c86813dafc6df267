"""Messages and their parts: the only home of what a model said. A part's place in its message is its identity."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from perdure.core.values import Value

Role = Literal["system", "user", "assistant"]
MessageStatus = Literal["streaming", "complete", "cut_off", "stopped", "failed"]
ToolState = Literal["pending", "completed", "failed", "in_doubt", "denied"]


class Usage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a model call took. Units: tokens; `requests` counts the calls."""

    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(**{name: getattr(self, name) + getattr(other, name) for name in self.__struct_fields__})


class TextPart(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind", tag="text"):
    """Text. `provider` is what the provider wants to see again, kept as it came."""

    text: str
    step: int = 0
    provider: dict[str, Value] | None = None


class ReasoningPart(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind", tag="reasoning"):
    """What the model thought, where it says; `signature` makes it acceptable to its provider again."""

    text: str
    step: int = 0
    signature: str | None = None
    provider: dict[str, Value] | None = None


class ToolCallPart(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind", tag="tool_call"):
    """A tool call and, once it has ended, its result.

    Shape: `arguments` is the JSON text as the model wrote it; `output` plain JSON data; `error` what the model is
    told instead; `key` is the call's identity within the thread, `call_id` the provider's name for it, which some
    providers use again in a later step.
    """

    call_id: str
    tool: str
    arguments: str = "{}"
    step: int = 0
    state: ToolState = "pending"
    output: Value = None
    error: str | None = None
    error_code: str | None = None
    provider: dict[str, Value] | None = None


class UnknownPart(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a kind that this version does not know: kept and shown as it is."""

    kind: str
    raw: dict[str, Value]
    step: int = 0


KnownPart = TextPart | ReasoningPart | ToolCallPart
Part = TextPart | ReasoningPart | ToolCallPart | UnknownPart


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One message of a thread; a turn has one assistant message.

    Shape: order in a thread is (turn, place); `finish_reason` is the provider's word for the last step; a message that
    the provider ended before the model did (`length`, `content_filter`) has the status `cut_off`.
    """

    message_id: str
    thread_id: str
    turn: int
    place: int = 0
    role: Role
    status: MessageStatus = "complete"
    parts: tuple[Part, ...] = ()
    metadata: dict[str, Value] = {}
    usage: Usage | None = None
    finish_reason: str | None = None
    model: str | None = None
    created_at: datetime

    @property
    def text(self) -> str:
        """The text parts, joined."""
        return "".join(part.text for part in self.parts if isinstance(part, TextPart))


_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[KnownPart] = msgspec.json.Decoder(KnownPart)
_raw_decoder: msgspec.json.Decoder[dict[str, Value]] = msgspec.json.Decoder(dict[str, Value])


def encode_part(part: Part) -> bytes:
    """The stored form of a part; an unknown one as it came."""
    return _encoder.encode(part.raw if isinstance(part, UnknownPart) else part)


def decode_part(data: bytes) -> Part:
    """A stored part; one that this version can't read is kept as unknown."""
    try:
        return _decoder.decode(data)
    except msgspec.ValidationError:
        raw = _raw_decoder.decode(data)
        return UnknownPart(kind=str(raw.get("kind", "")), raw=raw, step=int(raw.get("step", 0)))


def part_text(part: Part) -> str | None:
    """The text of a part that streams as deltas; None for a part that has none."""
    if isinstance(part, TextPart | ReasoningPart):
        return part.text
    return part.arguments if isinstance(part, ToolCallPart) else None
