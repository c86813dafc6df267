"""The operations on threads and messages that tests commit."""

from __future__ import annotations

from typing import cast

import msgspec

from perdure.core.messages import (
    Message,
    MessageStatus,
    Part,
    ReasoningPart,
    Role,
    TextPart,
    ToolCallPart,
    UnknownPart,
)
from perdure.core.operations import (
    AddMessage,
    AddThreadEvent,
    CreateThread,
    DeleteThread,
    PutParts,
    PutUsage,
    SetMessage,
    StartTurn,
    UpdateThread,
)
from perdure.core.threads import ThreadRecord, TurnRef
from perdure.core.usage import Usage
from perdure.core.values import Value
from perdure.testing.store_suite.worker_operations import WorkerOperations

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
"""One part of each kind, and one of a kind that is not known."""


def text(*texts: str) -> tuple[Part, ...]:
    """Text parts."""
    return tuple(TextPart(text=one) for one in texts)


class ThreadOperations(WorkerOperations):
    """Operations with the tenant, the time and a fresh key filled in."""

    def create_thread(
        self,
        thread_id: str = "thread",
        *,
        owner: str | None = None,
        agent: str = "assistant",
        root: TurnRef | None = None,
    ) -> CreateThread:
        """A new thread; with a root a fork."""
        thread = ThreadRecord(
            thread_id=thread_id, tenant=self.tenant, agent=agent, owner=owner, created_at=self.at, root=root
        )
        return CreateThread(thread=thread)

    def update_thread(
        self,
        thread_id: str = "thread",
        *,
        title: str | None = None,
        metadata: dict[str, Value] | None = None,
        settings: dict[str, Value] | None = None,
        version: int | None = None,
    ) -> UpdateThread:
        """A change of a thread."""
        return UpdateThread(
            tenant=self.tenant,
            thread_id=thread_id,
            at=self.at,
            title=title,
            metadata=metadata,
            settings=settings,
            version=version,
        )

    def delete_thread(self, thread_id: str = "thread") -> DeleteThread:
        """The end of a thread."""
        return DeleteThread(tenant=self.tenant, thread_id=thread_id, at=self.at)

    def thread_event(
        self, thread_id: str = "thread", *, kind: str = "note", body: dict[str, Value] | None = None
    ) -> AddThreadEvent:
        """An event of a thread."""
        event_id = f"event-{self.next_number()}"
        return AddThreadEvent(
            tenant=self.tenant, thread_id=thread_id, event_id=event_id, kind=kind, body=body or {}, at=self.at
        )

    def message(
        self,
        message_id: str,
        thread_id: str = "thread",
        *,
        turn: int = 1,
        place: int = 0,
        run_id: str | None = None,
        client_id: str | None = None,
        role: str = "user",
        status: str = "complete",
        parts: tuple[Part, ...] = (),
        finish_reason: str | None = None,
    ) -> Message:
        """A message."""
        return Message(
            message_id=message_id,
            tenant=self.tenant,
            thread_id=thread_id,
            turn=turn,
            place=place,
            run_id=run_id,
            client_id=client_id,
            role=cast("Role", role),
            status=cast("MessageStatus", status),
            parts=parts,
            finish_reason=finish_reason,
            created_at=self.at,
        )

    def add_message(self, message_id: str, thread_id: str = "thread", **fields: Value) -> AddMessage:
        """A message that is added to a thread; `fields` as for `message`."""
        return AddMessage(self.message(message_id, thread_id, **fields))

    def turn(
        self,
        run_id: str,
        *message_ids: str,
        thread_id: str = "thread",
        after: int | None = None,
        head: int | None = None,
        key: str | None = None,
    ) -> StartTurn:
        """A turn with messages of a user, each with one part of each kind."""
        return StartTurn(
            tenant=self.tenant,
            thread_id=thread_id,
            run=self.create(run_id, key=key),
            messages=tuple(self.message(one, thread_id, parts=PARTS) for one in message_ids),
            after=after,
            head=head,
        )

    def turn_with_reply(self, run_id: str, thread_id: str = "thread", *, key: str | None = None) -> StartTurn:
        """A turn with a question `ask-RUN` and an empty reply `reply-RUN` that its run writes."""
        asked = self.message(f"ask-{run_id}", thread_id, parts=text("?"))
        reply = self.message(f"reply-{run_id}", thread_id, role="assistant", status="streaming")
        return msgspec.structs.replace(self.turn(run_id, thread_id=thread_id, key=key), messages=(asked, reply))

    def put_parts(self, message_id: str, first: int, *parts: Part, version: int | None = None) -> PutParts:
        """Parts of a message."""
        number = self.next_number() if version is None else version
        return PutParts(message_id=message_id, first=first, parts=parts, version=number)

    def set_message(
        self,
        message_id: str,
        *,
        status: str | None = None,
        finish_reason: str | None = None,
        model: str | None = None,
        version: int | None = None,
    ) -> SetMessage:
        """A change of a message."""
        return SetMessage(
            message_id=message_id,
            version=self.next_number() if version is None else version,
            at=self.at,
            status=cast("MessageStatus | None", status),
            finish_reason=finish_reason,
            model=model,
        )

    def usage(self, position: str = "0", attempt: int = 1, *, tokens: int | None = 5) -> PutUsage:
        """What an attempt of a step took; None where that is not known."""
        usage = None if tokens is None else Usage(requests=1, input_tokens=tokens)
        return PutUsage(position=position, attempt=attempt, usage=usage, model="m")
