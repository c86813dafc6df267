"""Reading questions."""

from __future__ import annotations

from typing import Protocol

from perdure.core.records import Question
from perdure.stores.port.tenants import EveryTenant


class QuestionReads(Protocol):
    """Reading questions."""

    async def get(self, question_id: str, *, tenant: str | None) -> Question | None:
        """The question, or None."""
        ...

    async def list(
        self, *, tenant: str | EveryTenant | None, run_id: str | None = None, open_only: bool = True, limit: int = 100
    ) -> list[Question]:
        """Questions, the oldest first; of one run where given. One that its run's end has closed is not open."""
        ...
