"""Rows of threads, turns, their events and messages to records. See `rows`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast

import msgspec

from perdure.core.messages import Message, Part
from perdure.core.threads import ThreadEvent, ThreadRecord, TurnRecord, TurnRef
from perdure.core.values import Value
from perdure.stores.sqlite.driver import Row

THREAD_COLUMNS = (
    "tenant, thread_id, agent, owner, title, metadata, settings, created_at, updated_at, root_thread, root_turn, forks,"
    " version, head, next_turn, next_event, run_id"
)
THREAD_EVENT_COLUMNS = "seq, event_id, kind, body, at"
MESSAGE_COLUMNS = ", ".join(
    f"messages.{name}"
    for name in (
        "id",
        "turn",
        "place",
        "message_id",
        "client_id",
        "run_id",
        "role",
        "status",
        "version",
        "metadata",
        "finish_reason",
        "model",
        "created_at",
        "updated_at",
    )
)

_instant = datetime.fromtimestamp
_object = msgspec.json.Decoder(dict[str, Value])


def thread_record(row: Row) -> ThreadRecord:
    """A thread from its columns, as its row is."""
    (tenant, thread_id, agent, owner, title, metadata, settings, created, updated, root_thread, root_turn, *rest) = (
        cast("Any", row)
    )
    forks, version, head, next_turn, next_event, run_id = rest
    return ThreadRecord(
        thread_id=thread_id,
        tenant=tenant or None,
        agent=agent,
        owner=owner,
        title=title,
        metadata=_object.decode(metadata) if metadata else {},
        settings=_object.decode(settings) if settings else {},
        created_at=_instant(created, UTC),
        updated_at=_instant(updated, UTC),
        root=None if root_thread is None else TurnRef(root_thread, root_turn),
        forks=forks,
        version=version,
        head=head,
        next_turn=next_turn,
        next_event=next_event,
        run_id=run_id,
    )


def turn_record(tenant: str | None, row: Row) -> TurnRecord:
    """A turn from (thread id, turn, parent's thread id, parent's turn, run id, created at)."""
    thread_id, turn, parent_thread, parent_turn, run_id, created_at = cast("Any", row)
    return TurnRecord(
        tenant=tenant,
        thread_id=thread_id,
        turn=turn,
        parent=None if parent_thread is None else TurnRef(parent_thread, parent_turn),
        run_id=run_id,
        created_at=_instant(created_at, UTC),
    )


def thread_event(tenant: str | None, thread_id: str, row: Row) -> ThreadEvent:
    """A thread's event from its columns."""
    seq, event_id, kind, body, at = cast("Any", row)
    return ThreadEvent(
        tenant=tenant,
        thread_id=thread_id,
        seq=seq,
        event_id=event_id,
        kind=kind,
        body=_object.decode(body),
        at=_instant(at, UTC),
    )


def message(tenant: str | None, thread_id: str, row: Row, parts: tuple[Part, ...] = ()) -> Message:
    """A message from its columns; the first one is its number."""
    (
        _,
        turn,
        place,
        message_id,
        client_id,
        run_id,
        role,
        status,
        version,
        metadata,
        reason,
        model,
        created,
        updated,
    ) = cast("Any", row)
    return Message(
        message_id=message_id,
        tenant=tenant,
        thread_id=thread_id,
        turn=turn,
        place=place,
        run_id=run_id,
        client_id=client_id,
        role=role,
        status=status,
        parts=parts,
        metadata=_object.decode(metadata) if metadata else {},
        finish_reason=reason,
        model=model,
        version=version,
        created_at=_instant(created, UTC),
        updated_at=_instant(updated, UTC),
    )
