"""When to try again, and how long to wait before.

Source: full jitter, "Exponential Backoff and Jitter" (AWS Architecture Blog, 2015); Retry-After, RFC 9110 section
10.2.3, with the `retry-after-ms` that OpenAI sends.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from math import isfinite

from perdure.core.clock import seconds
from perdure.errors import PerdureError, RetryableError, SettingInvalid, TerminalError

_MAX_RETRY_AFTER = 3600.0
_MAX_EXPONENT = 64


class Retry:
    """How often a step is tried, and with what pauses.

    Shape: `attempts` counts the first one; the pause before attempt n+1 is initial * multiplier^(n-1), at most
    `cap`, of which a random share is waited when `jitter` is on; a Retry-After of the error comes first.
    `retryable(error)` decides which errors are worth another try; by default all but TerminalError and perdure's
    own errors that say that they are not.
    Units: `initial` and `cap` are timedeltas or seconds.
    Raises: SettingInvalid.
    """

    __slots__ = ("attempts", "cap", "initial", "jitter", "multiplier", "retryable")

    def __init__(
        self,
        *,
        attempts: int = 3,
        initial: timedelta | float = 0.5,
        multiplier: float = 2.0,
        cap: timedelta | float = 60.0,
        jitter: bool = True,
        retryable: Callable[[BaseException], bool] | None = None,
    ) -> None:
        if attempts < 1:
            raise SettingInvalid("retry.attempts", f"at least 1, not {attempts}")
        self.attempts = attempts
        self.initial = _pause("retry.initial", initial)
        self.cap = _pause("retry.cap", cap)
        if not (isfinite(multiplier) and multiplier >= 1):
            raise SettingInvalid("retry.multiplier", f"a finite number of at least 1, not {multiplier}")
        self.multiplier = multiplier
        self.jitter = jitter
        self.retryable = retryable or is_retryable

    def pause(self, attempt: int, error: BaseException, share: float) -> float | None:
        """Seconds to wait after this failed attempt, or None to give up.

        Shape: `attempt` is 1-based; `share` in [0, 1) is the random number that jitter uses.
        """
        if attempt >= self.attempts or isinstance(error, TerminalError) or not self.retryable(error):
            return None
        asked = getattr(error, "retry_after", None)
        if isinstance(error, RetryableError):
            asked = error.after
        if isinstance(asked, int | float) and isfinite(asked):
            return max(0.0, float(asked))
        full = min(self.cap, self.initial * self.multiplier ** min(attempt - 1, _MAX_EXPONENT))
        return full * share if self.jitter else full


def is_retryable(error: BaseException) -> bool:
    """The default: user errors are worth another try, perdure's own say so themselves."""
    return error.retryable if isinstance(error, PerdureError) else isinstance(error, Exception)


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds that the response asks to wait, or None where it does not say or makes no sense.

    Shape: header names in any case; `retry-after-ms`, then `retry-after` as seconds, then as a date; negative,
    malformed and over an hour count as not said.
    """
    lower = {name.lower(): value for name, value in headers.items()}
    for value, unit in ((lower.get("retry-after-ms"), 0.001), (lower.get("retry-after"), 1.0)):
        wait = _number(value)
        if wait is not None and 0 <= wait * unit <= _MAX_RETRY_AFTER:
            return wait * unit
    wait = _until(lower.get("retry-after"), now)
    return wait if wait is not None and 0 <= wait <= _MAX_RETRY_AFTER else None


def _number(value: str | None) -> float | None:
    try:
        number = float(value) if value else None
    except ValueError:
        return None
    return number if number is not None and isfinite(number) else None


def _until(value: str | None, now: datetime) -> float | None:
    try:
        at = parsedate_to_datetime(value) if value else None
    except ValueError:
        return None
    return (at.replace(tzinfo=at.tzinfo or UTC) - now).total_seconds() if at else None


def _pause(field: str, value: timedelta | float) -> float:
    pause = seconds(value)
    if not (isfinite(pause) and pause >= 0):
        raise SettingInvalid(field, f"a finite time of at least 0, not {value}")
    return pause


ONCE = Retry(attempts=1)
