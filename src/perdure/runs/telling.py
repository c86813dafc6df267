"""Telling an observer and the log: what they raise is logged where that is possible, and changes nothing."""

from __future__ import annotations

import logging
from collections.abc import Callable

from perdure.core.failures import class_name, is_expected
from perdure.core.guarding import exact
from perdure.core.observe import Observer
from perdure.core.records import RunRecord, RunStatus, StepRecord
from perdure.core.states import FINAL
from perdure.runs.interrupts import shielded

_log = logging.getLogger("perdure.worker")


class Telling:
    """One observer, or none."""

    def __init__(self, observer: Observer | None) -> None:
        self._observer = observer

    def run_started(self, run_id: str, workflow: str, token: int) -> None:
        """An attempt of a run has begun."""
        observer = self._observer
        if observer is not None:
            _tell(lambda: observer.run_started(run_id, workflow, token))

    def run_ended(self, run_id: str, workflow: str, status: RunStatus) -> None:
        """An attempt of a run has ended, and left it in this status."""
        observer = self._observer
        if observer is not None:
            _tell(lambda: observer.run_ended(run_id, workflow, status))

    def step_ended(self, run_id: str, record: StepRecord) -> None:
        """A step has ended."""
        observer = self._observer
        failure = record.failure if record.status in FINAL else None  # in doubt it has an earlier one's
        if observer is not None:
            _tell(
                lambda: observer.step_ended(run_id, record.position, record.name, record.kind, record.attempts, failure)
            )


def log_raised(run: RunRecord, error: BaseException) -> None:
    """A workflow raised: visible by default, with a traceback where nobody foresaw it."""
    text = shielded(lambda: exact(repr(error)), lambda _: class_name(error))
    trace = None if shielded(lambda: is_expected(error), lambda _: False) else error
    log_anyhow(lambda: _log.warning("run %s (%s) failed: %s", run.run_id, run.workflow, text, exc_info=trace))


def log_anyhow(log: Callable[[], None]) -> None:
    """Log what user code raised; a traceback asks the exception, and a handler may be the user's."""
    shielded(log, lambda _: None)


def _tell(tell: Callable[[], None]) -> None:
    shielded(tell, lambda error: log_anyhow(lambda: _log.error("an observer failed", exc_info=error)))
