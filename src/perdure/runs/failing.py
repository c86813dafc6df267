"""What user code raised, described although describing raises too; and other questions to what is the user's."""

from __future__ import annotations

import msgspec

from perdure.core.failures import Failure, class_name, failure_of, undescribed
from perdure.core.guarding import is_of, said
from perdure.core.retry import Retry
from perdure.core.values import LossCheck, Value, encode
from perdure.errors import InputError, NotStorable
from perdure.runs.interrupts import is_of_signal, shielded


def stored(value: Value, field: str, limit: int, loss: LossCheck | None) -> bytes | InputError:
    """The stored form of a result, or why it has none: encoding and comparing call what is the value's own."""
    try:
        data = encode(value, field, limit)
        if loss is not None:
            loss.check(value, data, field)
    except BaseException as error:
        if is_of_signal(error):
            raise
        return error if is_of(error, InputError) else NotStorable(field, f"its class raised {class_name(error)}")
    return data


def failure_from(error: BaseException, reason: str = "error") -> Failure:
    """As `failure_of`, whatever the exception's own code raises: SystemExit and the like too."""
    return shielded(lambda: failure_of(error, reason), lambda another: undescribed(error, reason, another))


def in_one_line(error: BaseException) -> str:
    """An exception by its class's name and, where it can be had, what it says."""
    failure = failure_from(error)
    return f"{failure.cause_type}: {failure.message}" if failure.message else failure.cause_type


def pause_of(retry: Retry, attempt: int, error: BaseException, share: float) -> float | Failure | None:
    """Seconds to wait before the next attempt, None to give up; the failure where the policy's own code raised.

    Shape: that failure is the step's: of the error that was raised first, and it says what the policy raised.
    """
    return shielded(lambda: retry.pause(attempt, error, share), lambda another: _unanswered(error, another))


def _unanswered(error: BaseException, another: BaseException) -> Failure:
    failure = failure_from(error)
    text = shielded(lambda: said(another), lambda _: class_name(another))
    asked = f"not tried again: its retry policy, or its retry_after, raised {text}"
    return msgspec.structs.replace(failure, message=f"{failure.message}; {asked}" if failure.message else asked)
