"""A queue of two advisory locks, so that processes share one SQLite file fairly.

SQLite's own busy handler polls, and starves: of two busy writers one gets everything. Here a writer takes `next`, takes
`lock`, releases `next`, commits, releases `lock`. Whoever waits for the lock holds `next`, so the one that has just
committed queues behind it. One that had to wait may make several commits before it leaves: see `time_slices`.

The files lie beside the database, and are never the database itself: closing any descriptor of a file drops SQLite's
own locks on it.

Fairness is all that the write queue is for; safety is SQLite's own. So a process that is alone goes around it: each
holds a shared lock on a third file, and looks every `LOOK_AFTER` whether it could have that one for itself. For so long
a newcomer may have to wait for SQLite's busy handler. And nobody waits for ever: a process that was frozen while it
queued would hold up all others, so after `TIMEOUT` a writer goes around it, until its place comes up after all.
"""

from __future__ import annotations

import fcntl
import logging
import os
import threading
from contextlib import suppress

from perdure.errors import StoreUnavailable
from perdure.stores.background import BackgroundThread

LOOK_AFTER = 0.05
TIMEOUT = 2.0

_log = logging.getLogger("perdure.store")


class WriteQueue:
    """The write queue of one database, as one process sees it; used by one thread at a time."""

    def __init__(self, path: str) -> None:
        self._next = _open(f"{path}-next")
        self._lock = _open(f"{path}-lock")
        self._present = _open(f"{path}-present")
        fcntl.flock(self._present, fcntl.LOCK_SH)
        self._looked_after = float("-inf")
        self._is_alone = False
        self._inside = False
        self._place: _Place | None = None

    def enter(self) -> bool:
        """Wait until we are let in, at most `TIMEOUT`; whether that was after somebody else."""
        if self._is_stuck() or self._take():
            return False
        place = self._queue_up()
        if place is None:
            return False
        if place.come.wait(TIMEOUT) or not place.give_up():
            self._place = None
            self._inside = True
        return self._inside

    def _queue_up(self) -> _Place | None:
        """A place in the queue; None where no thread can be started for it: SQLite's own lock has to do then."""
        place = _Place(self._next, self._lock)
        try:
            place.start()
        except StoreUnavailable as error:
            _log.warning("a commit goes around the write queue: %s", error)
            return None
        self._place = place
        return place

    def try_enter(self, now: float) -> bool:
        """Enter if nobody is inside or waiting. Units: `now` in elapsed seconds."""
        if now - self._looked_after > LOOK_AFTER:
            self._looked_after = now
            self._is_alone = self.is_alone()
        return self._is_alone or self._is_stuck() or self._take()

    def leave(self) -> None:
        """Let the next one in."""
        if self._inside:
            self._inside = False
            fcntl.flock(self._lock, fcntl.LOCK_UN)

    def close(self) -> None:
        """Close the lock files; those that a place is still waited for in belong to that one."""
        for handle in (self._present,) if self._is_stuck() else (self._next, self._lock, self._present):
            os.close(handle)

    def _is_stuck(self) -> bool:
        """Whether a place that we have given up is still waited for: until then we go around."""
        if self._place is not None and self._place.is_over:
            self._place = None
        return self._place is not None

    def _take(self) -> bool:
        """Enter at once, if that can be."""
        with suppress(BlockingIOError):
            fcntl.flock(self._next, fcntl.LOCK_EX | fcntl.LOCK_NB)
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self._inside = True
            finally:
                fcntl.flock(self._next, fcntl.LOCK_UN)
        return self._inside

    def is_alone(self) -> bool:
        """Whether nobody else has the database open."""
        try:
            fcntl.flock(self._present, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            is_alone = False
        else:
            is_alone = True
        # to ask for another lock gives up the one that was held, whether it is granted or not
        fcntl.flock(self._present, fcntl.LOCK_SH)
        return is_alone


class _Place:
    """A place in the queue, waited for by a thread of its own: a lock that is waited for can't be waited for less."""

    def __init__(self, queue: int, lock: int) -> None:
        self.come = threading.Event()
        self.is_over = False
        self._queue = queue
        self._lock = lock
        self._mutex = threading.Lock()
        self._given_up = False
        self.start = BackgroundThread("perdure-write-queue", self._wait).start

    def give_up(self) -> bool:
        """Go around; false where our turn has just come."""
        with self._mutex:
            self._given_up = not self.come.is_set()
            return self._given_up

    def _wait(self) -> bool:
        try:
            with suppress(OSError):
                fcntl.flock(self._queue, fcntl.LOCK_EX)
                fcntl.flock(self._lock, fcntl.LOCK_EX)
                fcntl.flock(self._queue, fcntl.LOCK_UN)
            with self._mutex:
                if not self._given_up:
                    self.come.set()
                    return False
            with suppress(OSError):
                fcntl.flock(self._lock, fcntl.LOCK_UN)
        finally:
            self.is_over = not self.come.is_set()
        return False


def _open(path: str) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
