"""Commits and pages, counted in SQLite's write-ahead log."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import NamedTuple

_HEADER = 32
_FRAME = 24


class Written(NamedTuple):
    commits: int
    pages: int

    def since(self, before: Written) -> Written:
        return Written(self.commits - before.commits, self.pages - before.pages)


def written(path: Path) -> Written:
    """What the log of this database holds. Source: https://www.sqlite.org/fileformat.html#the_write_ahead_log"""
    data = path.with_name(path.name + "-wal").read_bytes()
    if len(data) < _HEADER:
        return Written(0, 0)
    size = struct.unpack_from(">I", data, 8)[0]
    salts, commits, pages = data[16:24], 0, 0
    for at in range(_HEADER, len(data) - _FRAME - size + 1, _FRAME + size):
        if data[at + 8 : at + 16] != salts:
            break  # left over from before the log began anew
        pages += 1
        commits += struct.unpack_from(">I", data, at + 4)[0] != 0
    return Written(commits, pages)


def size(path: Path) -> int:
    """Units: bytes."""
    return path.stat().st_size


def log_size(path: Path) -> int:
    """The size of the file of this database's log. Units: bytes."""
    return size(path.with_name(path.name + "-wal"))
