"""ManualClock: a clock whose instants and lease time stand still until a test moves them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from perdure.core.clock import SystemClock, Timer

START = datetime(2026, 1, 1, tzinfo=UTC)
LEASE_START = 1000.0


class ManualClock:
    """A `Clock` for the tests of a store; what a store does at intervals goes on by the machine's own time.

    Units: `lease_at` in seconds of lease time.
    """

    def __init__(self, at: datetime = START, lease_at: float = LEASE_START) -> None:
        self.at = at
        self.lease_at = lease_at
        self._system = SystemClock()

    def now(self) -> datetime:
        return self.at

    def timestamp(self) -> float:
        return self.at.timestamp()

    def lease_now(self) -> float:
        return self.lease_at

    def elapsed(self) -> float:
        return self._system.elapsed()

    def call_after(self, seconds: float, callback: Callable[[], object]) -> Timer:
        return self._system.call_after(seconds, callback)

    def wait(self, event: threading.Event, seconds: float) -> bool:
        return self._system.wait(event, seconds)

    def advance(self, seconds: float) -> None:
        """Let time pass: instants and lease time alike."""
        self.at += timedelta(seconds=seconds)
        self.lease_at += seconds

    def jump(self, seconds: float) -> None:
        """Set the wall clock: instants move, lease time does not."""
        self.at += timedelta(seconds=seconds)
