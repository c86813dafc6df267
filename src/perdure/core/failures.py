"""A failure as data: what is stored, and what is raised from it, the first time and on every replay."""

from __future__ import annotations

import msgspec

from perdure.core.values import Value, encode
from perdure.errors import (
    InputError,
    OutcomeError,
    PerdureError,
    StepFailed,
    StepInDoubt,
    StepTimedOut,
)

_MESSAGE_CHARS = 8192
_OWN = {StepTimedOut.code, StepInDoubt.code}  # what perdure itself says of a step, and not its function


class Failure(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why something failed.

    Shape: `reason` is `error`, or what perdure itself decided: `timeout`, `in_doubt`, `poisoned`, `diverged`,
    `not_storable`; `positions` are the steps whose failure this is, so that a restart can reopen them.
    """

    cause_type: str
    message: str
    reason: str = "error"
    code: str = ""
    data: Value = None
    positions: tuple[str, ...] = ()


def failure_of(error: BaseException, reason: str = "error") -> Failure:
    """What is stored of an exception: its class's name, message, code and, where they can be stored, its `data`."""
    cause_type, message = type(error).__name__, _said(error)
    code = error.code if isinstance(error, PerdureError) else ""
    if isinstance(error, StepFailed):  # the run failed of what the step's function raised
        cause_type, message, code = (
            error.cause_type,
            error.message,
            error.cause_code or (code if error.code in _OWN else ""),
        )
    return Failure(
        cause_type=cause_type,
        message=_text(message),
        reason=reason,
        code=code,
        data=_data(getattr(error, "data", None)),
        positions=failed_positions(error),
    )


def failed_positions(error: BaseException) -> tuple[str, ...]:
    """The positions of the failed steps in an exception and in what it was raised from."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        own = getattr(current, "positions", ()) if isinstance(current, OutcomeError) else ()
        positions = tuple(dict.fromkeys((*own, *vars(current).get("_perdure_positions", ()))))
        if positions:
            return positions  # what was handled before this one was raised stays handled
        current = current.__cause__ or current.__context__
    return ()


def mark_positions(error: BaseException, positions: tuple[str, ...]) -> None:
    """Remember with an exception which failed steps it stands for: those of a gather, of which it is the first."""
    vars(error)["_perdure_positions"] = positions


def step_error(name: str, position: str, failure: Failure, attempts: int) -> StepFailed:
    """The exception of a step's final failure."""
    kind = _KINDS.get(failure.reason, StepFailed)
    return kind(name, position, failure.cause_type, failure.message, failure.data, attempts, failure.code)


_KINDS: dict[str, type[StepFailed]] = {"timeout": StepTimedOut, "in_doubt": StepInDoubt}


def _said(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as unsaid:  # an error that fails to describe itself is stored all the same
        return f"its message can't be read: {type(unsaid).__name__}"


def _text(message: str) -> str:
    # a message is a description, never a reason to fail again: lone surrogates are replaced, length is bounded
    return message.encode("utf-8", "replace").decode()[:_MESSAGE_CHARS]


def _data(value: Value) -> Value:
    if value is None:
        return None
    try:
        return msgspec.json.decode(encode(value, "error.data", 64 * 1024))
    except InputError:
        return None
