"""Steps: a row each, written once or twice, final once it has an outcome."""

from __future__ import annotations

from typing import Protocol

import msgspec

from perdure.core.records import StepRecord


class PutStep(msgspec.Struct, frozen=True, gc=False):
    """Write a step's row as it is now. Needs the lease.

    A step that ends counts as progress: the run's takeovers start from 0 again.
    Raises: StepFinal where the row is completed or failed already: a committed outcome never changes.
    """

    run_id: str
    step: StepRecord


class StepReads(Protocol):
    """Reading steps."""

    async def list(self, run_id: str) -> list[StepRecord]:
        """A run's steps, in the order of their positions."""
        ...
