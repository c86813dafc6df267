"""Threads in memory. What a thread's status is follows from its latest turn's run, and is made when it is read."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import msgspec

from perdure.core.states import ENDED, thread_status
from perdure.core.threads import ThreadEvent, ThreadRecord
from perdure.errors import RunInputMismatch, ThreadBusy, ThreadNotFound
from perdure.stores import topics
from perdure.stores.memory.copies import detached
from perdure.stores.memory.edges import add_thread_event
from perdure.stores.memory.messages import insert_message
from perdure.stores.memory.runs import create_run, erase
from perdure.stores.memory.state import State
from perdure.stores.memory.tables import Table
from perdure.stores.port import AddThreadEvent, CreateThread, DeleteThread, StartTurn, UpdateThread


def create_thread(state: State, operation: CreateThread) -> ThreadRecord:
    """Apply CreateThread."""
    thread_id = operation.thread.thread_id
    if thread_id not in state.threads:
        state.threads[thread_id] = operation.thread
        state.turns[thread_id] = Table(state.undo)
        state.thread_events[thread_id] = Table(state.undo)
        state.news.add(topics.thread(thread_id))
    return _whole(state, thread_id)


def update_thread(state: State, operation: UpdateThread) -> None:
    """Apply UpdateThread."""
    thread = _find(state, operation.thread_id)
    given = {"title": operation.title, "metadata": operation.metadata, "settings": operation.settings}
    changes = {name: value for name, value in given.items() if value is not None}
    state.threads[thread.thread_id] = msgspec.structs.replace(thread, **changes)
    state.news.add(topics.thread(thread.thread_id))


def delete_thread(state: State, operation: DeleteThread) -> None:
    """Apply DeleteThread."""
    thread_id = _find(state, operation.thread_id).thread_id
    for run_id in state.turns[thread_id].values():
        if run_id in state.runs:
            erase(state, state.runs[run_id])
    for message_id in [one.message_id for one in state.messages.values() if one.thread_id == thread_id]:
        del state.messages[message_id], state.parts[message_id]
    del state.threads[thread_id], state.turns[thread_id], state.thread_events[thread_id]
    state.news.add(topics.thread(thread_id))


def start_turn(state: State, operation: StartTurn) -> int:
    """Apply StartTurn."""
    thread_id, run = _find(state, operation.thread_id).thread_id, operation.run
    known = state.runs.get(run.run_id)
    sent = [turn for turn, run_id in state.turns[thread_id].items() if run_id == run.run_id]
    if known and (known.manifest_hash != run.manifest_hash or not sent):
        raise RunInputMismatch(run.run_id, known.manifest_hash, run.manifest_hash)
    if sent:
        return sent[0]
    thread = _whole(state, thread_id)
    latest = state.runs.get(thread.run_id or "")
    if latest is not None and latest.status not in ENDED:
        raise ThreadBusy(thread_id, latest.run_id, thread.status)
    turn = thread.turn + 1
    state.turns[thread_id][turn] = run.run_id
    for place, message in enumerate(operation.messages):
        insert_message(state, msgspec.structs.replace(message, thread_id=thread_id, turn=turn, place=place))
    create_run(state, msgspec.structs.replace(run, thread_id=thread_id))
    return turn


def append_thread_event(state: State, operation: AddThreadEvent) -> ThreadEvent:
    """Apply AddThreadEvent."""
    thread_id = _find(state, operation.thread_id).thread_id
    return add_thread_event(state, thread_id, operation.kind, operation.body, operation.at)


def _find(state: State, thread_id: str) -> ThreadRecord:
    thread = state.threads.get(thread_id)
    if thread is None:
        raise ThreadNotFound(thread_id)
    return thread


def _whole(state: State, thread_id: str) -> ThreadRecord:
    thread, turns = state.threads[thread_id], state.turns[thread_id]
    turn = next(reversed(turns), 0)
    run = state.runs.get(turns.get(turn, ""))
    in_turn = [one for one in state.messages.values() if (one.thread_id, one.turn) == (thread_id, turn)]
    said = [one for one in in_turn if one.role == "assistant"]
    last = max(said, key=lambda message: message.place, default=None)
    return msgspec.structs.replace(
        thread,
        status=thread_status(run.status, run.waiting_for) if run else "idle",
        turn=turn,
        run_id=run.run_id if run else None,
        reason=(run.failure.reason if run.failure else run.cancel_reason) if run else None,
        failure=run.failure if run else None,
        finish_reason=last.finish_reason if last else None,
    )


class Threads:
    """Reading threads."""

    def __init__(self, look: Callable[[], State]) -> None:
        self._look = look

    async def get(self, thread_id: str) -> ThreadRecord | None:
        state = self._look()
        return detached(_whole(state, thread_id)) if thread_id in state.threads else None

    async def list(
        self,
        *,
        owner: str | None = None,
        agent: str | None = None,
        before: tuple[datetime, str] | None = None,
        limit: int = 100,
    ) -> list[ThreadRecord]:
        state = self._look()
        found = [
            thread
            for thread in state.threads.values()
            if owner in {None, thread.owner}
            and agent in {None, thread.agent}
            and (before is None or (thread.created_at, thread.thread_id) < before)
        ]
        found.sort(key=lambda thread: (thread.created_at, thread.thread_id), reverse=True)
        return [detached(_whole(state, thread.thread_id)) for thread in found[:limit]]

    async def turns(self, thread_id: str, *, after: int = 0) -> list[tuple[int, str]]:
        turns = self._look().turns.get(thread_id) or dict[int, str]()
        return [(turn, run_id) for turn, run_id in turns.items() if turn > after]

    async def events(self, thread_id: str, *, after: int = 0, limit: int = 500) -> list[ThreadEvent]:
        events = self._look().thread_events.get(thread_id) or dict[int, ThreadEvent]()
        return [detached(event) for event in events.values() if event.seq > after][:limit]
