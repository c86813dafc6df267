"""Time slices: a process that had to wait for the file makes several commits when it is let in, and not one.

To let the next process in after each commit would cost each of them a wake-up of that process, and pages that it reads
anew: two busy processes would get half of what one gets. So a process that has waited, and has committed, keeps its
place for `TIME_SLICE`; that others wait is likely then. A slice ends early where the loop has gone around `IDLE` times
and nothing was committed. User code may hold the loop up, so the writer's thread waits for the end of a slice, and only
that thread begins one. A place that was free is given back after each commit: no process has to be woken then.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable

from perdure.stores.sqlite.write_queue import WriteQueue

TIME_SLICE = 0.002
"""Units: seconds from the first commit of a slice; the commit in which they end is the last one."""
IDLE = 6
"""Rounds of the loop; from a commit to the next one of the same run there are about four."""

_log = logging.getLogger("perdure.store")


class TimeSlices:
    """The slices of one process at one file.

    Whoever enters and leaves holds `busy`. Our slice can be ended from any thread, and whether it `is_on` be looked at.
    """

    def __init__(self, write_queue: WriteQueue, elapsed: Callable[[], float]) -> None:
        self.busy = threading.RLock()
        self.is_on = False
        self._write_queue = write_queue
        self._elapsed = elapsed
        self._has_waited = False
        self._ends = 0.0
        self._left = IDLE
        self._is_watched = False

    def enter(self) -> None:
        """Wait until we are let in, for a bounded time; at once in a slice of ours."""
        if not self.is_on:
            self._has_waited = self._write_queue.enter()

    def try_enter(self, now: float) -> bool:
        """Enter in a slice of ours, or where no other process is inside or waiting. Units: `now` in elapsed seconds."""
        return self.is_on or self._write_queue.try_enter(now)

    def leave(self, *, may_stay: bool = False) -> None:
        """A commit is over: let the next one in, unless our slice goes on, or one may begin."""
        self._left = IDLE
        has_waited, self._has_waited = self._has_waited, False
        if self.is_on:
            if self._elapsed() >= self._ends:
                self.end()
        elif may_stay and has_waited:
            self.is_on, self._ends = True, self._elapsed() + TIME_SLICE
        else:
            self._write_queue.leave()

    def end(self) -> None:
        """Let the next one in; what has landed has landed, so an error here is for the log."""
        self.is_on = False
        try:
            self._write_queue.leave()
        except OSError:
            _log.exception("the write queue could not be left")

    def end_unless_busy(self) -> None:
        """End our slice, from any thread; after a commit that is under way, `leave` looks at the time."""
        if self.busy.acquire(blocking=False):
            try:
                self.end()
            finally:
                self.busy.release()

    def end_when_idle(self, loop: asyncio.AbstractEventLoop) -> None:
        """In a slice of ours, let the loop end it when there is nothing to commit any more."""
        if self.is_on and not self._is_watched:
            self._is_watched = True
            loop.call_soon(self._look, loop)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        self._left -= 1
        if self.is_on and self._left >= 0:
            loop.call_soon(self._look, loop)
            return
        self._is_watched = False
        if self.is_on:
            self.end_unless_busy()
