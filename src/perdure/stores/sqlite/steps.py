"""Steps in SQLite."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.core.positions import sort_key
from perdure.core.records import StepRecord
from perdure.errors import StepFinal
from perdure.stores.sqlite import rows
from perdure.stores.sqlite.transaction import Transaction

if TYPE_CHECKING:
    from perdure.stores.port import PutStep
    from perdure.stores.sqlite.reader import Reader

# One statement for a new row and for a changed one: the WHERE is what makes an outcome final.
_PUT = (
    "INSERT INTO steps (run_id, position, name, kind, status, attempts, fingerprint, started_at, completed_at, due_at,"
    " retry_at, failure, result) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (run_id, position) DO UPDATE SET status = excluded.status, attempts = excluded.attempts,"
    " started_at = excluded.started_at, completed_at = excluded.completed_at, due_at = excluded.due_at,"
    " retry_at = excluded.retry_at, failure = excluded.failure, result = excluded.result"
    " WHERE steps.status IN ('running', 'in_doubt')"
)
_LIST = f"SELECT {rows.STEP_COLUMNS} FROM steps WHERE run_id = ?"


def put_step(tx: Transaction, operation: PutStep) -> None:
    """Apply PutStep."""
    step = operation.step
    tx.run(
        _PUT,
        (
            operation.run_id,
            step.position,
            step.name,
            step.kind,
            step.status,
            step.attempts,
            step.fingerprint,
            step.started_at.timestamp(),
            step.completed_at.timestamp() if step.completed_at else None,
            step.due_at.timestamp() if step.due_at else None,
            step.retry_at.timestamp() if step.retry_at else None,
            rows.pack(step.failure) if step.failure else None,
            step.result,
        ),
    )
    if not tx.changed():
        raise StepFinal(operation.run_id, step.position)


def list_steps(tx: Transaction, run_id: str) -> list[StepRecord]:
    """A run's steps, in the order of their positions."""
    steps = [rows.step_record(row) for row in tx.rows(_LIST, (run_id,))]
    return sorted(steps, key=lambda step: sort_key(step.position))


class Steps:
    """Reading steps."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def list(self, run_id: str) -> list[StepRecord]:
        return await self._reader.run(list_steps, run_id)
