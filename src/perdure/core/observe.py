"""What can be watched from outside: spans, metrics and hooks implement this; the engine pays nothing for nobody."""

from __future__ import annotations

from typing import Protocol

from perdure.core.failures import Failure
from perdure.core.records import RunStatus


class Observer(Protocol):
    """Told what an executor does, on its loop, after the fact. What it raises is logged and changes nothing."""

    def run_started(self, run_id: str, workflow: str, token: int) -> None:
        """A worker began or resumed an attempt."""
        ...

    def step_ended(
        self, run_id: str, position: str, name: str, kind: str, attempts: int, failure: Failure | None
    ) -> None:
        """A step's outcome was committed; never called for a replay."""
        ...

    def run_ended(self, run_id: str, workflow: str, status: RunStatus) -> None:
        """The run left the worker: suspended, released or at its end."""
        ...
