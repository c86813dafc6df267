"""What a model is shown of a thread: a valid history, whatever happened in it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from perdure.core.messages import Message, Part, ToolCallPart, call_of

UNKNOWN_OUTCOME = (
    "The outcome of this call is not known: it began, and nobody saw its end. It was not run again; check before you"
    " repeat it."
)
NEVER_RAN = "This call was never run: its turn ended first."
CUT_OFF = "The call was cut off before it was complete; it was never run."


def valid(messages: Sequence[Message]) -> tuple[Message, ...]:
    """Messages with a result for every tool call; those without content are left out.

    A call without a result (its turn was stopped, its worker died) gets an error that says so: providers refuse a
    history with an orphan, for good.
    """
    repaired = (msgspec.structs.replace(message, parts=_repair(message.parts)) for message in messages)
    return tuple(message for message in repaired if message.parts)


def _repair(parts: Sequence[Part]) -> tuple[Part, ...]:
    return tuple(part if (called := call_of(part)) is None else closed(called) for part in parts)


def closed(part: ToolCallPart) -> ToolCallPart:
    """A call whose turn is over: one without a result gets an error."""
    if part.state == "pending":
        return msgspec.structs.replace(part, state="in_doubt", error=UNKNOWN_OUTCOME, error_code="tool_in_doubt")
    if part.state in {"failed", "in_doubt", "denied"} and part.error is None:
        return msgspec.structs.replace(part, error=UNKNOWN_OUTCOME)
    return part
