"""Calls of an observer and of the log: what they raise is logged where that is possible, and changes nothing."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from perdure.core.failures import is_expected
from perdure.core.guarding import is_of
from perdure.core.observe import Observer
from perdure.core.records import RunRecord, RunStatus, StepRecord
from perdure.core.states import FINAL
from perdure.errors import ReplayError
from perdure.runs.failing import failure_from, in_one_line
from perdure.runs.interrupts import shielded

_SHOWN = 5
_log = logging.getLogger("perdure.worker")


class ObserverCalls:
    """Calls one observer, or none."""

    def __init__(self, observer: Observer | None) -> None:
        self._observer = observer

    def run_started(self, run_id: str, workflow: str, token: int) -> None:
        """An attempt of a run has begun."""
        observer = self._observer
        if observer is not None:
            _tell(f"run {run_id}", lambda: observer.run_started(run_id, workflow, token))

    def run_ended(self, run_id: str, workflow: str, status: RunStatus) -> None:
        """An attempt of a run has ended, and left it in this status."""
        observer = self._observer
        if observer is not None:
            _tell(f"run {run_id}", lambda: observer.run_ended(run_id, workflow, status))

    def step_ended(self, run_id: str, record: StepRecord) -> None:
        """A step has ended."""
        observer = self._observer
        failure = record.failure if record.status in FINAL else None  # in doubt it has an earlier one's
        if observer is not None:
            _tell(
                f"run {run_id}, step {record.name!r} ({record.position})",
                lambda: observer.step_ended(
                    run_id, record.position, record.name, record.kind, record.attempts, failure
                ),
            )


def log_raised(run: RunRecord, error: BaseException) -> None:
    """A workflow raised, or diverged: visible by default, with a traceback where nobody foresaw it."""
    how, raised = "failed", error
    if is_of(error, ReplayError):
        how, raised = "is parked", error.__cause__ or error
    trace = None if shielded(lambda: is_expected(raised), lambda _: False) else raised
    step = failure_from(error)
    where = f"; in step {step.step!r} ({step.positions[0]})" if step.step and step.positions else ""
    log_safely(lambda: _log_raised(f"run {run.run_id} ({run.workflow}) {how}: {in_one_line(error)}{where}", trace))


def _log_raised(text: str, error: BaseException | None) -> None:
    """Log a text; of the exception, formatters show what user code did, and handlers have all of it."""
    if not _log.isEnabledFor(logging.WARNING):
        return
    from perdure.runs.tracebacks import traceback_of  # noqa: PLC0415 - loaded with the first failure

    trace = None if error is None else (type(error), error, error.__traceback__)
    record = _log.makeRecord(_log.name, logging.WARNING, __file__, 0, "%s", (text,), trace, "log_raised")
    if error is not None:
        record.exc_text = traceback_of(error)
    _log.handle(record)


def log_safely(log: Callable[[], None]) -> None:
    """Log what user code raised; a traceback asks the exception, and a handler may be the user's."""
    shielded(log, lambda _: None)


def in_short(keys: Sequence[tuple[str | None, str]]) -> str:
    """Runs in one line of the log: the first by their ids, and how many there are."""
    ids = ", ".join(run_id for _, run_id in keys[:_SHOWN])
    return f"{len(keys)} runs ({ids}{', …' if len(keys) > _SHOWN else ''})"


def _tell(of: str, tell: Callable[[], None]) -> None:
    shielded(tell, lambda error: log_safely(lambda: _log.error("%s: an observer failed", of, exc_info=error)))
