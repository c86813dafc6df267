"""A turnstile of two advisory locks, so that processes share one SQLite file fairly.

SQLite's own busy handler polls, and starves: of two busy writers one gets everything. Here a writer takes `next`,
takes `lock`, releases `next`, commits, releases `lock`. Whoever waits for the lock holds `next`, so the one that has
just committed queues behind it. The files lie beside the database, and are never the database itself: closing any
descriptor of a file drops SQLite's own locks on it.

Fairness is all that the turnstile is for; safety is SQLite's own. So a process that is alone goes around it: each
holds a shared lock on a third file, and looks every `LOOK_AFTER` whether it could have that one for itself. For so
long a newcomer may have to wait for SQLite's busy handler.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress

LOOK_AFTER = 0.05


class Turnstile:
    """The turnstile of one database, as one process sees it; used by one thread at a time."""

    def __init__(self, path: str) -> None:
        self._next = _open(f"{path}-next")
        self._lock = _open(f"{path}-lock")
        self._present = _open(f"{path}-present")
        fcntl.flock(self._present, fcntl.LOCK_SH)
        self._looked_after = float("-inf")
        self._is_alone = False
        self._inside = False

    def enter(self) -> None:
        """Wait for our turn."""
        fcntl.flock(self._next, fcntl.LOCK_EX)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        fcntl.flock(self._next, fcntl.LOCK_UN)
        self._inside = True

    def try_enter(self, now: float) -> bool:
        """Enter if nobody is inside or waiting. Units: `now` in elapsed seconds."""
        if now - self._looked_after > LOOK_AFTER:
            self._looked_after = now
            self._is_alone = self._look()
        if self._is_alone:
            return True
        with suppress(BlockingIOError):
            fcntl.flock(self._next, fcntl.LOCK_EX | fcntl.LOCK_NB)
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self._inside = True
            finally:
                fcntl.flock(self._next, fcntl.LOCK_UN)
        return self._inside

    def leave(self) -> None:
        """Let the next one in."""
        if self._inside:
            self._inside = False
            fcntl.flock(self._lock, fcntl.LOCK_UN)

    def close(self) -> None:
        """Close the lock files."""
        for handle in (self._next, self._lock, self._present):
            os.close(handle)

    def _look(self) -> bool:
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


def _open(path: str) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
