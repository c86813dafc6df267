"""Events of threads: numbered by the thread's row."""

from __future__ import annotations

from datetime import datetime

from perdure.core import topics
from perdure.core.decisions.changes import InsertThreadEvent
from perdure.core.decisions.draft import Draft
from perdure.core.threads import ThreadEvent, ThreadRecord
from perdure.core.values import Value


def append_event(
    draft: Draft, thread: ThreadRecord, event_id: str, kind: str, body: dict[str, Value], at: datetime
) -> ThreadEvent:
    """Append an event to a thread."""
    event = ThreadEvent(
        tenant=thread.tenant,
        thread_id=thread.thread_id,
        seq=thread.next_event,
        event_id=event_id,
        kind=kind,
        body=body,
        at=at,
    )
    draft.add(InsertThreadEvent(event))
    draft.change_thread(thread, next_event=thread.next_event + 1, updated_at=at)
    draft.topics.add(topics.thread(thread.tenant, thread.thread_id))
    return event
