"""What was recorded, as the type says that the code has for it today; where it does not fit, the run has diverged.

A deploy may make a type stricter, or remove a field. What a run recorded before does not fit then. It is not handed
over as something else, and it is no failure of the run: nothing of it is lost, and it goes on with code that fits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import msgspec

from perdure.core.annotations import Facts, facts_of, return_type
from perdure.core.failures import class_name
from perdure.core.guarding import is_of
from perdure.core.values import Decoder, Value, decode_by, decoder, obstacle
from perdure.errors import InputError, PerdureError, TypeMismatch
from perdure.runs.interrupts import is_of_signal, shielded

if TYPE_CHECKING:
    from collections.abc import Callable

    from perdure.core.records import StepRecord
    from perdure.runs.attempt import Attempt

_SHOWN = 8
_plain = msgspec.json.Decoder()


def recorded(attempt: Attempt, position: str, field: str, data: bytes, as_: Value) -> Value:
    """A recorded value as the code's type says. Raises: Unwind where it does not fit; the run has diverged."""
    try:
        return fitting(position, field, data, as_)
    except TypeMismatch as error:
        attempt.diverge(error)
        attempt.check()
        raise


def recorded_by(attempt: Attempt, position: str, field: str, data: bytes, how: Decoder) -> Value:
    """As `recorded`, by a decoder that is known."""
    try:
        return decode_by(data, how, field)
    except BaseException as error:  # what code of the user's raises that is no Exception as well
        if is_of_signal(error):
            raise
        found = misfit(position, field, data, how.type, error)
    attempt.diverge(found)
    attempt.check()
    raise found


def fitting(position: str, field: str, data: bytes, as_: Value) -> Value:
    """A recorded value as a type says. Raises: TypeMismatch."""
    found = obstacle(as_)
    if found is not None:
        raise misfit(position, f"{field}{found.path}", data, as_, InputError(field, found.reason))
    how = _plain if as_ is None else decoder(as_)
    return shielded(
        lambda: decode_by(data, how, field), lambda error: _raise(misfit(position, field, data, as_, error))
    )


def facts_now(attempt: Attempt, record: StepRecord, function: Callable[..., Value], as_: Value) -> Facts:
    """The facts of a function whose step has begun before.

    Raises: Unwind where its result has no type any more: the run has diverged, and its effect is not lost.
    """
    field, data = f"result of step {record.name!r}", record.result or b"null"
    try:
        facts = facts_of(function, as_)
        if facts.obstacle is None:
            return facts
        returns = return_type(function) if as_ is None else as_
        obstructed = InputError(f"{field}{facts.obstacle.path}", facts.obstacle.reason)
        error = misfit(record.position, field, data, returns, obstructed)
    except PerdureError as unresolved:
        error = TypeMismatch(record.position, field, kind_of(data), "its annotation", str(unresolved))
    attempt.diverge(error)
    attempt.check()
    raise error


def misfit(position: str, field: str, data: bytes, as_: Value, error: BaseException) -> TypeMismatch:
    """The error that says what does not fit, with both types."""
    if is_of(error, InputError):
        field, reason = error.field, error.reason
    else:
        reason = str(error) if is_of(error, PerdureError) else f"its class raised {class_name(error)}"
    return TypeMismatch(position, field, kind_of(data), name_of_type(as_), reason)


def _raise(error: BaseException) -> Value:
    raise error


def kind_of(data: bytes) -> str:
    """What a recorded value is, as JSON has it."""
    value = _plain.decode(data)
    if isinstance(value, dict):
        names = list(cast("dict[str, Value]", value))
        shown = ", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")
        return f"an object with {shown}" if names else "an empty object"
    if isinstance(value, list):
        return "an array"
    if value is None or isinstance(value, bool):
        return data.decode()
    return "a text" if isinstance(value, str) else "a number"


def name_of_type(as_: Value) -> str:
    """A type, as the code has it."""
    return as_.__qualname__ if isinstance(as_, type) and not hasattr(as_, "__args__") else str(as_)
