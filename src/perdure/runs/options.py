"""What can be said of a step, checked at the call."""

from __future__ import annotations

from datetime import timedelta
from math import isfinite
from typing import Literal

from perdure.core.canonical import canonical_hash
from perdure.core.clock import seconds
from perdure.core.retry import ONCE, Retry
from perdure.core.values import Value
from perdure.errors import SettingInvalid

MAX_SECONDS = 1e10  # three centuries
InDoubt = Literal["retry", "fail", "ask"]


class StepOptions:
    """The options of one step; see `Context.step`."""

    __slots__ = ("as_", "fingerprint", "in_doubt", "kind", "repeatable", "retry", "timeout")

    def __init__(
        self,
        *,
        kind: str = "logic",
        retry: Retry | None = None,
        timeout: timedelta | float | None = None,
        in_doubt: InDoubt | None = None,
        read_only: bool = False,
        idempotent: bool = False,
        fingerprint: Value = None,
        as_: Value = None,
    ) -> None:
        """Raises: SettingInvalid; NotStorable for a fingerprint without a canonical form."""
        if in_doubt not in {None, "retry", "fail", "ask"}:
            raise SettingInvalid("in_doubt", f"one of retry, fail, ask, not {in_doubt!r}")
        self.kind = checked_text("kind", kind)
        self.retry = retry or ONCE
        self.timeout = None if timeout is None else _timeout(timeout)
        self.in_doubt: InDoubt = in_doubt or "retry"
        # an attempt in doubt is repeated by a retry only where somebody has said that this does no harm
        self.repeatable = read_only or idempotent or in_doubt == "retry"
        self.fingerprint = None if fingerprint is None else canonical_hash(fingerprint, "fingerprint")
        self.as_ = as_


def checked_text(field: str, text: str) -> str:
    """A text that every store can keep. Raises: SettingInvalid."""
    try:
        if not text.isascii():
            text.encode()
    except UnicodeEncodeError:
        raise SettingInvalid(field, "the text holds a lone surrogate") from None
    return text


def checked_time(field: str, value: timedelta | float) -> float:
    """A time to wait in seconds, at least 0. Raises: SettingInvalid where no instant is so far away."""
    time = seconds(value)
    if not (isfinite(time) and time <= MAX_SECONDS):
        raise SettingInvalid(field, f"a finite time of at most {MAX_SECONDS:,.0f} s, not {value}")
    return max(0.0, time)


def _timeout(value: timedelta | float) -> float:
    timeout = seconds(value)
    if not (isfinite(timeout) and timeout > 0):
        raise SettingInvalid("timeout", f"a finite time above 0, not {value}")
    return timeout


DEFAULT = StepOptions()
