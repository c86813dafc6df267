"""Questions: what a run asks a person, and the answer, which comes to it as an event."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

import msgspec

from perdure.core.records import Question


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """Add a question of a run, unless it is there already (by its id). Needs the lease."""

    question: Question


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """Answer a question, and emit the answer to its run under `question:ID`, in one transaction. For anybody.

    Shape: the question as it is now.
    Raises: QuestionNotFound; QuestionAnswered where it has an answer: the first one stays.
    """

    question_id: str
    answer: bytes
    by: str | None
    at: datetime


class QuestionReads(Protocol):
    """Reading questions."""

    async def get(self, question_id: str) -> Question | None:
        """The question, or None."""
        ...

    async def list(self, *, run_id: str | None = None, open_only: bool = True, limit: int = 100) -> list[Question]:
        """Questions, the oldest first; of one run where given."""
        ...
