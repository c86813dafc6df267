"""What every error carries, and the two that user code raises on purpose."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar


class PerdureError(Exception):
    """The root: catching it catches all of perdure's own errors.

    Shape: `code` is a stable slug, the same in logs, on the wire and in the docs; `retryable` says whether the same
    call may succeed later without a change; everything else is a typed attribute of the class.
    """

    code: ClassVar[str] = ""
    retryable: ClassVar[bool] = False


class TerminalError(PerdureError):
    """Raised by a step or a tool: do not try again, whatever the retry policy says."""

    code = "terminal"


class RetryableError(PerdureError):
    """Raised by a step or a tool: try again, while attempts are left, after `after`."""

    code = "retryable"
    retryable = True

    def __init__(self, message: str = "", *, after: timedelta | float | None = None) -> None:
        """Units: `after` is a timedelta, or seconds."""
        super().__init__(message)
        self.after = after.total_seconds() if isinstance(after, timedelta) else after
