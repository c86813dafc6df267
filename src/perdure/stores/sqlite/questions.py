"""Reading questions in SQLite."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.core.records import Question
from perdure.stores.port import EVERY_TENANT, EveryTenant
from perdure.stores.sqlite import rows
from perdure.stores.sqlite.driver import Cell
from perdure.stores.sqlite.rows import RUN

if TYPE_CHECKING:
    from perdure.stores.sqlite.reader import Reader

_SELECT = f"SELECT {rows.QUESTION_COLUMNS} FROM questions"
_OF_RUNS = "CROSS JOIN runs ON runs.id = questions.run WHERE"
_ONE = f"{_SELECT} {_OF_RUNS} questions.tenant = ? AND question_id = ?"


class Questions:
    """Reading questions."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def get(self, question_id: str, *, tenant: str | None) -> Question | None:
        row = self._reader.tx.row(_ONE, (tenant or "", question_id))
        return rows.question(row) if row else None

    async def list(
        self, *, tenant: str | EveryTenant | None, run_id: str | None = None, open_only: bool = True, limit: int = 100
    ) -> list[Question]:
        conditions, values = list[str](), list[Cell]()
        if tenant is not EVERY_TENANT:
            conditions.append("questions.tenant = ?")
            values.append(tenant or "")
        if run_id is not None and tenant is not EVERY_TENANT:
            conditions.append(f"run = {RUN}")
            values += (tenant or "", run_id)
        elif run_id is not None:
            conditions.append("run IN (SELECT id FROM runs WHERE run_id = ?)")
            values.append(run_id)
        if open_only:
            conditions.append("answered_at IS NULL AND closed_at IS NULL")
        if run_id is not None:
            index = "questions_run"
        elif open_only:
            index = "questions_open"
        else:
            index = "questions_asked" if tenant is EVERY_TENANT else "questions_tenant"
        wanted = " AND ".join(conditions) or "TRUE"
        sql = f"{_SELECT} INDEXED BY {index} {_OF_RUNS} {wanted} ORDER BY asked_at, questions.id LIMIT ?"
        return [rows.question(row) for row in self._reader.tx.rows(sql, (*values, limit))]
