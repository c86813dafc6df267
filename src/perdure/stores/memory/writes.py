"""What decisions have changed (`core.decisions.changes`), written to the tables."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from perdure.core.decisions import changes
from perdure.core.messages import encode_part
from perdure.core.values import Value
from perdure.stores.memory.places import PartRow
from perdure.stores.memory.reads import rows_of
from perdure.stores.memory.state import RunRows, State, ThreadRows


def write(state: State, change: changes.Change) -> None:
    """Write one change."""
    WRITES[type(change)](state, change)


def _insert_run(state: State, change: changes.InsertRun) -> None:
    key = (change.run.tenant, change.run.run_id)
    state.runs[key] = change.run
    state.of_run[key] = RunRows(state.undo, change.manifest)


def _update_run(state: State, change: changes.UpdateRun) -> None:
    state.runs[change.run.tenant, change.run.run_id] = change.run


def _remove_run(state: State, change: changes.RemoveRun) -> None:
    key = (change.run.tenant, change.run.run_id)
    del state.runs[key], state.of_run[key]
    for of in list(state.questions.index.keys(("run", *key))):
        del state.questions[of]


def _insert_entries(state: State, change: changes.InsertEntries) -> None:
    for entry in change.entries:
        rows_of(state, change.run).log[entry.seq] = entry


def _remove_entries(state: State, change: changes.RemoveEntries) -> None:
    log = rows_of(state, change.run).log
    for entry in log.between(change.first, change.last):
        if entry.lane == change.lane:
            del log[entry.seq]


def _insert_thread(state: State, change: changes.InsertThread) -> None:
    key = (change.thread.tenant, change.thread.thread_id)
    state.threads[key] = change.thread
    state.of_thread[key] = ThreadRows(state.undo)


def _update_thread(state: State, change: changes.UpdateThreadRow) -> None:
    key = (change.thread.tenant, change.thread.thread_id)
    table = state.threads if key in state.threads else state.hidden
    table[key] = msgspec.structs.replace(table[key], **change.fields)


def _hide_thread(state: State, change: changes.HideThread) -> None:
    key = (change.thread.tenant, change.thread.thread_id)
    state.hidden[key] = state.threads.pop(key)


def _remove_thread(state: State, change: changes.RemoveThread) -> None:
    key = (change.thread.tenant, change.thread.thread_id)
    for table in (state.threads, state.hidden, state.of_thread):
        if key in table:
            del table[key]


def _insert_message(state: State, change: changes.InsertMessage) -> None:
    message = change.message
    rows = state.of_thread[message.tenant, message.thread_id]
    updated_at = message.updated_at or message.created_at
    rows.messages[message.message_id] = msgspec.structs.replace(message, parts=(), usage=None, updated_at=updated_at)
    for place, part in enumerate(message.parts):
        rows.parts[message.message_id, place] = PartRow(message.message_id, place, 0, encode_part(part))


def _write_parts(state: State, change: changes.WriteParts) -> None:
    message = change.message
    parts = state.of_thread[message.tenant, message.thread_id].parts
    for place, part in enumerate(change.parts, change.first):
        known = parts.get((message.message_id, place))
        if known is None or known.version < change.version:
            row = PartRow(message.message_id, place, change.version, encode_part(part))
            parts[message.message_id, place] = row


def _update_message(state: State, change: changes.UpdateMessage) -> None:
    message = change.message
    messages = state.of_thread[message.tenant, message.thread_id].messages
    now = messages[message.message_id]
    messages[message.message_id] = msgspec.structs.replace(
        now,
        version=change.version,
        status=change.status or now.status,
        finish_reason=now.finish_reason if change.finish_reason is None else change.finish_reason,
        model=now.model if change.model is None else change.model,
        updated_at=change.at,
    )


def _insert_usage(state: State, change: changes.InsertUsage) -> None:
    usage, rows = change.usage, rows_of(state, change.run).usage
    rows.setdefault((usage.position, usage.attempt), usage)


def _write_tombstone(state: State, change: changes.WriteTombstone) -> None:
    for _, _, key in list(state.tombstones.index.entries(("until",), up_to=(change.at,))):
        del state.tombstones[key]
    state.tombstones[change.tenant, change.kind, change.id] = change.until


def _write_step(state: State, change: changes.WriteStep) -> None:
    rows_of(state, change.run).steps[change.step.number] = change.step


def _insert_event(state: State, change: changes.InsertEvent) -> None:
    rows_of(state, change.run).events[change.event.seq] = change.event


def _write_question(state: State, change: changes.WriteQuestion) -> None:
    state.questions[change.question.tenant, change.question.question_id] = change.question


def _write_worker(state: State, change: changes.WriteWorker) -> None:
    state.workers[change.worker.worker_id] = change.worker


def _remove_worker(state: State, change: changes.RemoveWorker) -> None:
    state.workers.pop(change.worker_id, None)


def _write_key(state: State, change: changes.WriteKey) -> None:
    state.keys[change.key.tenant, change.key.key] = change.key


def _remove_key(state: State, change: changes.RemoveKey) -> None:
    del state.keys[change.key.tenant, change.key.key]


def _insert_turn(state: State, change: changes.InsertTurn) -> None:
    turn = change.turn
    state.of_thread[turn.tenant, turn.thread_id].turns[turn.turn] = turn


def _insert_thread_event(state: State, change: changes.InsertThreadEvent) -> None:
    event = change.event
    state.of_thread[event.tenant, event.thread_id].events[event.seq] = event


WRITES: dict[type, Callable[[State, Value], None]] = {
    changes.InsertRun: _insert_run,
    changes.UpdateRun: _update_run,
    changes.RemoveRun: _remove_run,
    changes.WriteStep: _write_step,
    changes.InsertEvent: _insert_event,
    changes.WriteQuestion: _write_question,
    changes.InsertEntries: _insert_entries,
    changes.RemoveEntries: _remove_entries,
    changes.WriteWorker: _write_worker,
    changes.RemoveWorker: _remove_worker,
    changes.WriteKey: _write_key,
    changes.RemoveKey: _remove_key,
    changes.InsertThread: _insert_thread,
    changes.UpdateThreadRow: _update_thread,
    changes.HideThread: _hide_thread,
    changes.RemoveThread: _remove_thread,
    changes.InsertTurn: _insert_turn,
    changes.InsertThreadEvent: _insert_thread_event,
    changes.InsertMessage: _insert_message,
    changes.WriteParts: _write_parts,
    changes.UpdateMessage: _update_message,
    changes.InsertUsage: _insert_usage,
    changes.WriteTombstone: _write_tombstone,
}
