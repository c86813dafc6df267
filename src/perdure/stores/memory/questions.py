"""Questions in memory."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from perdure.core.records import Question
from perdure.errors import QuestionAnswered, QuestionNotFound
from perdure.stores import topics
from perdure.stores.memory.edges import deliver
from perdure.stores.memory.state import State
from perdure.stores.port import Answer, Ask


def ask(state: State, operation: Ask) -> None:
    """Apply Ask."""
    question = operation.question
    if question.question_id not in state.questions:
        state.questions[question.question_id] = question
        state.news.add(topics.QUESTIONS)


def answer(state: State, operation: Answer) -> Question:
    """Apply Answer."""
    question = state.questions.get(operation.question_id)
    if question is None:
        raise QuestionNotFound(operation.question_id)
    if question.answered_at is not None:
        raise QuestionAnswered(operation.question_id)
    answered = msgspec.structs.replace(
        question, answer=operation.answer, answered_by=operation.by, answered_at=operation.at
    )
    state.questions[question.question_id] = answered
    deliver(state, question.run_id, question.event_key, operation.answer, operation.at, operation.by)
    state.news.add(topics.QUESTIONS)
    return answered


class Questions:
    """Reading questions."""

    def __init__(self, look: Callable[[], State]) -> None:
        self._look = look

    async def get(self, question_id: str) -> Question | None:
        return self._look().questions.get(question_id)

    async def list(self, *, run_id: str | None = None, open_only: bool = True, limit: int = 100) -> list[Question]:
        found = [
            question
            for question in self._look().questions.values()
            if run_id in {None, question.run_id} and not (open_only and question.answered_at)
        ]
        return sorted(found, key=lambda question: question.asked_at)[:limit]
