"""Rows to records and back. Column lists stand here once, in the order in which the rows are read."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, TypeVar, cast

import msgspec

from perdure.core.clock import instant
from perdure.core.failures import Failure
from perdure.core.manifest import Outcome
from perdure.core.positions import to_position
from perdure.core.records import EventRecord, Question, RunRecord, StepRecord, WorkerRecord
from perdure.stores.sqlite.driver import Cell, Row

T = TypeVar("T")

# A commit that only puts a step counts itself in the step's row: that spares the page of the run's, half of the log.
_REV = "runs.rev + (SELECT coalesce(sum(puts), 0) FROM steps WHERE run = runs.id)"
RUN_COLUMNS = (
    "runs.run_id, runs.workflow, runs.status, runs.queue, runs.project_id, runs.scenario_id, runs.tenant, runs.version,"
    f" runs.manifest_hash, runs.seed, runs.tags, runs.token, {_REV}, runs.inbox, runs.worker_id, runs.takeovers,"
    " runs.due_at, runs.waiting_for, runs.created_at, runs.updated_at, runs.completed_at, runs.failure, runs.outcome,"
    " runs.cancel_reason, runs.cancel_by, runs.parent_id, runs.parent_key, runs.thread_id"
)
STEP_COLUMNS = (
    "place, name, kind, status, attempts, fingerprint, started_at, completed_at, due_at, retry_at, failure, result"
)
EVENT_COLUMNS = "run_id, key, payload, emitted_at, emitted_by"
QUESTION_COLUMNS = "question_id, run_id, kind, prompt, choices, position, asked_at, answer, answered_by, answered_at"
WORKER_COLUMNS = "worker_id, host, pid, process_token, boot_id, lease_until, queues, started_at, renewed_at"

_RUN_WIDTH = RUN_COLUMNS.replace(_REV, "").count(",") + 1
_instant = datetime.fromtimestamp
_tags = msgspec.json.Decoder(dict[str, str])
_names = msgspec.json.Decoder(tuple[str, ...])
_failure = msgspec.json.Decoder(Failure)
_outcome = msgspec.json.Decoder(Outcome)


def pack(value: object) -> bytes | None:
    """A record or a collection as JSON; what is empty or None as NULL."""
    return msgspec.json.encode(value) if value else None


def text(value: Cell) -> str:
    """A column that is always text."""
    return cast("str", value)


def unpack(data: Cell, decoder: msgspec.json.Decoder[T]) -> T | None:
    """The JSON of a column, or None."""
    return None if data is None else decoder.decode(cast("bytes", data))


def run_record(row: Row, result: bytes | None = None) -> RunRecord:
    """A run from its columns: one unpacking and no call for what is NULL, since every run is read several times."""
    (
        run_id,
        workflow,
        status,
        queue,
        project_id,
        scenario_id,
        tenant,
        version,
        manifest_hash,
        seed,
        tags,
        token,
        rev,
        inbox,
        worker_id,
        takeovers,
        due_at,
        waiting_for,
        created_at,
        updated_at,
        completed_at,
        failure,
        outcome,
        cancel_reason,
        cancel_by,
        parent_id,
        parent_key,
        thread_id,
    ) = cast("Any", row[:_RUN_WIDTH])
    return RunRecord(
        run_id=run_id,
        workflow=workflow,
        status=status,
        queue=queue,
        project_id=project_id,
        scenario_id=scenario_id,
        tenant=tenant,
        version=version,
        manifest_hash=manifest_hash,
        seed=seed,
        tags=_tags.decode(tags) if tags else {},
        token=token,
        rev=rev,
        inbox=inbox,
        worker_id=worker_id,
        takeovers=takeovers,
        due_at=None if due_at is None else _instant(due_at, UTC),
        waiting_for=_names.decode(waiting_for) if waiting_for else (),
        created_at=_instant(created_at, UTC),
        updated_at=_instant(updated_at, UTC),
        completed_at=None if completed_at is None else _instant(completed_at, UTC),
        failure=None if failure is None else _failure.decode(failure),
        outcome=None if outcome is None else _outcome.decode(outcome),
        cancel_reason=cancel_reason,
        cancel_by=None if cancel_by is None else _instant(cancel_by, UTC),
        parent_id=parent_id,
        parent_key=parent_key,
        thread_id=thread_id,
        result=result,
    )


def step_record(row: Row) -> StepRecord:
    """A step from its columns; a replay reads thousands."""
    place, name, kind, status, attempts, fingerprint, started, completed, due, retry, failure, result = cast("Any", row)
    return StepRecord(
        position=to_position(place),
        name=name,
        kind=kind,
        status=status,
        attempts=attempts,
        fingerprint=fingerprint,
        started=started,
        completed=completed,
        due=due,
        retry=retry,
        failure=None if failure is None else _failure.decode(failure),
        result=result,
    )


def event_record(row: Row) -> EventRecord:
    """An event from its columns."""
    return EventRecord(
        run_id=text(row[0]),
        key=text(row[1]),
        payload=cast("bytes", row[2]),
        emitted_at=moment(row[3]),
        by=cast("str | None", row[4]),
    )


def question(row: Row) -> Question:
    """A question from its columns."""
    return Question(
        question_id=text(row[0]),
        run_id=text(row[1]),
        kind=text(row[2]),
        prompt=text(row[3]),
        choices=unpack(row[4], _names) or (),
        position=cast("str | None", row[5]),
        asked_at=moment(row[6]),
        answer=cast("bytes | None", row[7]),
        answered_by=cast("str | None", row[8]),
        answered_at=instant(cast("float | None", row[9])),
    )


def worker_record(row: Row) -> WorkerRecord:
    """A worker from its columns."""
    return WorkerRecord(
        worker_id=text(row[0]),
        host=text(row[1]),
        pid=cast("int", row[2]),
        process_token=text(row[3]),
        boot_id=text(row[4]),
        lease_until=cast("float", row[5]),
        queues=unpack(row[6], _names) or (),
        started_at=moment(row[7]),
        renewed_at=moment(row[8]),
    )


def moment(value: Cell) -> datetime:
    """An instant that is always there."""
    return datetime.fromtimestamp(cast("float", value), UTC)
