"""What decisions have changed (`core.decisions.changes`), each written by one small statement, or few."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Final

import msgspec

from perdure.core.clock import epoch
from perdure.core.decisions import changes
from perdure.core.messages import PART_BITS, Message, Part, encode_part
from perdure.core.records import ENTRY_BITS, MAX_ENTRIES, MAX_STEPS, STEP_BITS, Question, RunRecord, WorkerRecord
from perdure.core.states import phase_of
from perdure.core.threads import ThreadRecord
from perdure.core.values import Value
from perdure.errors import InputError
from perdure.stores.sqlite import rows, thread_rows
from perdure.stores.sqlite.driver import Cell
from perdure.stores.sqlite.reads import key_of, message_number
from perdure.stores.sqlite.rows import RUN, THREAD
from perdure.stores.sqlite.steps import STEP_FIELDS, STEP_VALUES, step_values
from perdure.stores.sqlite.transaction import WriteTransaction

_RUN_FIELDS = RunRecord.__struct_fields__
_INSERT_RUN = f"INSERT INTO runs ({', '.join(_RUN_FIELDS)}) VALUES ({', '.join('?' * len(_RUN_FIELDS))})"
_MANIFEST = "INSERT INTO manifests (run, body) VALUES (last_insert_rowid(), ?)"
_STEP = (
    f"REPLACE INTO steps (id, {STEP_FIELDS}) SELECT id << {STEP_BITS} | ?, {STEP_VALUES} FROM runs"
    " WHERE tenant = ? AND run_id = ?"
)
_EVENT = (
    "INSERT INTO events (id, run, key, slot, payload, emitted_at, emit_id, emitted_by)"
    f" SELECT id << {STEP_BITS} | ?, id, ?, ?, ?, ?, ?, ? FROM runs WHERE tenant = ? AND run_id = ?"
)
_QUESTION = (
    "INSERT INTO questions (tenant, question_id, run, kind, prompt, choices, position, asked_at, answer, answer_id,"
    f" answered_by, answered_at, closed_at) VALUES (?, ?, {RUN}, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (tenant, question_id) DO UPDATE SET answer = excluded.answer, answer_id = excluded.answer_id,"
    " answered_by = excluded.answered_by, answered_at = excluded.answered_at, closed_at = excluded.closed_at"
)
_ENTRY = f"INSERT INTO chunks (id, from_seq, lane, body) VALUES ({RUN} << {ENTRY_BITS} | ?, ?, ?, ?)"
_REMOVE_ENTRIES = (
    f"DELETE FROM chunks WHERE id BETWEEN {RUN} << {ENTRY_BITS} | ? AND {RUN} << {ENTRY_BITS} | ? AND lane = ?"
)
_WORKER_FIELDS = WorkerRecord.__struct_fields__
_WORKER = f"REPLACE INTO workers ({', '.join(_WORKER_FIELDS)}) VALUES ({', '.join('?' * len(_WORKER_FIELDS))})"
_RENEW = "UPDATE workers SET lease_until = ?, stall_until = ?, beat = ?, renewed_at = ? WHERE worker_id = ?"
_KEY = "REPLACE INTO keys (tenant, key, run_id, next_ticket) VALUES (?, ?, ?, ?)"
_THREAD_VALUES = ", ".join("?" * (thread_rows.THREAD_COLUMNS.count(",") + 1))
_INSERT_THREAD = f"INSERT INTO threads ({thread_rows.THREAD_COLUMNS}) VALUES ({_THREAD_VALUES})"
_TURN = (
    "INSERT INTO turns (thread, turn, parent_thread, parent_turn, run_id, created_at)"
    f" VALUES ({THREAD}, ?, {THREAD}, ?, ?, ?)"
)
_THREAD_EVENT = f"INSERT INTO thread_events (thread, seq, event_id, kind, body, at) VALUES ({THREAD}, ?, ?, ?, ?, ?)"
_MESSAGE = (
    "INSERT INTO messages (tenant, thread, turn, place, message_id, client_id, run_id, role, status, version, metadata,"
    f" finish_reason, model, created_at, updated_at) VALUES (?, {THREAD}, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_PART = (
    "INSERT INTO parts (id, version, body) VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE"
    " SET version = excluded.version, body = excluded.body WHERE parts.version < excluded.version"
)
_SET_MESSAGE = (
    "UPDATE messages SET version = ?, status = coalesce(?, status), finish_reason = coalesce(?, finish_reason),"
    f" model = coalesce(?, model), updated_at = ? WHERE thread = {THREAD} AND message_id = ?"
)
_USAGE = f"INSERT INTO usage (run, position, attempt, tokens, model) VALUES ({RUN}, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
_TOMBSTONE = "REPLACE INTO tombstones (tenant, kind, id, until) VALUES (?, ?, ?, ?)"

_SPAN = f"id BETWEEN {RUN} << {STEP_BITS} AND {RUN} << {STEP_BITS} | {MAX_STEPS}"
_OF_RUN = {
    "steps": _SPAN,
    "events": _SPAN,
    "manifests": f"run = {RUN}",
    "questions": f"run = {RUN}",
    "usage": f"run = {RUN}",
    "chunks": f"id BETWEEN {RUN} << {ENTRY_BITS} AND {RUN} << {ENTRY_BITS} | {MAX_ENTRIES}",
    "runs": "tenant = ? AND run_id = ?",  # the last, for the others name it
}
_PARTS_OF_THREAD = (
    f"DELETE FROM parts WHERE id IN (SELECT parts.id FROM messages CROSS JOIN parts ON parts.id"
    f" BETWEEN messages.id << {PART_BITS} AND (messages.id + 1 << {PART_BITS}) - 1 WHERE thread = {THREAD})"
)


def write(tx: WriteTransaction, change: changes.Change) -> None:
    """Write one change."""
    _WRITES[type(change)](tx, change)


def _insert_run(tx: WriteTransaction, change: changes.InsertRun) -> None:
    tx.run(_INSERT_RUN, _run_values(change.run))
    tx.run(_MANIFEST, (change.manifest,))


_run_values = rows.values_of(_RUN_FIELDS)


@cache
def _update(table: str, key: str, names: tuple[str, ...]) -> tuple[str, rows.Values]:
    sql = f"UPDATE {table} SET {', '.join(f'{name} = ?' for name in names)} WHERE tenant = ? AND {key} = ?"
    return sql, rows.values_of(names)


def _update_run(tx: WriteTransaction, change: changes.UpdateRun) -> None:
    run = change.run
    sql, values = _update("runs", "run_id", tuple(change.fields))
    tx.run(sql, (*values(run), run.tenant or "", run.run_id))


def _remove_run(tx: WriteTransaction, change: changes.RemoveRun) -> None:
    key = key_of(change.run)
    for table, condition in _OF_RUN.items():
        tx.run(f"DELETE FROM {table} WHERE {condition}", key * (condition.count("?") // 2))


def _write_step(tx: WriteTransaction, change: changes.WriteStep) -> None:
    step = change.step
    tx.run(_STEP, (step.number, *step_values(step, phase_of(step)), *key_of(change.run)))


def _insert_event(tx: WriteTransaction, change: changes.InsertEvent) -> None:
    event = change.event
    if event.seq > MAX_STEPS:
        raise InputError("key", f"a run has at most {MAX_STEPS} events")
    slot = event.emit_id if change.many else ""
    at = epoch(event.emitted_at)
    tx.run(_EVENT, (event.seq, event.key, slot, event.payload, at, event.emit_id, event.by, *key_of(change.run)))


def _write_question(tx: WriteTransaction, change: changes.WriteQuestion) -> None:
    question: Question = change.question
    tx.run(
        _QUESTION,
        (
            question.tenant or "",
            question.question_id,
            question.tenant or "",
            question.run_id,
            question.kind,
            question.prompt,
            rows.pack(question.choices),
            question.position,
            epoch(question.asked_at),
            question.answer,
            question.answer_id,
            question.answered_by,
            epoch(question.answered_at),
            epoch(question.closed_at),
        ),
    )


def _insert_entries(tx: WriteTransaction, change: changes.InsertEntries) -> None:
    key = key_of(change.run)
    for entry in change.entries:
        tx.run(_ENTRY, (*key, entry.seq, entry.from_seq, entry.lane, entry.body))


def _remove_entries(tx: WriteTransaction, change: changes.RemoveEntries) -> None:
    key = key_of(change.run)
    tx.run(_REMOVE_ENTRIES, (*key, change.first, *key, change.last, change.lane))


_worker_values = rows.values_of(_WORKER_FIELDS)


def _write_worker(tx: WriteTransaction, change: changes.WriteWorker) -> None:
    worker = change.worker
    if change.is_new:
        tx.hold(worker.worker_id)  # first: a row without a lock could not be proven dead
        tx.run(_WORKER, _worker_values(worker))
    else:
        at = epoch(worker.renewed_at)
        tx.run(_RENEW, (worker.lease_until, worker.stall_until, worker.beat, at, worker.worker_id))


def _remove_worker(tx: WriteTransaction, change: changes.RemoveWorker) -> None:
    tx.run("DELETE FROM workers WHERE worker_id = ?", (change.worker_id,))
    tx.release_worker(change.worker_id, died=change.died)


def _write_key(tx: WriteTransaction, change: changes.WriteKey) -> None:
    key = change.key
    tx.run(_KEY, (key.tenant or "", key.key, key.run_id, key.next_ticket))


def _remove_key(tx: WriteTransaction, change: changes.RemoveKey) -> None:
    tx.run("DELETE FROM keys WHERE tenant = ? AND key = ?", (change.key.tenant or "", change.key.key))


def _insert_thread(tx: WriteTransaction, change: changes.InsertThread) -> None:
    thread = change.thread
    root = thread.root
    tx.run(
        _INSERT_THREAD,
        (
            *_key_of_thread(thread),
            thread.agent,
            thread.owner,
            thread.title,
            rows.pack(thread.metadata),
            rows.pack(thread.settings),
            epoch(thread.created_at),
            epoch(thread.updated_at or thread.created_at),
            root.thread_id if root else None,
            root.turn if root else None,
            thread.forks,
            thread.version,
            thread.head,
            thread.next_turn,
            thread.next_event,
            thread.run_id,
        ),
    )


def _key_of_thread(thread: ThreadRecord) -> tuple[str, str]:
    return thread.tenant or "", thread.thread_id


def _update_thread(tx: WriteTransaction, change: changes.UpdateThreadRow) -> None:
    sql, _ = _update("threads", "thread_id", tuple(change.fields))
    values = [rows.stored(name, value) for name, value in change.fields.items()]
    tx.run(sql, (*values, *_key_of_thread(change.thread)))


def _hide_thread(tx: WriteTransaction, change: changes.HideThread) -> None:
    tx.run("UPDATE threads SET hidden = 1 WHERE tenant = ? AND thread_id = ?", _key_of_thread(change.thread))


def _remove_thread(tx: WriteTransaction, change: changes.RemoveThread) -> None:
    key = _key_of_thread(change.thread)
    tx.run(_PARTS_OF_THREAD, key)
    for table in ("messages", "turns", "thread_events"):
        tx.run(f"DELETE FROM {table} WHERE thread = {THREAD}", key)
    tx.run("DELETE FROM threads WHERE tenant = ? AND thread_id = ?", key)


def _insert_turn(tx: WriteTransaction, change: changes.InsertTurn) -> None:
    turn, tenant = change.turn, change.turn.tenant or ""
    parent: tuple[Cell, Cell] = (turn.parent.thread_id, turn.parent.turn) if turn.parent else (None, None)
    at = epoch(turn.created_at)
    tx.run(_TURN, (tenant, turn.thread_id, turn.turn, tenant, *parent, turn.run_id, at))


def _insert_thread_event(tx: WriteTransaction, change: changes.InsertThreadEvent) -> None:
    event = change.event
    key = (event.tenant or "", event.thread_id)
    body = msgspec.json.encode(event.body)
    tx.run(_THREAD_EVENT, (*key, event.seq, event.event_id, event.kind, body, epoch(event.at)))


def _insert_message(tx: WriteTransaction, change: changes.InsertMessage) -> None:
    message = change.message
    tenant = message.tenant or ""
    tx.run(
        _MESSAGE,
        (
            tenant,
            tenant,
            message.thread_id,
            message.turn,
            message.place,
            message.message_id,
            message.client_id,
            message.run_id,
            message.role,
            message.status,
            message.version,
            rows.pack(message.metadata),
            message.finish_reason,
            message.model,
            epoch(message.created_at),
            epoch(message.updated_at or message.created_at),
        ),
    )
    _put_parts(tx, message, 0, message.parts, 0)


def _put_parts(tx: WriteTransaction, message: Message, first: int, parts: tuple[Part, ...], version: int) -> None:
    if parts:
        key = message_number(tx, message) << PART_BITS | first
        tx.many(_PART, [(place, version, encode_part(part)) for place, part in enumerate(parts, key)])


def _write_parts(tx: WriteTransaction, change: changes.WriteParts) -> None:
    _put_parts(tx, change.message, change.first, change.parts, change.version)


def _update_message(tx: WriteTransaction, change: changes.UpdateMessage) -> None:
    message = change.message
    key = (message.tenant or "", message.thread_id, message.message_id)
    set_to = (change.version, change.status, change.finish_reason, change.model, epoch(change.at))
    tx.run(_SET_MESSAGE, (*set_to, *key))


def _insert_usage(tx: WriteTransaction, change: changes.InsertUsage) -> None:
    usage = change.usage
    tokens = None if usage.usage is None else msgspec.json.encode(usage.usage)
    tx.run(_USAGE, (*key_of(change.run), usage.position, usage.attempt, tokens, usage.model))


def _write_tombstone(tx: WriteTransaction, change: changes.WriteTombstone) -> None:
    tx.run("DELETE FROM tombstones WHERE until <= ?", (epoch(change.at),))
    tx.run(_TOMBSTONE, (change.tenant or "", change.kind, change.id, epoch(change.until)))


_WRITES: Final[dict[type, Callable[[WriteTransaction, Value], None]]] = {
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
