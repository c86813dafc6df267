"""A turnstile of two advisory locks, so that processes share one SQLite file fairly.

SQLite's own busy handler polls, and starves: of two busy writers one gets everything. Here a writer takes `next`,
takes `lock`, releases `next`, commits, releases `lock`. Whoever waits for the lock holds `next`, so the one that has
just committed queues behind it. Both are files beside the database, never the database itself: closing any
descriptor of a file drops SQLite's own locks on it.
"""

from __future__ import annotations

import fcntl
import os


class Turnstile:
    """The turnstile of one database, as one process sees it; used by one thread at a time."""

    def __init__(self, path: str) -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        self._next = os.open(f"{path}-next", flags, 0o600)
        self._lock = os.open(f"{path}-lock", flags, 0o600)

    def enter(self) -> None:
        """Wait for our turn."""
        fcntl.flock(self._next, fcntl.LOCK_EX)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        fcntl.flock(self._next, fcntl.LOCK_UN)

    def try_enter(self) -> bool:
        """Enter if nobody is inside or waiting."""
        try:
            fcntl.flock(self._next, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        finally:
            fcntl.flock(self._next, fcntl.LOCK_UN)
        return True

    def leave(self) -> None:
        """Let the next one in."""
        fcntl.flock(self._lock, fcntl.LOCK_UN)

    def close(self) -> None:
        """Close the lock files."""
        os.close(self._next)
        os.close(self._lock)
