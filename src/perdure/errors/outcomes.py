"""How a run, a step or a wait ended: raised where its result is awaited, the first time and on every replay."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from perdure.errors.base import PerdureError

_module: Callable[[type], object] = vars(type)["__module__"].__get__
_qualname: Callable[[type], str] = vars(type)["__qualname__"].__get__


class OutcomeError(PerdureError):
    """The result that was awaited is not a value."""

    cause_type = ""
    causes: tuple[str, ...] = ()

    def is_a(self, kind: type[BaseException] | str) -> bool:
        """Whether what was raised is of a class, or of one below it: `failed.is_a(Declined)`.

        What was raised comes back as data, in any process, so that `except Declined` never matches.
        Shape: a class, or its name with or without the module. A class of `__main__` is that of any module.
        """
        if isinstance(kind, str):
            return kind == self.cause_type or any(kind in {cause, _bare(cause)} for cause in self.causes)
        if not self.causes:
            return kind.__name__ == self.cause_type
        wanted = qualified(kind)
        return any(wanted == cause or _are_one(wanted, cause) for cause in self.causes)


def qualified(kind: type[BaseException]) -> str:
    """A class's name with its module, whatever a metaclass of the user's may say."""
    return f"{_module(kind)}.{_qualname(kind)}"


def _are_one(wanted: str, cause: str) -> bool:
    """A program's own module is `__main__` where it was started, and has its name where it was imported."""
    return "__main__." in {wanted[:9], cause[:9]} and _bare(wanted) == _bare(cause)


def _bare(name: str) -> str:
    return name.rpartition(".")[2]


def _said(cause_type: str, message: str) -> str:
    return f"{cause_type}: {message}" if message else cause_type


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
        *,
        step: str = "",
        position: str = "",
        causes: tuple[str, ...] = (),
    ) -> None:
        where = f"; in step {step!r} ({position})" if step else ""
        super().__init__(f"run {run_id!r} failed ({reason}): {_said(cause_type, message)}{where}")
        self.run_id, self.cause_type, self.message, self.reason = run_id, cause_type, message, reason
        self.cause_code = cause_code
        self.data: Any = data
        self.step, self.position, self.causes = step, position, causes


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
        *,
        causes: tuple[str, ...] = (),
    ) -> None:
        super().__init__(f"step {step!r} ({position}) failed: {_said(cause_type, message)}")
        self.step, self.position, self.cause_type, self.message = step, position, cause_type, message
        self.data: Any = data
        self.attempts, self.cause_code, self.causes = attempts, cause_code, causes
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
        *,
        causes: tuple[str, ...] = (),
    ) -> None:
        super().__init__(f"child run {run_id!r} {status}: {_said(cause_type, message)}")
        self.run_id, self.status, self.cause_type, self.message = run_id, status, cause_type, message
        self.cause_code = cause_code
        self.data: Any = data
        self.causes = causes
        self.positions: tuple[str, ...] = (position,)
