"""Our messages as pydantic-ai's: a turn's one message becomes, step by step, a response and its tools' results."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Literal

import msgspec
from pydantic_ai import messages as sdk

from perdure.core.messages import KnownPart, Message, TextPart, ToolCallPart, ToolState, UnknownPart
from perdure.models.protocol import ModelRequest
from perdure.models.providers.repair import GO_ON, NO_ANSWER, NO_TEXT, Ids, arguments, tool_name
from perdure.models.shapes import MAX_DEPTH, depth_of, is_record

_NOWHERE: Mapping[str, object] = {}

_OUTCOMES: dict[ToolState, Literal["success", "failed", "denied", "interrupted"]] = {
    "completed": "success",
    "failed": "failed",
    "in_doubt": "failed",
    "denied": "denied",
    "pending": "interrupted",
}


def sdk_messages(request: ModelRequest) -> list[sdk.ModelMessage]:
    """The whole history, valid for every provider.

    Shape: it begins and ends with a request, and responses and requests alternate: where a turn left no answer, a
    response says so. The instructions, and the system messages with them, stand on its last request, where
    pydantic-ai looks for them.
    """
    history: list[sdk.ModelMessage] = []
    ids = Ids()
    for message in request.messages:
        for each in _projected(message, ids):
            _append(history, each)
    if not history or isinstance(history[-1], sdk.ModelResponse):
        _append(history, _prompt(GO_ON))
    last = history[-1]
    rules = [request.instructions, *(message.text for message in request.messages if message.role == "system")]
    if isinstance(last, sdk.ModelRequest):
        last.instructions = "\n\n".join(rule for rule in rules if rule.strip()) or None
    return history


def _append(history: list[sdk.ModelMessage], each: sdk.ModelMessage) -> None:
    last = history[-1] if history else None
    if isinstance(each, sdk.ModelRequest) and isinstance(last, sdk.ModelRequest):
        history.append(sdk.ModelResponse(parts=[sdk.TextPart(NO_ANSWER)]))
    elif isinstance(each, sdk.ModelResponse) and isinstance(last, sdk.ModelResponse):
        # A response that ended without calls, and the next step's: one message, as its reader saw it.
        history[-1] = replace(each, parts=[*last.parts, *each.parts])
        return
    elif isinstance(each, sdk.ModelResponse) and last is None:
        history.append(_prompt(GO_ON))
    history.append(each)


def _prompt(text: str) -> sdk.ModelRequest:
    return sdk.ModelRequest(parts=[sdk.UserPromptPart(text)])


def _projected(message: Message, ids: Ids) -> Iterator[sdk.ModelMessage]:
    if message.role == "assistant":
        known = [part for part in message.parts if not isinstance(part, UnknownPart)]
        for _, parts in groupby(known, key=lambda part: part.step):
            yield from _step(list(parts), ids)
    elif message.role == "user" and message.text.strip():
        yield _prompt(message.text)


def _step(parts: Sequence[KnownPart], ids: Ids) -> Iterator[sdk.ModelMessage]:
    given = {n: ids.of_call(part.call_id) for n, part in enumerate(parts) if isinstance(part, ToolCallPart)}
    said = [projected for n, part in enumerate(parts) if (projected := _said(part, given.get(n, ""), ids)) is not None]
    if said:
        if not any(
            isinstance(part, sdk.ToolCallPart) or (isinstance(part, sdk.TextPart) and part.content.strip())
            for part in said
        ):
            said.append(sdk.TextPart(NO_ANSWER))
        while isinstance(said[-1], sdk.ThinkingPart):  # a thought is taken only before what came of it
            said.pop()
        origin = next((part.provider for part in parts if part.provider), None) or _NOWHERE
        yield sdk.ModelResponse(
            parts=said,
            provider_name=_text(origin, "name"),
            canonical_system=_text(origin, "system"),
            provider_url=_text(origin, "url"),
        )
    results = [_result(part, given[n]) for n, part in enumerate(parts) if isinstance(part, ToolCallPart)]
    if results:
        yield sdk.ModelRequest(parts=results)


def _said(part: KnownPart, call_id: str, ids: Ids) -> sdk.ModelResponsePart | None:
    origin = part.provider or _NOWHERE
    details, name = origin.get("details"), _text(origin, "name")
    own_id = ids.of_item(name, _text(origin, "id"))
    provided = dict(details) if is_record(details) else None
    if isinstance(part, ToolCallPart):
        return sdk.ToolCallPart(
            tool_name(part.tool),
            arguments(part.arguments),
            call_id,
            id=own_id,
            provider_name=name,
            provider_details=provided,
        )
    if isinstance(part, TextPart):
        if not part.text.strip():  # refused where it is another provider's
            return None
        return sdk.TextPart(part.text, id=own_id, provider_name=name, provider_details=provided)
    if not (
        part.signature or own_id or provided
    ):  # cut off, or another's: the SDK would send it as a text of the model
        return None
    return sdk.ThinkingPart(
        part.text, id=own_id, signature=part.signature, provider_name=name, provider_details=provided
    )


def _text(origin: Mapping[str, object], name: str) -> str | None:
    value = origin.get(name)
    return value if isinstance(value, str) else None


def _result(part: ToolCallPart, call_id: str) -> sdk.ToolReturnPart:
    content = part.output if part.state == "completed" else (part.error or "").strip() or "No result is known."
    if isinstance(content, str) and not content.strip():
        content = NO_TEXT
    elif content is None or content == [] or depth_of(content) > MAX_DEPTH:  # the SDK makes no text of these
        content = msgspec.json.encode(content).decode()
    return sdk.ToolReturnPart(
        tool_name=tool_name(part.tool), content=content, tool_call_id=call_id, outcome=_OUTCOMES[part.state]
    )
