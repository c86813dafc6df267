"""Reading threads in memory. A thread's status follows from the run at its head, and is made when it is read."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from itertools import islice

from perdure.core.threads import ThreadEvent, ThreadRecord, TurnRecord, TurnRef, with_status
from perdure.stores.memory.copies import detached
from perdure.stores.memory.state import State
from perdure.stores.port import EveryTenant


def path_of(state: State, tenant: str | None, thread_id: str, turn: int | None) -> list[TurnRecord]:
    """The turns from the root to one of a thread that is there, or to its head."""
    thread = state.threads[tenant, thread_id]
    number = thread.head if turn is None else turn
    at = TurnRef(thread_id, number) if number else thread.root
    path = list[TurnRecord]()
    while at is not None:
        rows = state.of_thread.get((tenant, at.thread_id))
        found = rows.turns.get(at.turn) if rows is not None else None
        if found is None:
            break
        path.append(found)
        at = found.parent
    return path[::-1]


class Threads:
    """Reading threads."""

    def __init__(self, look: Callable[[], State]) -> None:
        self._look = look

    async def get(self, thread_id: str, *, tenant: str | None) -> ThreadRecord | None:
        state = self._look()
        thread = state.threads.get((tenant, thread_id))
        return None if thread is None else _with_status(state, thread)

    async def list(
        self,
        *,
        tenant: str | EveryTenant | None,
        owner: str | None = None,
        agent: str | None = None,
        before: tuple[datetime, str] | None = None,
        limit: int = 100,
    ) -> list[ThreadRecord]:
        state = self._look()
        found = islice(state.threads.index.backwards([("list", tenant, owner, agent)], below=before), limit)
        return [_with_status(state, state.threads[key]) for key in found]

    async def path(self, thread_id: str, *, tenant: str | None, turn: int | None = None) -> list[TurnRecord]:
        state = self._look()
        return path_of(state, tenant, thread_id, turn) if (tenant, thread_id) in state.threads else []

    async def turns(self, thread_id: str, *, tenant: str | None, after: int = 0) -> list[TurnRecord]:
        state = self._look()
        if (tenant, thread_id) not in state.threads:
            return []
        return list(state.of_thread[tenant, thread_id].turns.after(after))

    async def events(
        self, thread_id: str, *, tenant: str | None, after: int = 0, limit: int = 500
    ) -> list[ThreadEvent]:
        state = self._look()
        if (tenant, thread_id) not in state.threads:
            return []
        events = state.of_thread[tenant, thread_id].events.after(after)
        return [detached(event) for event in islice(events, limit)]


def _with_status(state: State, thread: ThreadRecord) -> ThreadRecord:
    run = state.runs.get((thread.tenant, thread.run_id)) if thread.run_id is not None else None
    messages = state.of_thread[thread.tenant, thread.thread_id].messages.group("turn", thread.head)
    said = [one for one in messages if one.role == "assistant"]
    last = max(said, key=lambda message: message.place, default=None)
    return detached(
        with_status(
            thread,
            run.status if run else None,
            waiting_for=run.waiting_for if run else (),
            due_at=run.due_at if run else None,
            failure=run.failure if run else None,
            cancel_reason=run.cancel_reason if run else None,
            finish_reason=last.finish_reason if last else None,
        )
    )
