"""The write-ahead log: how long its file may stay, and who keeps it from being moved into the database.

A checkpoint can't move what a reader of an older state may still read, so the log grows for as long as one reads. When
the log has begun anew after that, SQLite cuts its file back to `LOG_BYTES`.
"""

from __future__ import annotations

import os
from pathlib import Path

from perdure.stores.sqlite.identity import log_bytes

LOG_BYTES = 8 * 1024 * 1024
"""Units: bytes; four times what lies in the log when a checkpoint is due."""

# The bytes of the -shm file that a reader locks: walLockShared of WAL_READ_LOCK(0..4) in SQLite's wal.c, os_unix.c.
_READ_LOCKS = range(123, 128)


def report(path: str) -> str:
    """What somebody should know about the log just now; empty where there is nothing."""
    size = log_bytes(path)
    if size <= LOG_BYTES:
        return ""
    said = f"its log {path}-wal has {size / 1e6:.1f} MB"
    if names := readers(path):
        return f"{said}, and can't be moved into the database while an older state is read by {', '.join(names)}"
    return f"{said}; it is cut back when the next commits are made"


def readers(path: str) -> list[str]:
    """The processes that read a state of the database just now, but for this one; none where it can't be known.

    Source: proc(5), /proc/locks.
    """
    try:
        shared = os.stat(f"{path}-shm")  # noqa: PTH116 - a text of a path, as everywhere in this room
        locks = Path("/proc/locks").read_text(encoding="ascii", errors="replace")
    except OSError:
        return []
    where = f"{os.major(shared.st_dev):02x}:{os.minor(shared.st_dev):02x}:{shared.st_ino}"
    found = set[int]()
    for line in locks.splitlines():
        words = line.replace("->", " ").split()
        if words[1:2] == ["POSIX"] and words[3:4] == ["READ"] and words[5:6] == [where] and _is_of_reader(*words[6:8]):
            found.add(int(words[4]))
    return [_name(pid) for pid in sorted(found - {os.getpid()})]


def _is_of_reader(first: str, last: str) -> bool:
    return int(first) < _READ_LOCKS.stop and (last == "EOF" or int(last) >= _READ_LOCKS.start)


def _name(pid: int) -> str:
    try:
        return f"process {pid} ({Path(f'/proc/{pid}/comm').read_text(encoding='utf-8', errors='replace').strip()})"
    except OSError:
        return f"process {pid}"
