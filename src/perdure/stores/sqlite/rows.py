"""Rows to records and back. Column lists stand here once, in the order in which the rows are read."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TypeVar, cast

import msgspec

from perdure.core.clock import instant
from perdure.core.failures import Failure
from perdure.core.manifest import Outcome
from perdure.core.records import EventRecord, Question, RunRecord, RunStatus, StepRecord, StepStatus, WorkerRecord
from perdure.stores.sqlite.driver import Cell, Row

T = TypeVar("T")

RUN_COLUMNS = (
    "run_id, workflow, status, queue, project_id, scenario_id, tenant, version, manifest_hash, seed, tags, token, rev,"
    " inbox, worker_id, takeovers, due_at, waiting_for, created_at, updated_at, completed_at, failure, outcome,"
    " cancel_reason, cancel_by, parent_id, parent_key, thread_id"
)
STEP_COLUMNS = (
    "position, name, kind, status, attempts, fingerprint, started_at, completed_at, due_at, retry_at, failure, result"
)
EVENT_COLUMNS = "run_id, key, payload, emitted_at, emitted_by"
QUESTION_COLUMNS = "question_id, run_id, kind, prompt, choices, position, asked_at, answer, answered_by, answered_at"
WORKER_COLUMNS = "worker_id, host, pid, process_token, boot_id, lease_until, queues, started_at, renewed_at"

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
    """A run from its columns."""
    return RunRecord(
        run_id=text(row[0]),
        workflow=text(row[1]),
        status=cast("RunStatus", row[2]),
        queue=text(row[3]),
        project_id=text(row[4]),
        scenario_id=cast("str | None", row[5]),
        tenant=cast("str | None", row[6]),
        version=cast("str | None", row[7]),
        manifest_hash=text(row[8]),
        seed=text(row[9]),
        tags=unpack(row[10], _tags) or {},
        token=cast("int", row[11]),
        rev=cast("int", row[12]),
        inbox=cast("int", row[13]),
        worker_id=cast("str | None", row[14]),
        takeovers=cast("int", row[15]),
        due_at=instant(cast("float | None", row[16])),
        waiting_for=unpack(row[17], _names) or (),
        created_at=moment(row[18]),
        updated_at=moment(row[19]),
        completed_at=instant(cast("float | None", row[20])),
        failure=unpack(row[21], _failure),
        outcome=unpack(row[22], _outcome),
        cancel_reason=cast("str | None", row[23]),
        cancel_by=instant(cast("float | None", row[24])),
        parent_id=cast("str | None", row[25]),
        parent_key=cast("str | None", row[26]),
        thread_id=cast("str | None", row[27]),
        result=result,
    )


def step_record(row: Row) -> StepRecord:
    """A step from its columns."""
    return StepRecord(
        position=text(row[0]),
        name=text(row[1]),
        kind=text(row[2]),
        status=cast("StepStatus", row[3]),
        attempts=cast("int", row[4]),
        fingerprint=cast("str | None", row[5]),
        started_at=moment(row[6]),
        completed_at=instant(cast("float | None", row[7])),
        due_at=instant(cast("float | None", row[8])),
        retry_at=instant(cast("float | None", row[9])),
        failure=unpack(row[10], _failure),
        result=cast("bytes | None", row[11]),
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
