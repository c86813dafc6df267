"""The log of what is tried again and again: an outage of an hour must not fill it."""

from __future__ import annotations

import logging

from perdure.core.clock import Clock
from perdure.errors import PerdureError

_log = logging.getLogger("perdure.worker")


class FailureLog:
    """Logs the first failure of a kind, then one in a while, then that it is over; a fault of ours with its traceback.

    Units: `every` in seconds; `since` is the elapsed time of the first failure, None where the last try was none.
    """

    def __init__(self, clock: Clock, every: float) -> None:
        self._clock = clock
        self._every = every
        self._warned_at = 0.0
        self._warned_of: type[Exception] | None = None
        self.since: float | None = None

    def failed(self, what: str, error: Exception) -> None:
        """A try has failed; `what` is who could not do what."""
        now = self._clock.elapsed()
        if self.since is None:
            self.since = now
        elif type(error) is self._warned_of and now - self._warned_at < self._every:
            return
        self._warned_at, self._warned_of = now, type(error)
        lasts = f" for {now - self.since:.0f} s" if now > self.since else ""
        level, trace = (logging.WARNING, None) if isinstance(error, PerdureError) else (logging.ERROR, error)
        _log.log(level, "%s%s: %s", what, lasts, error, exc_info=trace)

    def succeeded(self, what: str) -> None:
        """A try has not failed; `what` is who does what again."""
        if self.since is not None:
            _log.warning("%s, after %.0f s", what, self._clock.elapsed() - self.since)
            self.since = None
