"""Runs in SQLite."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, cast

import msgspec

from perdure.core.children import next_key
from perdure.core.clock import epoch
from perdure.core.positions import to_place
from perdure.core.records import Loaded, RunRecord, RunStatus
from perdure.core.states import ENDED, OWNED, RunCause
from perdure.errors import InboxMoved, RunInputMismatch, RunStateWrong
from perdure.stores import topics
from perdure.stores.port.runs import Created
from perdure.stores.sqlite import rows
from perdure.stores.sqlite.driver import Cell
from perdure.stores.sqlite.edges import find, follow, get, move
from perdure.stores.sqlite.events import list_events
from perdure.stores.sqlite.steps import list_steps
from perdure.stores.sqlite.streams import head
from perdure.stores.sqlite.transaction import Transaction

if TYPE_CHECKING:
    from perdure.stores.port import (
        CancelRun,
        CreateRun,
        DeleteRun,
        FinishRun,
        ReleaseRun,
        RestartRun,
        SealRun,
        SuspendRun,
    )
    from perdure.stores.sqlite.reader import Reader

_CREATE = (
    "INSERT INTO runs (run_id, workflow, status, queue, project_id, scenario_id, tenant, version, manifest_hash, seed,"
    " tags, due_at, created_at, updated_at, parent_id, parent_key, thread_id)"
    " VALUES (?, ?, 'queued', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
)
_MANIFEST = "INSERT INTO manifests (run_id, body) VALUES (?, ?)"
_CHILDREN = f"SELECT {rows.RUN_COLUMNS} FROM runs WHERE parent_id = ?"
_NUMBER = "(SELECT id FROM runs WHERE run_id = ?)"
_OWN = {"steps": f"run = {_NUMBER}"} | dict.fromkeys(
    ("events", "questions", "chunks", "manifests", "runs"), "run_id = ?"
)
_OVERDUE = "SELECT run_id FROM runs WHERE status = 'cancelling' AND cancel_by <= ? ORDER BY cancel_by"
_STATUS = "SELECT status FROM runs WHERE run_id = ?"
_INBOXES = "SELECT run_id, inbox FROM runs WHERE run_id IN (SELECT value FROM json_each(?))"
_REOPEN = (
    "UPDATE steps SET status = 'running', retry_at = ?, completed_at = NULL"
    f" WHERE run = {_NUMBER} AND place = ? AND status = 'failed'"
)
_ENDINGS: dict[RunStatus, RunCause] = {"completed": "complete", "failed": "fail", "cancelled": "seal"}


def create_run(tx: Transaction, operation: CreateRun) -> Created:
    """Apply CreateRun."""
    at = epoch(operation.at)
    tx.run(
        _CREATE,
        (
            operation.run_id,
            operation.workflow,
            operation.queue,
            operation.project_id,
            operation.scenario_id,
            operation.tenant,
            operation.version,
            operation.manifest_hash,
            operation.seed,
            rows.pack(operation.tags),
            at,
            at,
            at,
            operation.parent_id,
            operation.parent_key,
            operation.thread_id,
        ),
    )
    if not tx.changed():
        run = get(tx, operation.run_id)
        if run.manifest_hash != operation.manifest_hash:
            raise RunInputMismatch(run.run_id, run.manifest_hash, operation.manifest_hash)
        return Created(run, existed=True)
    tx.run(_MANIFEST, (operation.run_id, operation.manifest))
    run = _created(operation)
    follow(tx, None, run, operation.at)
    return Created(run, existed=False)


def _created(operation: CreateRun) -> RunRecord:
    return RunRecord(
        run_id=operation.run_id,
        workflow=operation.workflow,
        status="queued",
        queue=operation.queue,
        project_id=operation.project_id,
        scenario_id=operation.scenario_id,
        tenant=operation.tenant,
        version=operation.version,
        manifest_hash=operation.manifest_hash,
        seed=operation.seed,
        tags=operation.tags,
        due_at=operation.at,
        parent_id=operation.parent_id,
        parent_key=operation.parent_key,
        thread_id=operation.thread_id,
        created_at=operation.at,
        updated_at=operation.at,
    )


def suspend_run(tx: Transaction, operation: SuspendRun) -> None:
    """Apply SuspendRun."""
    run = get(tx, operation.run_id)
    if run.inbox != operation.inbox:
        raise InboxMoved(run.run_id)
    move(
        tx,
        run,
        "suspend",
        operation.at,
        worker_id=None,
        due_at=operation.due_at,
        waiting_for=operation.waiting_for,
    )


def release_run(tx: Transaction, operation: ReleaseRun) -> None:
    """Apply ReleaseRun."""
    move(tx, get(tx, operation.run_id), "release", operation.at, worker_id=None, due_at=operation.at)


def finish_run(tx: Transaction, operation: FinishRun) -> None:
    """Apply FinishRun."""
    move(
        tx,
        get(tx, operation.run_id),
        _ENDINGS[operation.status],
        operation.at,
        result=operation.result,
        failure=operation.failure,
        outcome=operation.outcome,
    )


def cancel_run(tx: Transaction, operation: CancelRun) -> RunRecord:
    """Apply CancelRun."""
    run = get(tx, operation.run_id)
    if run.status not in ENDED and run.status != "cancelling":
        run = _cancel(tx, run, operation)
    for row in tx.rows(_CHILDREN, (operation.run_id,)):
        cancel_run(tx, _for(operation, rows.run_record(row)))
    return run


def _cancel(tx: Transaction, run: RunRecord, operation: CancelRun) -> RunRecord:
    reason, inbox = operation.reason or None, run.inbox + 1
    if run.status in OWNED:
        return move(
            tx, run, "cancel_owned", operation.at, inbox=inbox, cancel_reason=reason, cancel_by=operation.cancel_by
        )
    return move(tx, run, "cancel", operation.at, inbox=inbox, cancel_reason=reason)


def _for(operation: CancelRun, child: RunRecord) -> CancelRun:
    return type(operation)(run_id=child.run_id, at=operation.at, cancel_by=operation.cancel_by, reason=operation.reason)


def seal_run(tx: Transaction, operation: SealRun) -> RunRecord:
    """Apply SealRun."""
    run = get(tx, operation.run_id)
    if run.status != "cancelling" or run.cancel_by is None or operation.at < run.cancel_by:
        return run
    return move(tx, run, "seal", operation.at, token=run.token + 1)


def restart_run(tx: Transaction, operation: RestartRun) -> RunRecord:
    """Apply RestartRun."""
    run = get(tx, operation.run_id)
    for position in operation.reopen:
        tx.run(_REOPEN, (epoch(operation.at), run.run_id, to_place(position)))
    return move(
        tx,
        run,
        "restart",
        operation.at,
        due_at=operation.at,
        takeovers=0,
        failure=None,
        outcome=None,
        completed_at=None,
        parent_key=next_key(run.parent_key),
        inbox=run.inbox + 1,
    )


def delete_run(tx: Transaction, operation: DeleteRun) -> None:
    """Apply DeleteRun."""
    run = get(tx, operation.run_id)
    if run.status not in ENDED:
        raise RunStateWrong(run.run_id, run.status, "cancel it first")
    erase(tx, run)


def erase(tx: Transaction, run: RunRecord) -> None:
    """Remove a run's rows, whatever its status."""
    for table, of_the_run in _OWN.items():
        tx.run(f"DELETE FROM {table} WHERE {of_the_run}", (run.run_id,))
    tx.topics.update(topics.of_deletion(run))


def loaded(tx: Transaction, run: RunRecord) -> Loaded:
    """A run with what its replay needs; a run that nobody wrote to yet has nothing to read."""
    manifest = tx.row("SELECT body FROM manifests WHERE run_id = ?", (run.run_id,))
    return Loaded(
        run,
        cast("bytes", manifest[0]) if manifest else b"",
        tuple(list_steps(tx, run.run_id)) if run.rev else (),
        tuple(list_events(tx, run.run_id)) if run.inbox else (),
        head(tx, run.run_id) if run.rev else 0,
    )


def _load(tx: Transaction, run_id: str) -> Loaded | None:
    run = find(tx, run_id)
    return loaded(tx, run) if run else None


class Runs:
    """Reading runs."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def get(self, run_id: str) -> RunRecord | None:
        return find(self._reader.tx, run_id)

    async def load(self, run_id: str) -> Loaded | None:
        return await self._reader.run(_load, run_id)

    async def status(self, run_id: str) -> RunStatus | None:
        row = self._reader.tx.row(_STATUS, (run_id,))
        return cast("RunStatus", row[0]) if row else None

    async def inboxes(self, run_ids: Sequence[str]) -> dict[str, int]:
        found = self._reader.tx.rows(_INBOXES, (msgspec.json.encode(run_ids).decode(),))
        return dict(cast("list[tuple[str, int]]", found))

    async def overdue(self, at: datetime) -> list[str]:
        return [rows.text(row[0]) for row in self._reader.tx.rows(_OVERDUE, (at.timestamp(),))]

    async def list(
        self,
        *,
        status: tuple[RunStatus, ...] = (),
        workflow: str | None = None,
        queue: str | None = None,
        thread_id: str | None = None,
        parent_id: str | None = None,
        before: tuple[datetime, str] | None = None,
        limit: int = 100,
    ) -> list[RunRecord]:
        wanted = {"workflow": workflow, "queue": queue, "thread_id": thread_id, "parent_id": parent_id}
        conditions = [f"{column} = ?" for column, value in wanted.items() if value is not None]
        values: list[Cell] = [value for value in wanted.values() if value is not None]
        if status:
            conditions.append(f"status IN ({', '.join('?' * len(status))})")
            values += status
        if before is not None:
            conditions.append("(created_at, run_id) < (?, ?)")
            values += (before[0].timestamp(), before[1])
        where = f"WHERE {' AND '.join(conditions)} " if conditions else ""
        sql = f"SELECT {rows.RUN_COLUMNS} FROM runs {where}ORDER BY created_at DESC, run_id DESC LIMIT ?"
        return [rows.run_record(row) for row in self._reader.tx.rows(sql, (*values, limit))]
