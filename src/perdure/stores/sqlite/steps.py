"""Steps in SQLite."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from perdure.core.positions import to_place
from perdure.core.records import Lease, StepRecord
from perdure.errors import StepFinal
from perdure.stores.sqlite import rows
from perdure.stores.sqlite.driver import Cell
from perdure.stores.sqlite.guard import HELD
from perdure.stores.sqlite.schema import RUNS_NOW
from perdure.stores.sqlite.transaction import Transaction

if TYPE_CHECKING:
    from perdure.stores.port import PutStep
    from perdure.stores.sqlite.reader import Reader

# One statement for a new row and for a changed one: the WHERE at its end is what makes an outcome final.
_PUT = (
    "INSERT INTO steps (run, place, puts, name, kind, status, attempts, fingerprint, started_at, completed_at, due_at,"
    " retry_at, failure, result) SELECT id, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ? FROM {runs} WHERE {run}"
    " ON CONFLICT (run, place) DO UPDATE SET puts = steps.puts + excluded.puts, status = excluded.status,"
    " attempts = excluded.attempts, started_at = excluded.started_at, completed_at = excluded.completed_at,"
    " due_at = excluded.due_at, retry_at = excluded.retry_at, failure = excluded.failure, result = excluded.result"
    " WHERE steps.status IN ('running', 'in_doubt')"
)
_PUT_GUARDED = _PUT.format(runs="runs", run="run_id = ?")
_PUT_ALONE = _PUT.format(runs=RUNS_NOW, run=f"{HELD} AND takeovers = 0")
_LIST = f"SELECT {rows.STEP_COLUMNS} FROM steps WHERE run = (SELECT id FROM runs WHERE run_id = ?) ORDER BY place"


def put_step(tx: Transaction, operation: PutStep) -> None:
    """Apply PutStep."""
    tx.run(_PUT_GUARDED, (*_columns(operation.step, 0), operation.run_id))
    if not tx.changed():
        raise StepFinal(operation.run_id, operation.step.position)


def put_alone(tx: Transaction, operation: PutStep, lease: Lease) -> bool:
    """Apply a commit that is a PutStep and nothing else, its fence and its count included, by a single statement.

    It needs no transaction around it, not even to be sure of the schema's version.
    False, and nothing changed, where something is in the way, or where takeovers are to be set back.
    """
    tx.run(_PUT_ALONE, _alone(operation, lease))
    return tx.changed() == 1


def put_many(tx: Transaction, puts: Sequence[tuple[PutStep, Lease]]) -> bool:
    """Apply several such commits; false where something is in the way of one of them. Some are applied then."""
    changed = tx.changed_ever()
    tx.many(_PUT_ALONE, [_alone(operation, lease) for operation, lease in puts])
    return tx.changed_ever() - changed == len(puts)


def _alone(operation: PutStep, lease: Lease) -> tuple[Cell, ...]:
    return *_columns(operation.step, 1), lease.run_id, lease.token, lease.worker_id


def _columns(step: StepRecord, puts: int) -> tuple[Cell, ...]:
    return (
        to_place(step.position),
        puts,
        step.name,
        step.kind,
        step.status,
        step.attempts,
        step.fingerprint,
        step.started,
        step.completed,
        step.due,
        step.retry,
        rows.pack(step.failure) if step.failure else None,
        step.result,
    )


def list_steps(tx: Transaction, run_id: str) -> list[StepRecord]:
    """A run's steps, in the order of their positions."""
    return [rows.step_record(row) for row in tx.rows(_LIST, (run_id,))]


class Steps:
    """Reading steps."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def list(self, run_id: str) -> list[StepRecord]:
        return await self._reader.run(list_steps, run_id)
