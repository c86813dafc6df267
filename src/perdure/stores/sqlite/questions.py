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

_SELECT = f"SELECT {rows.QUESTION_COLUMNS} FROM questions CROSS JOIN runs ON runs.id = questions.run WHERE "


class Questions:
    """Reading questions."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def get(self, question_id: str, *, tenant: str | None) -> Question | None:
        row = self._reader.tx.row(f"{_SELECT} questions.tenant = ? AND question_id = ?", (tenant or "", question_id))
        return rows.question(row) if row else None

    async def list(
        self, *, tenant: str | EveryTenant | None, run_id: str | None = None, open_only: bool = True, limit: int = 100
    ) -> list[Question]:
        conditions, values = list[str](), list[Cell]()
        if tenant is not EVERY_TENANT:
            conditions.append("questions.tenant = ?" + (" AND questions.tenant <> ''" if tenant else ""))
            values.append(tenant or "")
        if run_id is not None and tenant is not EVERY_TENANT:
            conditions.append(f"run = {RUN}")
            values += (tenant or "", run_id)
        elif run_id is not None:
            conditions.append("run IN (SELECT id FROM runs WHERE run_id = ?)")
            values.append(run_id)
        if open_only:
            conditions.append("answered_at IS NULL AND closed_at IS NULL")
        sql = f"{_SELECT}{' AND '.join(conditions) or 'TRUE'} ORDER BY asked_at, questions.id LIMIT ?"
        return [rows.question(row) for row in self._reader.tx.rows(sql, (*values, limit))]
