"""Our messages as pydantic-ai's: a turn's one message becomes, step by step, a response and its tools' results."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Literal

from pydantic_ai import messages as sdk

from perdure.core.messages import KnownPart, Message, TextPart, ToolCallPart, ToolState, UnknownPart
from perdure.models.protocol import ModelRequest
from perdure.models.shapes import is_record

_NOWHERE: Mapping[str, object] = {}

_OUTCOMES: dict[ToolState, Literal["success", "failed", "denied", "interrupted"]] = {
    "completed": "success",
    "failed": "failed",
    "in_doubt": "failed",
    "denied": "denied",
    "pending": "interrupted",
}


def sdk_messages(request: ModelRequest) -> list[sdk.ModelMessage]:
    """The whole history; the instructions stand on its last request, where pydantic-ai looks for them."""
    history: list[sdk.ModelMessage] = []
    for each in (part for message in request.messages for part in _projected(message)):
        last = history[-1] if history else None
        if isinstance(each, sdk.ModelRequest) and isinstance(last, sdk.ModelRequest):
            history[-1] = sdk.ModelRequest(parts=[*last.parts, *each.parts])
        else:
            history.append(each)
    last = history[-1] if history else None
    if request.instructions:
        if not isinstance(last, sdk.ModelRequest):
            last = sdk.ModelRequest(parts=[])
            history.append(last)
        last.instructions = request.instructions
    return history


def _projected(message: Message) -> Iterator[sdk.ModelMessage]:
    if message.role == "assistant":
        known = [part for part in message.parts if not isinstance(part, UnknownPart)]
        for _, parts in groupby(known, key=lambda part: part.step):
            yield from _step(list(parts))
    elif message.text:
        kind = sdk.UserPromptPart if message.role == "user" else sdk.SystemPromptPart
        yield sdk.ModelRequest(parts=[kind(message.text)])


def _step(parts: Sequence[KnownPart]) -> Iterator[sdk.ModelMessage]:
    said = [projected for part in parts if (projected := _said(part)) is not None]
    if said:
        origin = next((part.provider for part in parts if part.provider), None) or _NOWHERE
        yield sdk.ModelResponse(
            parts=said,
            provider_name=_text(origin, "name"),
            canonical_system=_text(origin, "system"),
            provider_url=_text(origin, "url"),
        )
    results = [_result(part) for part in parts if isinstance(part, ToolCallPart)]
    if results:
        yield sdk.ModelRequest(parts=results)


def _said(part: KnownPart) -> sdk.ModelResponsePart | None:
    origin = part.provider or _NOWHERE
    details, name, own_id = origin.get("details"), _text(origin, "name"), _text(origin, "id")
    provided = dict(details) if is_record(details) else None
    if isinstance(part, ToolCallPart):
        return sdk.ToolCallPart(
            part.tool, part.arguments, part.call_id, id=own_id, provider_name=name, provider_details=provided
        )
    if not part.text and not origin:
        return None
    if isinstance(part, TextPart):
        return sdk.TextPart(part.text, id=own_id, provider_name=name, provider_details=provided)
    return sdk.ThinkingPart(
        part.text, id=own_id, signature=part.signature, provider_name=name, provider_details=provided
    )


def _text(origin: Mapping[str, object], name: str) -> str | None:
    value = origin.get(name)
    return value if isinstance(value, str) else None


def _result(part: ToolCallPart) -> sdk.ToolReturnPart:
    return sdk.ToolReturnPart(
        tool_name=part.tool,
        content=part.output if part.state == "completed" else part.error or "No result is known.",
        tool_call_id=part.call_id,
        outcome=_OUTCOMES[part.state],
    )
