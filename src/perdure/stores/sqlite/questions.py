"""Questions in SQLite."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from perdure.core.clock import epoch
from perdure.core.records import Question
from perdure.errors import QuestionAnswered, QuestionNotFound
from perdure.stores import topics
from perdure.stores.sqlite import rows
from perdure.stores.sqlite.edges import deliver
from perdure.stores.sqlite.transaction import Transaction

if TYPE_CHECKING:
    from perdure.stores.port import Answer, Ask
    from perdure.stores.sqlite.reader import Reader

_ASK = (
    "INSERT INTO questions (question_id, run_id, kind, prompt, choices, position, asked_at)"
    " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
)
_ONE = f"SELECT {rows.QUESTION_COLUMNS} FROM questions WHERE question_id = ?"
_ANSWER = (
    "UPDATE questions SET answer = ?, answered_by = ?, answered_at = ? WHERE question_id = ? AND answered_at IS NULL"
)


def ask(tx: Transaction, operation: Ask) -> None:
    """Apply Ask."""
    asked = operation.question
    tx.run(
        _ASK,
        (
            asked.question_id,
            asked.run_id,
            asked.kind,
            asked.prompt,
            msgspec.json.encode(asked.choices),
            asked.position,
            epoch(asked.asked_at),
        ),
    )
    tx.topics.add(topics.QUESTIONS)


def answer(tx: Transaction, operation: Answer) -> Question:
    """Apply Answer."""
    question = _get(tx, operation.question_id)
    if question is None:
        raise QuestionNotFound(operation.question_id)
    tx.run(_ANSWER, (operation.answer, operation.by, epoch(operation.at), operation.question_id))
    if not tx.changed():
        raise QuestionAnswered(operation.question_id)
    deliver(tx, question.run_id, question.event_key, operation.answer, operation.at, operation.by)
    tx.topics.add(topics.QUESTIONS)
    return msgspec.structs.replace(
        question, answer=operation.answer, answered_by=operation.by, answered_at=operation.at
    )


def _get(tx: Transaction, question_id: str) -> Question | None:
    row = tx.row(_ONE, (question_id,))
    return rows.question(row) if row else None


class Questions:
    """Reading questions."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def get(self, question_id: str) -> Question | None:
        return _get(self._reader.tx, question_id)

    async def list(self, *, run_id: str | None = None, open_only: bool = True, limit: int = 100) -> list[Question]:
        sql = f"SELECT {rows.QUESTION_COLUMNS} FROM questions WHERE (?1 IS NULL OR run_id = ?1)"
        if open_only:
            sql += " AND answered_at IS NULL"
        return [rows.question(row) for row in self._reader.tx.rows(f"{sql} ORDER BY id LIMIT ?2", (run_id, limit))]
