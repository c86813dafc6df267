"""Questions: what a run asks a person, and the answer, which comes to it as an event."""

from __future__ import annotations

from datetime import datetime

import msgspec

from perdure.core.records import Question


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """Add a question of the run. A holder's.

    Key: the question's id: one that is there stays as it is.
    Raises: LeaseLost where it is of another run.
    """

    question: Question


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """Answer a question, and emit the answer to its run, in one transaction. For anybody.

    Shape: the question as it is now.
    Key: `answer_id`, made once for each call.
    Raises: QuestionNotFound; QuestionAnswered where it has another answer, or its run has ended.
    """

    tenant: str | None
    question_id: str
    answer: bytes
    answer_id: str
    by: str | None
    at: datetime
