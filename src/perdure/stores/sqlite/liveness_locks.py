"""Proof of life: each worker holds an OS lock on a file of its own beside the store.

The kernel drops the lock when the process dies, however it dies, and across containers; a pid says nothing there. So
a lock that can be taken proves death, and a lock that can't proves life. A missing file proves nothing.

A worker holds its lock alone, and whoever looks takes it shared, for an instant: so two that look do not take each
other for the worker, and a worker that registers at that instant can tell them from another worker, and waits.

A store that is closed before a worker was retired keeps its lock until the process ends: a step's function of the
worker's may go on, and nobody may take its run for a dead one's before the lease has ended.

A file may stay that no row names: where a worker stood still, was taken over, and was killed before it could give its
lock back, or where a process was killed between the lock and the row. Whoever registers next removes such files.
"""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote

from perdure.core.decisions.reads import Life
from perdure.errors import SettingInvalid

LOOKS = 50
LOOK_TAKES = 0.001
"""Units: seconds between two tries to take a lock that somebody looks at."""

LONGEST_NAME = 240
"""Units: bytes of a file's name, of the 255 that file systems have."""

LEFT = 64
"""So many locks of workers that were not retired are kept; of more, the oldest are given back."""

_left: dict[Path, int] = {}
"""The locks of workers of this process that were not retired when their store was closed, the oldest first."""


class LivenessLocks:
    """The locks of the workers of this process, and a look at those of others."""

    def __init__(self, path: str) -> None:
        self._folder = Path(f"{path}-workers")
        self._held: dict[str, int] = {}

    def hold(self, worker_id: str) -> None:
        """Take a worker's lock; kept until `drop`, or the end of the process.

        Raises: SettingInvalid where a running process is this worker already.
        """
        if worker_id in self._held:
            return
        left = _left.pop(self._file(worker_id), None)
        if left is not None and _names(self._file(worker_id), left):
            self._held[worker_id] = left  # this process was this worker before
            return
        _close(left)
        self._folder.mkdir(mode=0o700, exist_ok=True)
        never = threading.Event()
        for attempt in range(2 * LOOKS):
            handle = self._take(worker_id, patiently=attempt < LOOKS)
            if handle is not None:
                self._held[worker_id] = handle
                return
            never.wait(LOOK_TAKES)
        raise SettingInvalid("worker_id", f"the lock of the worker {worker_id!r} can't be taken")

    def _take(self, worker_id: str, *, patiently: bool) -> int | None:
        """Take the lock; None where somebody looks just now, or the file was removed meanwhile.

        Shape: without patience, whoever looks keeps the file, which is made anew: that process stands still.
        Raises: SettingInvalid where a running process is this worker.
        """
        file = self._file(worker_id)
        handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if _lock(handle, fcntl.LOCK_EX):
                if _names(file, handle):
                    taken, handle = handle, -1
                    return taken
            elif not _lock(handle, fcntl.LOCK_SH):
                raise SettingInvalid("worker_id", f"another process is the worker {worker_id!r}")
            elif not patiently and _names(file, handle):
                file.unlink(missing_ok=True)  # while the lock is shared, nobody can become this worker
        finally:
            if handle >= 0:
                os.close(handle)
        return None

    def drop(self, worker_id: str) -> None:
        """Give a worker's lock back, and remove its file."""
        handle = self._held.pop(worker_id, None)
        if handle is not None:
            self._file(worker_id).unlink(missing_ok=True)
            os.close(handle)

    def life(self, worker_id: str) -> Life:
        """What is proven of a worker's process; one that was not retired when its store was closed is of this one."""
        file = self._file(worker_id)
        left = _left.get(file)
        if worker_id in self._held or (left is not None and _names(file, left)):
            return "own"
        try:
            handle = os.open(file, os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            return "unknown"
        try:
            return "dead" if _lock(handle, fcntl.LOCK_SH) else "alive"
        except OSError:
            return "unknown"  # a lock that can't be asked for proves nothing either
        finally:
            os.close(handle)

    def forget(self, worker_id: str) -> None:
        """Remove what a dead worker left; never the file of one of our own."""
        if worker_id in self._held:
            return
        file = self._file(worker_id)
        file.unlink(missing_ok=True)
        _close(_left.pop(file, None))

    def tidy(self, known: Iterable[str]) -> None:
        """Remove the files of dead processes that no row names any more, or none has named yet.

        Shape: `known` are the workers that have a row. Only where nobody else can write one meanwhile.
        """
        named = {self._file(worker_id).name for worker_id in known}
        try:
            files = [file for file in self._folder.iterdir() if file.name not in named]
        except FileNotFoundError:
            return
        for file in files:
            try:
                handle = os.open(file, os.O_RDWR | os.O_CLOEXEC)
            except OSError:
                continue
            try:
                if _lock(handle, fcntl.LOCK_SH):
                    file.unlink(missing_ok=True)
            finally:
                os.close(handle)

    def lose(self, worker_id: str) -> None:
        """What the kernel does when a worker's process dies: the lock is free, its file stays."""
        _close(self._held.pop(worker_id, None))

    def close(self) -> None:
        """Keep the locks of workers that were not retired until the process ends; that proves their death then."""
        for worker_id, handle in self._held.items():
            _left[self._file(worker_id)] = handle
        self._held.clear()
        while len(_left) > LEFT:
            os.close(_left.pop(next(iter(_left))))

    def abandon(self) -> None:
        """After a fork, in the child: let go of the parent's locks without giving them back."""
        for handle in self._held.values():
            os.close(handle)
        self._held.clear()

    def _file(self, worker_id: str) -> Path:
        name = quote(worker_id, safe="")
        if len(name) > LONGEST_NAME:  # two ids that begin alike are two locks
            name = f"{name[:100]}-{sha256(worker_id.encode()).hexdigest()}"
        return self._folder / name


def _close(handle: int | None) -> None:
    if handle is not None:
        os.close(handle)


def _leave_to_the_parent() -> None:
    for handle in _left.values():
        os.close(handle)
    _left.clear()


os.register_at_fork(after_in_child=_leave_to_the_parent)


def _lock(handle: int, kind: int) -> bool:
    """Take a lock at once, or not."""
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _names(file: Path, handle: int) -> bool:
    """Whether the path still names the open file: a lock on one that was removed is seen by nobody."""
    try:
        named = file.stat()
    except FileNotFoundError:
        return False
    return (named.st_dev, named.st_ino) == (os.fstat(handle).st_dev, os.fstat(handle).st_ino)
