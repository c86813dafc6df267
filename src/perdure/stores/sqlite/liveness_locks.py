"""Proof of locks: each worker holds an OS lock on a file of its own beside the store.

The kernel drops the lock when the process dies, however it dies, and across containers; a pid says nothing there. So
a lock that can be taken proves death, and a lock that can't proves locks. A missing file proves nothing.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from urllib.parse import quote

from perdure.errors import SettingInvalid


class LivenessLocks:
    """The locks of the workers of this process, and a look at those of others."""

    def __init__(self, path: str) -> None:
        self._folder = Path(f"{path}-workers")
        self._held: dict[str, int] = {}

    def hold(self, worker_id: str) -> None:
        """Take a worker's lock; kept until `drop`, or the end of the process.

        Raises: SettingInvalid where a living process is this worker already.
        """
        if worker_id in self._held:
            return
        self._folder.mkdir(mode=0o700, exist_ok=True)
        handle = os.open(self._file(worker_id), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            raise SettingInvalid("worker_id", f"another process is the worker {worker_id!r}") from None
        self._held[worker_id] = handle

    def drop(self, worker_id: str) -> None:
        """Give a worker's lock back, and remove its file."""
        handle = self._held.pop(worker_id, None)
        if handle is not None:
            self._file(worker_id).unlink(missing_ok=True)
            os.close(handle)

    def is_dead(self, worker_id: str) -> bool:
        """Whether there is proof that the worker's process has died."""
        if worker_id in self._held:
            return False
        try:
            handle = os.open(self._file(worker_id), os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        else:
            return True
        finally:
            os.close(handle)

    def forget(self, worker_id: str) -> None:
        """Remove what a dead worker left; never the file of one of our own."""
        if worker_id in self._held:
            return
        self._file(worker_id).unlink(missing_ok=True)

    def close(self) -> None:
        """Let go of all locks. Their files stay: whose worker was not retired is proven dead by them."""
        for handle in self._held.values():
            os.close(handle)
        self._held.clear()

    def abandon(self) -> None:
        """After a fork, in the child: let go of the parent's locks without giving them back."""
        self.close()

    def _file(self, worker_id: str) -> Path:
        return self._folder / quote(worker_id, safe="")[:240]
