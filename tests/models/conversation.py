"""Messages and requests, and what a model makes of them."""

from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any

import msgspec

from perdure.core.messages import Message, Part, TextPart, ToolCallPart, part_text
from perdure.models.protocol import Model, ModelDelta, ModelReply, ModelRequest, ToolSpec

AT = datetime(2026, 1, 1, tzinfo=UTC)


def user(text: str, turn: int = 1) -> Message:
    part = TextPart(text=text)
    return Message(message_id=f"u{turn}", thread_id="t", turn=turn, role="user", parts=(part,), created_at=AT)


def assistant(*parts: Part, turn: int = 1) -> Message:
    return Message(
        message_id=f"a{turn}", thread_id="t", turn=turn, place=1, role="assistant", parts=parts, created_at=AT
    )


def ask(text: str = "Hello", step: int = 0, settings: dict[str, Any] | None = None) -> ModelRequest:
    return ModelRequest(messages=(user(text),), settings=settings or {}, step=step)


def tool(name: str, description: str = "", /, **parameters: Any) -> ToolSpec:
    """A tool whose parameters are all required, but for those that have a default."""
    properties = {key: {"type": value} if isinstance(value, str) else value for key, value in parameters.items()}
    required = [key for key, value in properties.items() if "default" not in value]
    schema = {"type": "object", "properties": properties, "required": required}
    return ToolSpec(name=name, description=description, parameters=schema)


def done(part: Part, output: object) -> ToolCallPart:
    assert isinstance(part, ToolCallPart)
    return msgspec.structs.replace(part, state="completed", output=output)


def failed(part: Part, error: str) -> ToolCallPart:
    assert isinstance(part, ToolCallPart)
    return msgspec.structs.replace(part, state="failed", error=error)


async def reply_of(model: Model, request: ModelRequest) -> ModelReply:
    return (await told(model, request))[1]


async def told(model: Model, request: ModelRequest) -> tuple[list[ModelDelta], ModelReply]:
    """All deltas and the reply, which comes last and once, and has what the deltas said."""
    deltas: list[ModelDelta] = []
    replies: list[ModelReply] = []
    async with aclosing(model.stream(request)) as events:
        async for event in events:
            assert not replies
            if isinstance(event, ModelDelta):
                deltas.append(event)
            else:
                replies.append(event)
    (reply,) = replies
    for index, part in enumerate(reply.parts):
        assert part_text(part) in {None, "".join(delta.text for delta in deltas if delta.index == index)}
    return deltas, reply
