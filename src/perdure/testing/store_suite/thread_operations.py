"""The operations of threads and messages that tests commit."""

from __future__ import annotations

from typing import cast

from perdure.core.messages import Message, Part, ReasoningPart, Role, TextPart, ToolCallPart, UnknownPart
from perdure.core.threads import ThreadRecord
from perdure.core.values import Value
from perdure.stores.port import AddThreadEvent, CreateThread, StartTurn
from perdure.testing.store_suite.run_operations import RunOperations

PARTS: tuple[Part, ...] = (
    TextPart(text="14 °C\nund Regen", provider={"cache": {"ttl": 5}}),
    ReasoningPart(text="hm", step=1, signature="s", provider={"id": "r1"}),
    ToolCallPart(
        call_id="c1",
        tool="refund",
        arguments='{"a": 1.50}',
        step=1,
        state="failed",
        output={"rows": [1, None, "x"]},
        error="no",
        error_code="tool_failed",
    ),
    UnknownPart(kind="hologram", raw={"kind": "hologram", "step": 2, "depth": {"m": 3}}, step=2),
)
"""One part of each kind, and one of none."""


def text(*texts: str) -> tuple[Part, ...]:
    """Text parts."""
    return tuple(TextPart(text=one) for one in texts)


class ThreadOperations(RunOperations):
    """Operations with the time filled in."""

    def converse(
        self, thread_id: str = "thread", *, owner: str | None = None, agent: str = "assistant"
    ) -> CreateThread:
        """A new thread."""
        return CreateThread(thread=ThreadRecord(thread_id=thread_id, agent=agent, owner=owner, created_at=self.at))

    def message(
        self,
        message_id: str,
        thread_id: str = "thread",
        *,
        turn: int = 1,
        place: int = 0,
        role: str = "user",
        parts: tuple[Part, ...] = (),
        finish_reason: str | None = None,
    ) -> Message:
        """A message."""
        return Message(
            message_id=message_id,
            thread_id=thread_id,
            turn=turn,
            place=place,
            role=cast("Role", role),
            parts=parts,
            finish_reason=finish_reason,
            created_at=self.at,
        )

    def turn(self, run_id: str, *message_ids: str, thread_id: str = "thread") -> StartTurn:
        """A turn with messages, each with one part of each kind."""
        messages = tuple(self.message(one, thread_id, parts=PARTS) for one in message_ids)
        return StartTurn(thread_id=thread_id, run=self.create(run_id, thread_id=thread_id), messages=messages)

    def thread_event(
        self, thread_id: str = "thread", *, kind: str = "note", body: dict[str, Value] | None = None
    ) -> AddThreadEvent:
        """An event of a thread."""
        return AddThreadEvent(thread_id=thread_id, kind=kind, body=body or {}, at=self.at)
