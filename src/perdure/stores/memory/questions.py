"""Reading questions in memory."""

from __future__ import annotations

from collections.abc import Callable

from perdure.core.records import Question
from perdure.stores.memory.state import State
from perdure.stores.port import EVERY_TENANT, EveryTenant


class Questions:
    """Reading questions."""

    def __init__(self, look: Callable[[], State]) -> None:
        self._look = look

    async def get(self, question_id: str, *, tenant: str | None) -> Question | None:
        return self._look().questions.get((tenant, question_id))

    async def list(
        self, *, tenant: str | EveryTenant | None, run_id: str | None = None, open_only: bool = True, limit: int = 100
    ) -> list[Question]:
        found = [
            question
            for question in self._look().questions.values()
            if tenant in {EVERY_TENANT, question.tenant}
            and run_id in {None, question.run_id}
            and not (open_only and (question.answered_at or question.closed_at))
        ]
        return sorted(found, key=lambda question: question.asked_at)[:limit]
