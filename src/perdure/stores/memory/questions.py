"""Reading questions in memory."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice

from perdure.core.records import Question
from perdure.stores.memory.state import State
from perdure.stores.port import EveryTenant


class Questions:
    """Reading questions."""

    def __init__(self, look: Callable[[], State]) -> None:
        self._look = look

    async def get(self, question_id: str, *, tenant: str | None) -> Question | None:
        return self._look().questions.get((tenant, question_id))

    async def list(
        self, *, tenant: str | EveryTenant | None, run_id: str | None = None, open_only: bool = True, limit: int = 100
    ) -> list[Question]:
        questions = self._look().questions
        if run_id is None:
            return list(islice(questions.group("open" if open_only else "list", tenant), limit))
        asked = questions.group("run", tenant, run_id)
        found = (one for one in asked if not (open_only and (one.answered_at or one.closed_at)))
        return list(islice(found, limit))
