"""What decisions ask of the rows (`core.decisions.reads`), each answered by one small query."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, cast

import msgspec

from perdure.core.clock import epoch
from perdure.core.decisions import reads
from perdure.core.messages import PART_BITS, Message, ToolCallPart, decode_part
from perdure.core.records import ENTRY_BITS, MAX_STEPS, STEP_BITS, KeyRecord, RunRecord
from perdure.core.threads import TurnRecord
from perdure.core.values import Value
from perdure.stores.sqlite import rows, thread_rows
from perdure.stores.sqlite.driver import Cell
from perdure.stores.sqlite.rows import RUN, THREAD
from perdure.stores.sqlite.transaction import Transaction

_RUNS = f"SELECT {rows.RUN_COLUMNS} FROM runs"
_MANIFESTS = (
    "SELECT wanted.key, body FROM json_each(?) AS wanted CROSS JOIN runs"
    " ON tenant = wanted.value ->> 0 AND run_id = wanted.value ->> 1 CROSS JOIN manifests ON run = runs.id"
)
_STEP = f"SELECT {rows.STEP_COLUMNS} FROM steps WHERE id = {RUN} << {STEP_BITS} | ?"
_STEPS = (
    f"SELECT {rows.STEP_COLUMNS} FROM steps"
    f" WHERE id BETWEEN {RUN} << {STEP_BITS} AND {RUN} << {STEP_BITS} | {MAX_STEPS}"
    " AND position IN (SELECT value FROM json_each(?)) ORDER BY id"
)
_HEAD = f"SELECT {rows.HEAD} FROM runs WHERE tenant = ? AND run_id = ?"
_ENTRY = f"SELECT {rows.ENTRY_COLUMNS} FROM chunks WHERE id = {RUN} << {ENTRY_BITS} | ?"
_OPEN_ENTRIES = (
    f"SELECT {rows.ENTRY_COLUMNS} FROM runs CROSS JOIN chunks ON {rows.OF_RUN}"
    " WHERE tenant = ? AND run_id = ? AND substr(body, 1, 1) <> x'7B' ORDER BY chunks.id"
)
_EVENT = f"SELECT {rows.EVENT_COLUMNS} FROM events WHERE run = {RUN} AND key = ?"
_CHILDREN = (
    f"{_RUNS} WHERE tenant = ? AND parent_id = ? AND completed_at IS NULL AND status <> 'cancelling'"
    " ORDER BY id LIMIT ?"
)
_OWNED = f"{_RUNS} WHERE worker_id = ? ORDER BY leased_at, id LIMIT ?"
_OWNED_KEYS = "SELECT tenant, run_id FROM runs WHERE worker_id = ? ORDER BY id"
_HOLDS = "SELECT EXISTS (SELECT 1 FROM runs WHERE worker_id = ?)"
_SUSPECTS = f"{_RUNS} WHERE worker_id = ? AND suspicion IS NOT NULL"
_CLAIMED = f"{_RUNS} WHERE worker_id = ? AND claim_id = ? ORDER BY id"
# A search for each workflow, so that what waits for workers with other code is not walked. The few that are found are
# sorted afterwards: for SQLite, to begin a sort takes longer than the searches, and most claims find nothing.
CLAIMABLE = """
SELECT ready_at, runs.id FROM json_each(?3) AS wanted CROSS JOIN runs ON runs.id IN (
    SELECT one.id FROM runs AS one INDEXED BY runs_ready WHERE queue = ?1 AND workflow = wanted.value
        AND ready_at IS NOT NULL AND worker_id IS NULL ORDER BY ready_at, one.id LIMIT ?4)
UNION ALL
SELECT due_at, runs.id FROM json_each(?3) AS wanted CROSS JOIN runs ON runs.id IN (
    SELECT one.id FROM runs AS one INDEXED BY runs_due WHERE queue = ?1 AND workflow = wanted.value AND due_at <= ?2
        AND ready_at IS NULL AND worker_id IS NULL ORDER BY due_at, one.id LIMIT ?4)
"""
_NUMBERED = f"SELECT {rows.RUN_COLUMNS} FROM (SELECT value FROM json_each(?)) CROSS JOIN runs ON id = value"
# an owner has a row of its own, always: so the index of what is owned answers this, and not all that a queue ever had
_RUNNING = "SELECT count(*) FROM workers CROSS JOIN runs USING (worker_id) WHERE queue = ?"
_WORKER = f"SELECT {rows.WORKER_COLUMNS} FROM workers WHERE worker_id = ?"
_QUESTIONS = f"SELECT {rows.QUESTION_COLUMNS} FROM questions JOIN runs ON runs.id = questions.run"
_QUESTION = f"{_QUESTIONS} WHERE questions.tenant = ? AND question_id = ?"
_UNANSWERED = f"{_QUESTIONS} WHERE run = {RUN} AND answered_at IS NULL ORDER BY questions.id"
_KEY = "SELECT run_id, next_ticket FROM keys WHERE tenant = ? AND key = ?"
_NEXT_TICKET = f"{_RUNS} WHERE tenant = ? AND key = ? AND ticket IS NOT NULL ORDER BY ticket LIMIT 1"
_THREAD = f"SELECT {thread_rows.THREAD_COLUMNS} FROM threads WHERE tenant = ? AND thread_id = ? AND hidden = ?"
_TURNS = (
    "SELECT own.thread_id, turn, parent.thread_id, parent_turn, turns.run_id, turns.created_at"
    " FROM threads AS own JOIN turns ON turns.thread = own.id LEFT JOIN threads AS parent ON parent.id = parent_thread"
    " WHERE own.tenant = ? AND own.thread_id = ?"
)
_OF_TURNS = (
    f"SELECT {rows.RUN_COLUMNS} FROM runs WHERE id IN (SELECT run.id FROM threads AS own"
    " CROSS JOIN turns ON turns.thread = own.id CROSS JOIN runs AS run ON run.tenant = own.tenant"
    " AND run.run_id = turns.run_id WHERE own.tenant = ? AND own.thread_id = ? AND (? OR run.completed_at IS NULL)"
    " ORDER BY turns.turn DESC LIMIT ?) ORDER BY turn DESC"
)
_MESSAGE = f"SELECT {thread_rows.MESSAGE_COLUMNS} FROM messages WHERE thread = {THREAD}"
_PARTS = (
    f"SELECT id & {2**PART_BITS - 1}, body FROM parts"
    f" WHERE id BETWEEN ?1 << {PART_BITS} AND (?1 + 1 << {PART_BITS}) - 1"
)
_MESSAGE_NUMBER = f"SELECT id FROM messages WHERE thread = {THREAD} AND message_id = ?"
# the index of event ids leaves out the status events, which no operation adds
_THREAD_EVENT = (
    f"SELECT {thread_rows.THREAD_EVENT_COLUMNS} FROM thread_events"
    f" WHERE thread = {THREAD} AND event_id = ? AND kind <> 'status'"
)
_TOMBSTONE = "SELECT EXISTS (SELECT 1 FROM tombstones WHERE tenant = ? AND kind = ? AND id = ?)"
_ROOTS = ("runs", "threads", "workers", "keys", "tombstones")
"""The tables that every other row belongs to."""


def key_of(run: RunRecord) -> tuple[str, str]:
    """What identifies a run's row."""
    return run.tenant or "", run.run_id


def message_number(tx: Transaction, message: Message) -> int:
    """The number of a message that is there."""
    return tx.number(_MESSAGE_NUMBER, (message.tenant or "", message.thread_id, message.message_id))


def find_run(tx: Transaction, tenant: str | None, run_id: str) -> RunRecord | None:
    """The run, or None."""
    row = tx.row(f"{_RUNS} WHERE tenant = ? AND run_id = ?", (tenant or "", run_id))
    return rows.run_record(row) if row else None


def _runs(tx: Transaction, sql: str, *values: Cell) -> list[RunRecord]:
    return [rows.run_record(row) for row in tx.rows(sql, values)]


def _manifests(tx: Transaction, request: reads.GetManifests) -> list[bytes]:
    wanted = msgspec.json.encode([key_of(run) for run in request.runs]).decode()
    found = dict(cast("list[tuple[int, bytes]]", tx.rows(_MANIFESTS, (wanted,))))
    return [found.get(place, b"") for place in range(len(request.runs))]


def _step(tx: Transaction, request: reads.GetStep) -> Value:
    row = tx.row(_STEP, (*key_of(request.run), request.number))
    return rows.step_record(row) if row else None


def _steps(tx: Transaction, request: reads.GetSteps) -> Value:
    key = key_of(request.run)
    return [rows.step_record(row) for row in tx.rows(_STEPS, (*key, *key, rows.names(request.positions)))]


def _entry(tx: Transaction, request: reads.GetEntry) -> Value:
    row = tx.row(_ENTRY, (*key_of(request.run), request.seq))
    return rows.entry(row) if row else None


def _open_entries(tx: Transaction, request: reads.GetOpenEntries) -> Value:
    return [rows.entry(row) for row in tx.rows(_OPEN_ENTRIES, key_of(request.run))]


def _event(tx: Transaction, request: reads.GetEvent) -> Value:
    values = (*key_of(request.run), request.key)
    if request.emit_id is None:
        row = tx.row(f"{_EVENT} ORDER BY id LIMIT 1", values)
    else:
        row = tx.row(f"{_EVENT} AND slot = ?", (*values, request.emit_id))
    return rows.event_record(request.run.run_id, row) if row else None


def _owned_keys(tx: Transaction, request: reads.GetOwnedKeys) -> Value:
    found = cast("list[tuple[str, str]]", tx.rows(_OWNED_KEYS, (request.worker_id,)))
    return [(tenant or None, run_id) for tenant, run_id in found]


def _holding(tx: Transaction, request: reads.GetHolding) -> Value:
    return bool(tx.number(_HOLDS, (request.worker_id,))), _runs(tx, _SUSPECTS, request.worker_id)


def _claimable(tx: Transaction, request: reads.GetClaimable) -> list[RunRecord]:
    values = (request.queue, epoch(request.at), rows.names(request.workflows), request.limit)
    found = sorted(tx.rows(CLAIMABLE, values))[: request.limit]
    return _runs(tx, _NUMBERED, msgspec.json.encode([number for _, number in found]).decode()) if found else []


def _worker(tx: Transaction, request: reads.GetWorker) -> Value:
    row = tx.row(_WORKER, (request.worker_id,))
    return rows.worker_record(row) if row else None


def _question(tx: Transaction, request: reads.GetQuestion) -> Value:
    row = tx.row(_QUESTION, (request.tenant or "", request.question_id))
    return rows.question(row) if row else None


def _unanswered(tx: Transaction, request: reads.GetUnanswered) -> Value:
    return [rows.question(row) for row in tx.rows(_UNANSWERED, key_of(request.run))]


def _key(tx: Transaction, request: reads.GetKey) -> KeyRecord | None:
    row = cast("tuple[str | None, int] | None", tx.row(_KEY, (request.tenant or "", request.key)))
    return KeyRecord(tenant=request.tenant, key=request.key, run_id=row[0], next_ticket=row[1]) if row else None


def _next_ticket(tx: Transaction, request: reads.GetNextTicket) -> RunRecord | None:
    found = _runs(tx, _NEXT_TICKET, request.key.tenant or "", request.key.key)
    return found[0] if found else None


def _thread(tx: Transaction, request: reads.GetThread | reads.GetDeletedThread) -> Value:
    is_hidden = isinstance(request, reads.GetDeletedThread)
    row = tx.row(_THREAD, (request.tenant or "", request.thread_id, is_hidden))
    return thread_rows.thread_record(row) if row else None


def _turn(tx: Transaction, request: reads.GetTurn | reads.GetTurnOfRun) -> TurnRecord | None:
    column, value = ("turn", request.turn) if isinstance(request, reads.GetTurn) else ("turns.run_id", request.run_id)
    row = tx.row(f"{_TURNS} AND {column} = ?", (request.tenant or "", request.thread_id, value))
    return thread_rows.turn_record(request.tenant, row) if row else None


def _message(tx: Transaction, request: reads.GetMessage) -> Message | None:
    row = tx.row(f"{_MESSAGE} AND message_id = ?", (request.tenant or "", request.thread_id, request.message_id))
    return thread_rows.message(request.tenant, request.thread_id, row) if row else None


def _find_message(tx: Transaction, request: reads.FindMessage) -> Message | None:
    thread = (request.tenant or "", request.thread_id)
    row = tx.row(f"{_MESSAGE} AND turn = ? AND place = ?", (*thread, request.turn, request.place))
    if row is None and request.client_id is not None:
        row = tx.row(f"{_MESSAGE} AND client_id = ?", (*thread, request.client_id))
    return thread_rows.message(request.tenant, request.thread_id, row) if row else None


def _pending_calls(tx: Transaction, request: reads.GetPendingCalls) -> list[tuple[int, ToolCallPart]]:
    found = cast("list[tuple[int, bytes]]", tx.rows(_PARTS, (message_number(tx, request.message),)))
    parts = ((place, decode_part(body)) for place, body in found)
    return [(place, part) for place, part in parts if isinstance(part, ToolCallPart) and part.state == "pending"]


def _thread_event(tx: Transaction, request: reads.GetThreadEvent) -> Value:
    row = tx.row(_THREAD_EVENT, (request.tenant or "", request.thread_id, request.event_id))
    return thread_rows.thread_event(request.tenant, request.thread_id, row) if row else None


def _has_tombstone(tx: Transaction, request: reads.HasTombstone) -> bool:
    return tx.number(_TOMBSTONE, (request.tenant or "", request.kind, request.id)) == 1


def _is_empty(tx: Transaction, _: reads.IsEmpty) -> bool:
    return all(tx.row(f"SELECT 1 FROM {table} LIMIT 1") is None for table in _ROOTS)


READS: Final[dict[type, Callable[[Transaction, Value], Value]]] = {
    reads.GetRun: lambda tx, one: find_run(tx, one.tenant, one.run_id),
    reads.GetManifests: _manifests,
    reads.GetStep: _step,
    reads.GetSteps: _steps,
    reads.GetHead: lambda tx, one: tx.number(_HEAD, key_of(one.run)),
    reads.GetEntry: _entry,
    reads.GetOpenEntries: _open_entries,
    reads.GetEvent: _event,
    reads.GetChildren: lambda tx, one: _runs(tx, _CHILDREN, *key_of(one.run), one.limit),
    reads.GetOwned: lambda tx, one: _runs(tx, _OWNED, one.worker_id, one.limit),
    reads.GetOwnedKeys: _owned_keys,
    reads.GetHolding: _holding,
    reads.GetClaimed: lambda tx, one: _runs(tx, _CLAIMED, one.worker_id, one.claim_id),
    reads.GetClaimable: _claimable,
    reads.CountRunning: lambda tx, one: tx.number(_RUNNING, (one.queue,)),
    reads.GetWorker: _worker,
    reads.ProvesDeath: lambda _, __: True,
    reads.GetQuestion: _question,
    reads.GetUnanswered: _unanswered,
    reads.GetKey: _key,
    reads.GetNextTicket: _next_ticket,
    reads.GetThread: _thread,
    reads.GetDeletedThread: _thread,
    reads.GetTurn: _turn,
    reads.GetTurnOfRun: _turn,
    reads.GetRunsOfTurns: lambda tx, one: _runs(
        tx, _OF_TURNS, one.tenant or "", one.thread_id, not one.only_open, one.limit
    ),
    reads.GetMessage: _message,
    reads.FindMessage: _find_message,
    reads.GetPendingCalls: _pending_calls,
    reads.GetThreadEvent: _thread_event,
    reads.HasTombstone: _has_tombstone,
    reads.IsEmpty: _is_empty,
}
"""How each is answered; what is about time and processes, the `Decider` answers."""
