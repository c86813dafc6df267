"""Steps in SQLite: how one is written, and reading them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.core.positions import sort_key
from perdure.core.records import StepRecord
from perdure.stores.sqlite import rows
from perdure.stores.sqlite.driver import Cell
from perdure.stores.sqlite.rows import RUN
from perdure.stores.sqlite.transaction import Transaction

if TYPE_CHECKING:
    from perdure.stores.sqlite.reader import Reader

STEP_FIELDS = (
    "phase, attempts, position, name, kind, status, fingerprint, started_at, completed_at, due_at, retry_at, opened,"
    " failure, result"
)
STEP_VALUES = ", ".join("?" * (STEP_FIELDS.count(",") + 1))
_OF_RUN = "id BETWEEN ? AND ?"
_LIST = f"SELECT {rows.STEP_COLUMNS} FROM steps WHERE {_OF_RUN} ORDER BY id"
_COUNT = f"SELECT count(*) FROM steps WHERE {_OF_RUN} AND phase = 3"


def step_values(step: StepRecord, phase: int) -> tuple[Cell, ...]:
    """A step's columns, as in STEP_FIELDS."""
    return (
        phase,
        step.attempts,
        step.position,
        step.name,
        step.kind,
        step.status,
        step.fingerprint,
        step.started,
        step.completed,
        step.due,
        step.retry,
        step.opened,
        rows.pack(step.failure) if step.failure else None,
        step.result,
    )


def list_steps(tx: Transaction, run: int) -> list[StepRecord]:
    """The steps of a run, by its number, in the order in which they were first written."""
    return [rows.step_record(row) for row in tx.rows(_LIST, rows.span(run))]


def _list(tx: Transaction, tenant: str | None, run_id: str) -> list[StepRecord]:
    return list_steps(tx, tx.number(f"SELECT {RUN}", (tenant or "", run_id)))


class Steps:
    """Reading steps."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def list(self, run_id: str, *, tenant: str | None) -> list[StepRecord]:
        steps = await self._reader.run(_list, tenant, run_id)
        return sorted(steps, key=lambda step: sort_key(step.position))

    async def count(self, run_id: str, *, tenant: str | None) -> int:
        tx = self._reader.tx
        run = tx.number(f"SELECT {RUN}", (tenant or "", run_id))
        return tx.number(_COUNT, rows.span(run))
