"""Rows to records and back. Column lists stand here once, in the order in which the rows are read."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any, TypeAlias, TypeVar, cast

import msgspec

from perdure.core.chunks import Entry
from perdure.core.clock import epoch, instant
from perdure.core.failures import Failure
from perdure.core.manifest import Outcome
from perdure.core.records import (
    ENTRY_BITS,
    MAX_ENTRIES,
    MAX_STEPS,
    STEP_BITS,
    EventRecord,
    Question,
    RunRecord,
    StepRecord,
    Suspicion,
    UsageRecord,
    WorkerRecord,
)
from perdure.core.usage import Usage
from perdure.core.values import Value
from perdure.stores.sqlite.driver import Cell, Row

T = TypeVar("T")

RUN = "(SELECT id FROM runs WHERE tenant = ? AND run_id = ?)"
"""The number of a run, by its tenant and its id."""
THREAD = "(SELECT id FROM threads WHERE tenant = ? AND thread_id = ?)"
"""The number of a thread; of a hidden one too."""

_RUN = (
    "tenant, run_id, workflow, status, queue, project_id, scenario_id, version, manifest_hash, seed, tags, token,"
    " left_token, claim_id, life, inbox, worker_id, leased_at, suspicion, ready_at, due_at, waiting_for, key, hold,"
    " has_key, ticket, cleans_up, cancel_reason, cancel_until, cancels_children, parent_id, parent_key, thread_id,"
    " turn, reply_id, created_at, updated_at, completed_at, failure, outcome"
)
RUN_COLUMNS = f"{_RUN}, result"
RUN_COLUMNS_WITHOUT_RESULT = f"{_RUN}, NULL"
STEP_COLUMNS = (
    f"id & {MAX_STEPS}, position, name, kind, status, attempts, fingerprint, started_at, completed_at, due_at,"
    " retry_at, opened, failure, result"
)
EVENT_COLUMNS = f"events.id & {MAX_STEPS}, events.key, payload, emitted_at, emit_id, emitted_by"
ENTRY_COLUMNS = f"lane, from_seq, chunks.id & {MAX_ENTRIES}, body"
QUESTION_COLUMNS = (
    "questions.tenant, question_id, runs.run_id, kind, prompt, choices, position, asked_at, answer, answer_id,"
    " answered_by, answered_at, closed_at"
)
WORKER_COLUMNS = (
    "worker_id, incarnation, host, pid, process_token, boot_id, lease_until, stall_until, stall_limit, beat, queues,"
    " started_at, renewed_at"
)
OF_RUN = f"chunks.id BETWEEN runs.id << {ENTRY_BITS} AND runs.id << {ENTRY_BITS} | {MAX_ENTRIES}"
"""That an entry is of the run of a row."""
HEAD = f"(SELECT chunks.id & {MAX_ENTRIES} FROM chunks WHERE {OF_RUN} ORDER BY chunks.id DESC LIMIT 1)"
"""The last seq of the run of a row; NULL where it has no entries."""
_instant = datetime.fromtimestamp
_tags = msgspec.json.Decoder(dict[str, str])
_names = msgspec.json.Decoder(tuple[str, ...])
_failure = msgspec.json.Decoder(Failure)
_outcome = msgspec.json.Decoder(Outcome)
_suspicion = msgspec.json.Decoder(Suspicion)
_usage = msgspec.json.Decoder(Usage)


def pack(value: Value) -> bytes | None:
    """A record or a collection as JSON; what is empty or None as NULL."""
    return msgspec.json.encode(value) if value else None


def names(values: tuple[str, ...]) -> str:
    """Names as a text for json_each."""
    return msgspec.json.encode(values).decode()


def span(run: int) -> tuple[int, int]:
    """The first and the last key of what has numbers among a run's own: steps, events."""
    return run << STEP_BITS, run << STEP_BITS | MAX_STEPS


def span_of_entries(run: int) -> tuple[int, int]:
    """The first and the last key of a run's entries."""
    return run << ENTRY_BITS, run << ENTRY_BITS | MAX_ENTRIES


def run_record(row: Row) -> RunRecord:
    """A run from its columns: one unpacking and no call for what is NULL, since every run is read several times."""
    (
        tenant,
        run_id,
        workflow,
        status,
        queue,
        project_id,
        scenario_id,
        version,
        manifest_hash,
        seed,
        tags,
        token,
        left_token,
        claim_id,
        life,
        inbox,
        worker_id,
        leased_at,
        suspicion,
        ready_at,
        due_at,
        waiting_for,
        key,
        hold,
        has_key,
        ticket,
        cleans_up,
        cancel_reason,
        cancel_until,
        cancels_children,
        parent_id,
        parent_key,
        thread_id,
        turn,
        reply_id,
        created_at,
        updated_at,
        completed_at,
        failure,
        outcome,
        result,
    ) = cast("Any", row)
    return RunRecord(
        tenant=tenant or None,
        run_id=run_id,
        workflow=workflow,
        status=status,
        queue=queue,
        project_id=project_id,
        scenario_id=scenario_id,
        version=version,
        manifest_hash=manifest_hash,
        seed=seed,
        tags=_tags.decode(tags) if tags else {},
        token=token,
        left_token=left_token,
        claim_id=claim_id,
        life=life,
        inbox=inbox,
        worker_id=worker_id,
        leased_at=leased_at,
        suspicion=None if suspicion is None else _suspicion.decode(suspicion),
        ready_at=None if ready_at is None else _instant(ready_at, UTC),
        due_at=None if due_at is None else _instant(due_at, UTC),
        waiting_for=_names.decode(waiting_for) if waiting_for else (),
        key=key,
        hold=hold,
        has_key=has_key == 1,
        ticket=ticket,
        cleans_up=cleans_up == 1,
        cancel_reason=cancel_reason,
        cancel_until=cancel_until,
        cancels_children=cancels_children == 1,
        parent_id=parent_id,
        parent_key=parent_key,
        thread_id=thread_id,
        turn=turn,
        reply_id=reply_id,
        created_at=_instant(created_at, UTC),
        updated_at=_instant(updated_at, UTC),
        completed_at=None if completed_at is None else _instant(completed_at, UTC),
        failure=None if failure is None else _failure.decode(failure),
        outcome=None if outcome is None else _outcome.decode(outcome),
        result=result,
    )


def step_record(row: Row) -> StepRecord:
    """A step from its columns; a replay reads thousands."""
    (
        number,
        position,
        name,
        kind,
        status,
        attempts,
        fingerprint,
        started,
        completed,
        due,
        retry,
        opened,
        failure,
        result,
    ) = cast("Any", row)
    return StepRecord(
        position=position,
        number=number,
        name=name,
        kind=kind,
        status=status,
        attempts=attempts,
        fingerprint=fingerprint,
        started=started,
        completed=completed,
        due=due,
        retry=retry,
        opened=opened,
        failure=None if failure is None else _failure.decode(failure),
        result=result,
    )


def event_record(run_id: str, row: Row) -> EventRecord:
    """An event of a run from its columns; a parent of many children reads thousands."""
    seq, key, payload, emitted_at, emit_id, by = cast("Any", row)
    at = _instant(emitted_at, UTC)
    return EventRecord(run_id=run_id, key=key, seq=seq, payload=payload, emitted_at=at, emit_id=emit_id, by=by)


def entry(row: Row) -> Entry:
    """An entry of a log from its columns."""
    return Entry(*cast("Any", row))


def question(row: Row) -> Question:
    """A question from its columns."""
    (
        tenant,
        question_id,
        run_id,
        kind,
        prompt,
        choices,
        position,
        asked_at,
        answer,
        answer_id,
        by,
        answered,
        closed,
    ) = cast("Any", row)
    return Question(
        question_id=question_id,
        tenant=tenant or None,
        run_id=run_id,
        kind=kind,
        prompt=prompt,
        choices=_names.decode(choices) if choices else (),
        position=position,
        asked_at=_instant(asked_at, UTC),
        answer=answer,
        answer_id=answer_id,
        answered_by=by,
        answered_at=instant(answered),
        closed_at=instant(closed),
    )


def worker_record(row: Row) -> WorkerRecord:
    """A worker from its columns."""
    (worker_id, incarnation, host, pid, token, boot_id, lease_until, stall_until, stall_limit, beat, queues, *times) = (
        cast("Any", row)
    )
    return WorkerRecord(
        worker_id=worker_id,
        incarnation=incarnation,
        host=host,
        pid=pid,
        process_token=token,
        boot_id=boot_id,
        lease_until=lease_until,
        stall_until=stall_until,
        stall_limit=stall_limit,
        beat=beat,
        queues=_names.decode(queues) if queues else (),
        started_at=_instant(times[0], UTC),
        renewed_at=_instant(times[1], UTC),
    )


def usage_record(run_id: str, row: Row) -> UsageRecord:
    """Usage from (position, attempt, tokens, model)."""
    position, attempt, tokens, model = cast("Any", row)
    known = None if tokens is None else _usage.decode(tokens)
    return UsageRecord(run_id=run_id, position=position, attempt=attempt, usage=known, model=model)


_STORED: dict[str, Callable[[Value], Cell]] = {
    "tenant": lambda tenant: tenant or "",
    "tags": pack,
    "waiting_for": pack,
    "suspicion": pack,
    "failure": pack,
    "outcome": pack,
    "choices": pack,
    "queues": pack,
    "metadata": pack,
    "settings": pack,
    "ready_at": epoch,
    "due_at": epoch,
    "created_at": epoch,
    "updated_at": epoch,
    "completed_at": epoch,
    "started_at": epoch,
    "renewed_at": epoch,
    "asked_at": epoch,
    "answered_at": epoch,
    "closed_at": epoch,
}


def stored(name: str, value: Value) -> Cell:
    """What a column holds for a record's field of its name."""
    as_stored = _STORED.get(name)
    return value if as_stored is None else as_stored(value)


Values: TypeAlias = Callable[[msgspec.Struct], list[Cell]]


def values_of(fields: tuple[str, ...]) -> Values:
    """A function that gives what columns hold for these fields of a record: most as they are, in one call."""
    get = cast("Callable[[msgspec.Struct], Any]", attrgetter(*fields))
    converted = [(place, _STORED[name]) for place, name in enumerate(fields) if name in _STORED]

    def values(record: msgspec.Struct) -> list[Cell]:
        found: list[Cell] = [get(record)] if len(fields) == 1 else [*get(record)]
        for place, convert in converted:
            found[place] = convert(found[place])
        return found

    return values
