"""Reading steps."""

from __future__ import annotations

from typing import Protocol

from perdure.core.records import StepRecord


class StepReads(Protocol):
    """Reading steps."""

    async def list(self, run_id: str, *, tenant: str | None) -> list[StepRecord]:
        """A run's steps, in the order of their positions."""
        ...

    async def count(self, run_id: str, *, tenant: str | None) -> int:
        """How many steps of a run have an outcome."""
        ...
