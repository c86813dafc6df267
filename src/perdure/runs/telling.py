"""Telling an observer: what it raises is logged, and changes nothing."""

from __future__ import annotations

import logging
from collections.abc import Callable

from perdure.core.observe import Observer
from perdure.core.records import RunStatus, StepRecord
from perdure.core.states import FINAL

_log = logging.getLogger("perdure.worker")


class Telling:
    """One observer, or none."""

    def __init__(self, observer: Observer | None) -> None:
        self._observer = observer

    def run_started(self, run_id: str, workflow: str, token: int) -> None:
        """An attempt of a run has begun."""
        if self._observer is not None:
            _tell(self._observer.run_started, run_id, workflow, token)

    def run_ended(self, run_id: str, workflow: str, status: RunStatus) -> None:
        """An attempt of a run has ended, and left it in this status."""
        if self._observer is not None:
            _tell(self._observer.run_ended, run_id, workflow, status)

    def step_ended(self, run_id: str, record: StepRecord) -> None:
        """A step has ended."""
        if self._observer is not None:
            tell = self._observer.step_ended
            failure = record.failure if record.status in FINAL else None  # in doubt it has an earlier one's
            _tell(tell, run_id, record.position, record.name, record.kind, record.attempts, failure)


def _tell(tell: Callable[..., None], *args: object) -> None:
    try:
        tell(*args)
    except Exception:
        _log.exception("an observer failed")
