"""Threads: made, changed, deleted; turns, and events."""

from __future__ import annotations

from datetime import datetime

import msgspec

from perdure.core import topics
from perdure.core.decisions.changes import (
    HideThread,
    InsertThread,
    InsertTurn,
    RemoveThread,
    UpdateThreadRow,
    WriteTombstone,
)
from perdure.core.decisions.draft import Decision, Draft
from perdure.core.decisions.messages import insert_message
from perdure.core.decisions.reads import (
    GetDeletedThread,
    GetMessage,
    GetRunsOfTurns,
    GetThreadEvent,
    GetTurn,
    GetTurnOfRun,
    HasTombstone,
)
from perdure.core.decisions.runs import create_run, end_and_erase, mismatch
from perdure.core.decisions.thread_events import append_event
from perdure.core.messages import Message
from perdure.core.operations.threads import AddThreadEvent, CreateThread, DeleteThread, StartTurn, UpdateThread
from perdure.core.records import TOMBSTONE_FOR, RunRecord
from perdure.core.states import ENDED, thread_status
from perdure.core.threads import ThreadEvent, ThreadRecord, TurnRecord, TurnRef, status_edge
from perdure.errors import (
    Deleted,
    MessageExists,
    ThreadBusy,
    ThreadChanged,
    ThreadNotFound,
    TurnNotFound,
)


def create_thread(draft: Draft, operation: CreateThread) -> Decision[ThreadRecord]:
    """Decide CreateThread."""
    given = operation.thread
    known = yield from draft.find_thread(given.tenant, given.thread_id)
    if known is not None:
        return known
    is_deleted = yield HasTombstone(given.tenant, "thread", given.thread_id)
    if is_deleted or (yield GetDeletedThread(given.tenant, given.thread_id)) is not None:
        raise Deleted("thread", given.thread_id)
    if given.root is not None:
        source = yield from draft.get_thread(given.tenant, given.root.thread_id)
        if (yield GetTurn(given.tenant, source.thread_id, given.root.turn)) is None:
            raise TurnNotFound(source.thread_id, given.root.turn)
        draft.change_thread(source, forks=source.forks + 1)
    thread = msgspec.structs.replace(given, updated_at=given.updated_at or given.created_at)
    draft.set_thread(thread)
    draft.add(InsertThread(thread))
    draft.topics.add(topics.thread(thread.tenant, thread.thread_id))
    return thread


def update_thread(draft: Draft, operation: UpdateThread) -> Decision[ThreadRecord]:
    """Decide UpdateThread."""
    thread = yield from draft.get_thread(operation.tenant, operation.thread_id)
    given = {"title": operation.title, "metadata": operation.metadata, "settings": operation.settings}
    fields = {name: value for name, value in given.items() if value is not None}
    if operation.version is not None and operation.version != thread.version:
        is_same = thread.version == operation.version + 1 and all(
            getattr(thread, name) == value for name, value in fields.items()
        )
        if not is_same:
            raise ThreadChanged(thread.thread_id, operation.version, thread.version)
        return thread
    draft.topics.add(topics.thread(thread.tenant, thread.thread_id))
    return draft.change_thread(thread, **fields, version=thread.version + 1, updated_at=operation.at)


def delete_thread(draft: Draft, operation: DeleteThread) -> Decision[bool]:
    """Decide DeleteThread."""
    tenant, thread_id, at = operation.tenant, operation.thread_id, operation.at
    thread = yield from draft.find_thread(tenant, thread_id)
    if thread is None:
        if (yield HasTombstone(tenant, "thread", thread_id)):
            return False
        raise ThreadNotFound(thread_id)
    draft.topics.add(topics.thread(tenant, thread_id))
    going = [thread] if thread.forks else (yield from _with_roots(draft, thread))
    # of a hidden thread, for nobody may go on with what nobody sees
    if (yield from _remove_runs(draft, going, at, operation.limit, only_open=thread.forks > 0)):
        return True
    draft.add(WriteTombstone(tenant, "thread", thread_id, at, at + TOMBSTONE_FOR))
    if thread.forks:
        draft.add(HideThread(thread))
    else:
        yield from _remove(draft, thread)
    return False


def _with_roots(draft: Draft, thread: ThreadRecord) -> Decision[list[ThreadRecord]]:
    """The thread, and those that were deleted before and that only its path needs."""
    going = [thread]
    while (root := going[-1].root) is not None:
        if (yield from draft.find_thread(thread.tenant, root.thread_id)) is not None:
            break
        hidden: ThreadRecord | None = yield GetDeletedThread(thread.tenant, root.thread_id)
        if hidden is None or hidden.forks > 1:
            break
        going.append(hidden)
    return going


def _remove_runs(
    draft: Draft, threads: list[ThreadRecord], at: datetime, limit: int, *, only_open: bool
) -> Decision[bool]:
    """Remove so many runs of these threads. Shape: whether there are more."""
    for thread in threads:
        runs: list[RunRecord] = yield GetRunsOfTurns(thread.tenant, thread.thread_id, limit + 1, only_open)
        for run in runs[:limit]:
            yield from end_and_erase(draft, draft.know(run), at)
        if len(runs) > limit:
            return True
        limit -= len(runs)
    return False


def _remove(draft: Draft, thread: ThreadRecord) -> Decision[None]:
    draft.add(RemoveThread(thread))
    if thread.root is not None:
        yield from _detach(draft, thread, thread.root)


def _detach(draft: Draft, fork: ThreadRecord, root: TurnRef) -> Decision[None]:
    """One fork less for the thread whose turns a removed one needed; it goes too where it was deleted before."""
    source = yield from draft.find_thread(fork.tenant, root.thread_id)
    if source is not None:
        draft.change_thread(source, forks=source.forks - 1)
        return
    hidden: ThreadRecord | None = yield GetDeletedThread(fork.tenant, root.thread_id)
    if hidden is None:
        return
    if hidden.forks > 1:
        draft.add(UpdateThreadRow(hidden, {"forks": hidden.forks - 1}))
    else:
        yield from _remove(draft, hidden)


def start_turn(draft: Draft, operation: StartTurn) -> Decision[TurnRecord]:
    """Decide StartTurn."""
    tenant, run = operation.tenant, operation.run
    thread = yield from draft.get_thread(tenant, operation.thread_id)
    known = yield from draft.find_run(tenant, run.run_id)
    sent = yield from _sent(thread, operation, known)
    if known is not None and (sent is None or known.manifest_hash != run.manifest_hash):
        raise mismatch(known, run)
    if sent is not None:
        return sent
    at_head = (yield from draft.find_run(tenant, thread.run_id)) if thread.run_id is not None else None
    yield from _check_free(thread, at_head, operation)
    _check_distinct(operation.messages)
    after = thread.head if operation.after is None else operation.after
    number = thread.next_turn
    parent = TurnRef(thread.thread_id, after) if after else thread.root
    turn = TurnRecord(
        tenant=tenant,
        thread_id=thread.thread_id,
        turn=number,
        parent=parent,
        run_id=run.run_id,
        created_at=run.at,
    )
    draft.add(InsertTurn(turn))
    reply_id = None
    for place, given in enumerate(operation.messages):
        run_id = run.run_id if given.role == "assistant" else None
        reply_id = given.message_id if run_id is not None else reply_id
        message = msgspec.structs.replace(
            given, tenant=tenant, thread_id=thread.thread_id, turn=number, place=place, run_id=run_id
        )
        yield from insert_message(draft, message)
    changed = {"head": number, "next_turn": number + 1, "run_id": run.run_id, "version": thread.version + 1}
    thread = draft.change_thread(thread, **changed, updated_at=run.at)
    draft.topics.add(topics.thread(tenant, thread.thread_id))
    of_thread = msgspec.structs.replace(run, tenant=tenant, thread_id=thread.thread_id)
    created = yield from create_run(draft, of_thread, turn=number, reply_id=reply_id)
    _note_status(draft, thread, at_head, created)
    return turn


def _sent(thread: ThreadRecord, operation: StartTurn, run: RunRecord | None) -> Decision[TurnRecord | None]:
    """The turn of the thread that was begun with this run: its row says which.

    A run that was deleted leaves its turn. Its tombstone tells of it, and when that is gone the first message does.
    """
    tenant, thread_id, run_id = thread.tenant, thread.thread_id, operation.run.run_id
    if run is not None:
        if run.thread_id != thread_id or run.turn is None:
            return None
        return (yield GetTurn(tenant, thread_id, run.turn))
    if (yield HasTombstone(tenant, "run", run_id)):
        return (yield GetTurnOfRun(tenant, thread_id, run_id))
    for given in operation.messages[:1]:
        message: Message | None = yield GetMessage(tenant, thread_id, given.message_id)
        turn: TurnRecord | None = (yield GetTurn(tenant, thread_id, message.turn)) if message is not None else None
        if turn is not None and turn.run_id == run_id:
            return turn
    return None


def _note_status(draft: Draft, thread: ThreadRecord, before: RunRecord | None, after: RunRecord) -> None:
    """The thread's status came from another run until now."""
    body = status_edge(before, after, thread.head)
    if body is not None:
        append_event(draft, thread, f"{after.run_id}:started", "status", body, after.created_at)


def _check_free(thread: ThreadRecord, at_head: RunRecord | None, operation: StartTurn) -> Decision[None]:
    """Raises: ThreadBusy, ThreadChanged, TurnNotFound."""
    if at_head is not None and at_head.status not in ENDED:
        status = thread_status(at_head.status)
        raise ThreadBusy(thread.thread_id, at_head.run_id, status)
    if operation.head is not None and operation.head != thread.head:
        raise ThreadChanged(thread.thread_id, operation.head, thread.head)
    if operation.after and (yield GetTurn(operation.tenant, thread.thread_id, operation.after)) is None:
        raise TurnNotFound(thread.thread_id, operation.after)


def _check_distinct(messages: tuple[Message, ...]) -> None:
    """Raises: MessageExists where two of the messages have one id, or one client's id."""
    taken = set[tuple[str, str]]()
    for message in messages:
        ids = {("message", message.message_id)}
        if message.client_id is not None:
            ids.add(("client", message.client_id))
        if ids & taken:
            raise MessageExists(message.message_id)
        taken |= ids


def add_thread_event(draft: Draft, operation: AddThreadEvent) -> Decision[ThreadEvent]:
    """Decide AddThreadEvent."""
    thread = yield from draft.get_thread(operation.tenant, operation.thread_id)
    known: ThreadEvent | None = yield GetThreadEvent(thread.tenant, thread.thread_id, operation.event_id)
    if known is not None:
        return known
    return append_event(draft, thread, operation.event_id, operation.kind, operation.body, operation.at)
