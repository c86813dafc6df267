"""How a run, a step or a wait ended: raised where its result is awaited, the first time and on every replay."""

from __future__ import annotations

from typing import Any

from perdure.errors.base import PerdureError


class OutcomeError(PerdureError):
    """The result that was awaited is not a value."""


class RunFailed(OutcomeError):
    """The run ended as failed.

    Shape: `cause_type`, `cause_code` and `message` are what its function raised; `data` holds the typed fields of an
    error of perdure by name (a model's `status`, `retry_after`, `detail`), or the `data` attribute of any other.
    """

    code = "run_failed"

    def __init__(
        self,
        run_id: str,
        cause_type: str,
        message: str,
        reason: str = "error",
        cause_code: str = "",
        data: object = None,
    ) -> None:
        super().__init__(f"run {run_id!r} failed ({reason}): {cause_type}: {message}")
        self.run_id, self.cause_type, self.message, self.reason = run_id, cause_type, message, reason
        self.cause_code = cause_code
        self.data: Any = data


class RunCancelled(OutcomeError):
    """The run was cancelled."""

    code = "run_cancelled"

    def __init__(self, run_id: str, reason: str = "") -> None:
        super().__init__(f"run {run_id!r} was cancelled" + (f": {reason}" if reason else ""))
        self.run_id, self.reason = run_id, reason


class StepFailed(OutcomeError):
    """A step's final failure; a replay raises what the first execution raised."""

    code = "step_failed"

    def __init__(
        self,
        step: str,
        position: str,
        cause_type: str,
        message: str,
        data: object = None,
        attempts: int = 1,
        cause_code: str = "",
    ) -> None:
        super().__init__(f"step {step!r} ({position}) failed: {cause_type}: {message}")
        self.step, self.position, self.cause_type, self.message = step, position, cause_type, message
        self.data: Any = data
        self.attempts, self.cause_code = attempts, cause_code
        self.positions: tuple[str, ...] = (position,)


class StepTimedOut(StepFailed):
    """A step ran past its timeout; whether its effect happened is not known."""

    code = "step_timed_out"


class StepInDoubt(StepFailed):
    """A step began and nobody saw its end, and its policy is not to run it again."""

    code = "step_in_doubt"


class EventTimeout(OutcomeError):
    """No event came before the deadline."""

    code = "event_timeout"

    def __init__(self, key: str, position: str = "") -> None:
        super().__init__(f"no event {key!r} came in time")
        self.key, self.position = key, position
        self.positions: tuple[str, ...] = (position,)


class ChildFailed(OutcomeError):
    """A child run ended as failed or cancelled."""

    code = "child_failed"

    def __init__(
        self,
        run_id: str,
        status: str,
        cause_type: str,
        message: str,
        position: str = "",
        cause_code: str = "",
        data: object = None,
    ) -> None:
        super().__init__(f"child run {run_id!r} {status}: {cause_type}: {message}")
        self.run_id, self.status, self.cause_type, self.message = run_id, status, cause_type, message
        self.cause_code = cause_code
        self.data: Any = data
        self.positions: tuple[str, ...] = (position,)
