"""When to try again, and how long to wait before.

Source: full jitter, "Exponential Backoff and Jitter" (AWS Architecture Blog, 2015).
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from datetime import timedelta
from math import inf, isfinite, isnan

from perdure.core.clock import seconds
from perdure.core.guarding import is_of
from perdure.errors import PerdureError, RetryableError, SettingInvalid, TerminalError

_MAX_EXPONENT = 64


class Retry:
    """How often a step is tried, and with what pauses.

    Shape: `attempts` counts the first one, and only those that failed: an attempt that was interrupted (its worker
    stopped, died or lost its lease) is begun again, and is none of them. The pause before attempt n+1 is initial *
    multiplier^(n-1), at most `cap`, of which a random share is waited when `jitter` is on. Where the error says
    when to come back (`retry_after`, or RetryableError's `after`), that is waited, never less; an error whose
    `retry_after` is above `max_retry_after` is not tried again: it fails at once, and says the time. None is no
    limit; for an agent's model steps it is ten minutes.
    `retryable(error)` decides which errors are worth another try; by default all but TerminalError and perdure's
    own errors that say that they are not.
    Units: `initial`, `cap` and `max_retry_after` are timedeltas or seconds.
    Raises: SettingInvalid.
    """

    __slots__ = ("attempts", "cap", "initial", "jitter", "max_retry_after", "multiplier", "retryable")

    def __init__(
        self,
        *,
        attempts: int = 3,
        initial: timedelta | float = 0.5,
        multiplier: float = 2.0,
        cap: timedelta | float = 60.0,
        max_retry_after: timedelta | float | None = None,
        jitter: bool = True,
        retryable: Callable[[BaseException], bool] | None = None,
    ) -> None:
        if isinstance(attempts, bool) or not isinstance(attempts, int) or attempts < 1:  # pyright: ignore[reportUnnecessaryIsInstance] - users
            raise SettingInvalid("retry.attempts", f"a number of at least 1, not {attempts!r}")
        self.attempts = attempts
        self.initial = _pause("retry.initial", initial)
        self.cap = _pause("retry.cap", cap)
        self.max_retry_after = None if max_retry_after is None else _pause("retry.max_retry_after", max_retry_after)
        if not (isinstance(multiplier, int | float) and isfinite(multiplier) and multiplier >= 1):  # pyright: ignore[reportUnnecessaryIsInstance] - users
            raise SettingInvalid("retry.multiplier", f"a finite number of at least 1, not {multiplier!r}")
        self.multiplier = multiplier
        self.jitter = jitter
        self.retryable = retryable or is_retryable

    def within(self, max_retry_after: float) -> Retry:
        """The same, with a limit in seconds to what an error may ask for, where it has none of its own."""
        if self.max_retry_after is not None:
            return self
        limited = copy(self)
        limited.max_retry_after = max_retry_after
        return limited

    def pause(self, attempt: int, error: BaseException, share: float) -> float | None:
        """Seconds to wait after this failed attempt, or None to give up.

        Shape: `attempt` is 1-based; `share` in [0, 1) is the random number that jitter uses.
        Raises: what `retryable`, or the error's `retry_after`, raises.
        """
        if attempt >= self.attempts or is_of(error, TerminalError) or not self.retryable(error):
            return None
        if is_of(error, RetryableError):
            asked, longest = error.after, inf
        else:
            asked, longest = (
                getattr(error, "retry_after", None),
                inf if self.max_retry_after is None else self.max_retry_after,
            )
        if isinstance(asked, int | float) and not isnan(asked):
            if asked > longest:
                return None
            if isfinite(asked):
                return max(0.0, float(asked))
        full = min(self.cap, self.initial * self.multiplier ** min(attempt - 1, _MAX_EXPONENT))
        return full * share if self.jitter else full


def is_retryable(error: BaseException) -> bool:
    """The default: user errors are worth another try, perdure's own say so themselves."""
    return error.retryable if is_of(error, PerdureError) else is_of(error, Exception)


def _pause(field: str, value: timedelta | float) -> float:
    pause = seconds(value, field)
    if not (isfinite(pause) and pause >= 0):
        raise SettingInvalid(field, f"a finite time of at least 0, not {value}")
    return pause


ONCE = Retry(attempts=1)
