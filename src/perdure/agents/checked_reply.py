"""What a model gives, checked before anything of it is kept: no value of another type can reach a record.

A `Model` is anybody's code, and SDKs build their objects without a check. A reply that can be stored and read again as
what it is passes, with every text in it well formed (its parts are mended as the deltas that built them are), and with
its finish reason in the words of `models.finish`. Any other is one that can't be used, and may be tried again.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Coroutine
from typing import cast

import msgspec

from perdure.core.messages import (
    MAX_PARTS,
    Part,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    UnknownPart,
    Usage,
    decode_part,
    encode_part,
)
from perdure.core.text import well_formed, well_formed_data
from perdure.core.values import Value
from perdure.errors import ModelCutOff, ModelReplyInvalid
from perdure.models.finish import BROKEN, finish_of
from perdure.models.protocol import ModelDelta, ModelReply

_MAX_COUNT = 2**53
_KINDS = frozenset({"text", "reasoning", "tool_input"})


def checked_stream(stream: object, model: str) -> AsyncGenerator[object, None]:
    """What a model's `stream` gave, where it can be read and closed. Raises: ModelReplyInvalid."""
    if hasattr(stream, "__aiter__") and hasattr(stream, "aclose"):
        return cast("AsyncGenerator[object, None]", stream)
    if isinstance(stream, Coroutine):
        stream.close()
    given = "a coroutine" if isinstance(stream, Coroutine) else type(stream).__name__
    raise _invalid(model, f"its stream is {given}, and no async generator: `async def stream(…)` that yields")


def checked_delta(delta: object, model: str) -> ModelDelta:
    """A delta whose fields have their types. Raises: ModelReplyInvalid."""
    if not isinstance(delta, ModelDelta):
        raise _invalid(model, f"it gave {type(delta).__name__}, which is no ModelDelta and no ModelReply")
    index: object = getattr(delta, "index", None)
    if not isinstance(index, int) or isinstance(index, bool) or not 0 <= index < MAX_PARTS:
        raise _invalid(model, f"a delta's index is {index!r}")
    if delta.kind not in _KINDS:
        raise _invalid(model, f"a delta's kind is {delta.kind!r}")
    for name, types in (("text", str), ("call_id", str | None), ("tool", str | None)):
        value: object = getattr(delta, name)
        if not isinstance(value, types):
            raise _invalid(model, f"a delta's {name} is {type(value).__name__}")
    return delta


def checked_reply(reply: ModelReply, model: str) -> ModelReply:
    """The reply as it can be kept. Raises: ModelReplyInvalid; ModelCutOff where its provider gave it up."""
    for name in ("finish_reason", "model"):
        if not isinstance(getattr(reply, name), str):
            raise _invalid(model, f"its {name} is {type(getattr(reply, name)).__name__}")
    if not isinstance(reply.parts, list | tuple):  # pyright: ignore[reportUnnecessaryIsInstance] - of anybody's code
        raise _invalid(model, "its parts are no tuple")
    parts = tuple(_checked_part(part, model, place) for place, part in enumerate(reply.parts))
    finish = well_formed(finish_of(reply.finish_reason))
    if finish == BROKEN:
        raise ModelCutOff(f"{model} broke off its answer ({well_formed(reply.finish_reason)})")
    if finish == "tool_calls" and not any(isinstance(part, ToolCallPart) for part in parts):
        raise _invalid(model, "it ended with tool calls, and there is none in it")
    return msgspec.structs.replace(
        reply,
        parts=parts,
        finish_reason=finish,
        usage=_checked_usage(reply.usage, model),
        model=well_formed(reply.model),
    )


def _checked_part(part: object, model: str, place: int) -> Part:
    if not isinstance(part, TextPart | ReasoningPart | ToolCallPart | UnknownPart):
        raise _invalid(model, f"part {place} is {type(part).__name__}")
    try:
        mended = _mended(part)
        read = decode_part(encode_part(mended))
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise _invalid(model, f"part {place}: {error}") from None
    if type(read) is not type(mended) or read != mended:
        raise _invalid(model, f"part {place}: {_wrong_field(mended)}")
    return mended


def _mended(part: Part) -> Part:
    fields = {name: getattr(part, name) for name in part.__struct_fields__}
    mended: dict[str, Value] = well_formed_data(fields)
    return part if mended == fields else msgspec.structs.replace(part, **mended)


def _wrong_field(part: Part) -> str:
    """Which field has another type."""
    try:
        msgspec.convert(msgspec.to_builtins(part), type(part))
    except msgspec.ValidationError as error:
        return str(error)
    return "it is not the same when it is read again"


def _checked_usage(usage: object, model: str) -> Usage:
    if not isinstance(usage, Usage):
        raise _invalid(model, f"its usage is {type(usage).__name__}")
    for name in usage.__struct_fields__:
        count: object = getattr(usage, name)
        if not isinstance(count, int) or isinstance(count, bool) or not 0 <= count < _MAX_COUNT:
            raise _invalid(model, f"its usage has {count!r} {name}")
    return usage


def _invalid(model: str, reason: str) -> ModelReplyInvalid:
    return ModelReplyInvalid(well_formed(f"{model} gave a reply that can't be used: {reason}"))
