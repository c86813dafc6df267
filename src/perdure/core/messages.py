"""Messages and their parts: the only home of what a model said. A part's place in its message is its identity.

A part of a kind that this version knows may have fields that it does not know, for a later version wrote it: they stand
in `kept`, and are written again with the part.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal, get_args

import msgspec

from perdure.core.usage import Usage
from perdure.core.values import Value

Role = Literal["system", "user", "assistant"]
MessageStatus = Literal["streaming", "complete", "cut_off", "stopped", "failed"]

PART_BITS = 16
MAX_PARTS = 2**PART_BITS
"""How many parts a message can have: their places share an integer key with the message's number."""

ToolState = Literal["pending", "completed", "failed", "in_doubt", "denied"]


class TextPart(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind", tag="text"):
    """Text. `provider` is what the provider wants to see again, kept as it came."""

    text: str
    step: int = 0
    provider: dict[str, Value] | None = None
    kept: dict[str, Value] | None = None


class ReasoningPart(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind", tag="reasoning"):
    """What the model thought, where it says; `signature` makes it acceptable to its provider again."""

    text: str
    step: int = 0
    signature: str | None = None
    provider: dict[str, Value] | None = None
    kept: dict[str, Value] | None = None


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
    kept: dict[str, Value] | None = None


class UnknownPart(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a kind that this version does not know: kept and shown as it is."""

    kind: str
    raw: dict[str, Value]
    step: int = 0


KnownPart = TextPart | ReasoningPart | ToolCallPart
Part = TextPart | ReasoningPart | ToolCallPart | UnknownPart


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One message of a thread; a turn has one assistant message.

    Shape: order on a path of turns is (turn's depth, place); `run_id` is the run that writes it, None for one that
    was given whole; `client_id` is a client's own id for it; `finish_reason` the provider's word for the last step; a
    message that the provider ended before the model did (`length`, `content_filter`, or a word of which nobody knows
    what it means) has the status `cut_off`; `usage` is the sum over the run's rows.
    """

    message_id: str
    tenant: str | None = None
    thread_id: str
    turn: int
    place: int = 0
    run_id: str | None = None
    client_id: str | None = None
    role: Role
    status: MessageStatus = "complete"
    parts: tuple[Part, ...] = ()
    metadata: dict[str, Value] = {}
    usage: Usage | None = None
    finish_reason: str | None = None
    model: str | None = None
    version: int = 0
    created_at: datetime
    updated_at: datetime | None = None

    @property
    def text(self) -> str:
        """The text parts, joined."""
        return "".join(part.text for part in self.parts if isinstance(part, TextPart))


_NUMBER_BITS = 32
LAST_NUMBER = 2**_NUMBER_BITS - 1


def write_version(token: int, number: int) -> int:
    """The version of a holder's write to a message: it rises over all of a run's holders.

    Shape: `number` rises with each write under one token; `LAST_NUMBER` is for whoever ends what a holder left.
    """
    return token << _NUMBER_BITS | number


_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[KnownPart] = msgspec.json.Decoder(KnownPart)
_raw_decoder: msgspec.json.Decoder[dict[str, Value]] = msgspec.json.Decoder(dict[str, Value])


def encode_part(part: Part) -> bytes:
    """The stored form of a part; an unknown one as it came, and fields that are not known with the others."""
    if isinstance(part, UnknownPart):
        return _encoder.encode(part.raw)
    if part.kept is None:
        return _encoder.encode(part)
    known = _raw_decoder.decode(_encoder.encode(msgspec.structs.replace(part, kept=None)))
    return _encoder.encode(part.kept | known)


def decode_part(data: bytes) -> Part:
    """A stored part; one that this version can't read is kept as unknown."""
    try:
        part = _decoder.decode(data)
    except msgspec.ValidationError:
        raw = _raw_decoder.decode(data)
        return UnknownPart(kind=str(raw.get("kind", "")), raw=raw, step=_step_of(raw))
    if _encoder.encode(part) == data:  # as nearly all are: to encode it costs less than to look for what was left out
        return part
    raw = _raw_decoder.decode(data)
    kept = {name: value for name, value in raw.items() if name != "kind" and name not in part.__struct_fields__}
    return msgspec.structs.replace(part, kept=kept) if kept else part


def part_text(part: Part) -> str | None:
    """The text of a part that streams as deltas; None for a part that has none."""
    if isinstance(part, TextPart | ReasoningPart):
        return part.text
    return part.arguments if isinstance(part, ToolCallPart) else None


def call_of(part: Part) -> ToolCallPart | None:
    """The tool call that a part is, or None; one that this version can't read whole, as far as it can.

    So a call that was made stays one: for the run that replays it, and for every later turn.
    """
    if isinstance(part, ToolCallPart) or not isinstance(part, UnknownPart) or part.kind != "tool_call":
        return part if isinstance(part, ToolCallPart) else None
    raw = part.raw
    texts = {name: _text_of(raw[name]) for name in _TEXTS if raw.get(name) is not None}
    state: Value = raw.get("state", "pending")
    if state not in _STATES:
        state = "completed" if "output" in raw else "in_doubt"
    whole: dict[str, Value] = {"call_id": "", "tool": "", **texts, "state": state, "output": raw.get("output")}
    return ToolCallPart(step=part.step, **whole)


_TEXTS = ("call_id", "tool", "arguments", "error", "error_code")
_STATES = frozenset[Value](get_args(ToolState))


def _text_of(value: Value) -> str:
    return value if isinstance(value, str) else _encoder.encode(value).decode()


def _step_of(raw: dict[str, Value]) -> int:
    step: Value = raw.get("step", 0)
    return step if isinstance(step, int) else 0
