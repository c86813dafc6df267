"""Streams: one log a run, written only under its token. See `core.chunks` for what the entries mean."""

from __future__ import annotations

from typing import Protocol

import msgspec

from perdure.core.chunks import Entry


class AppendEntries(msgspec.Struct, frozen=True):
    """Append entries to a run's log. Needs the lease.

    Shape: the last seq. An entry with seq 0 gets the next one, and covers only that where its `from_seq` is 0 too.
    Raises: SeqConflict where a seq that is given does not follow the last one; nothing is appended then.
    """

    run_id: str
    entries: tuple[Entry, ...]


class CompactEntries(msgspec.Struct, frozen=True):
    """Put one entry in the place of all within its span, which ends the log. Needs the lease.

    Shape: the entry may end past the last seq: then it brings chunks that were never appended. Its size has no limit:
    what it holds was taken before.
    Raises: SeqConflict where it ends before the last seq, or begins after the one that would follow it.
    """

    run_id: str
    entry: Entry


class StreamPage(msgspec.Struct, frozen=True):
    """A page of a log.

    Shape: `entries` in order of seq; `head` is the last seq of the log; `ended` says that no entry will follow it,
    because the run has ended.
    """

    entries: tuple[Entry, ...]
    head: int
    ended: bool


class StreamReads(Protocol):
    """Reading streams."""

    async def read(self, run_id: str, *, after: int = 0, limit: int = 500) -> StreamPage:
        """Entries with a seq greater than `after`, at most `limit`, read at one instant with head and end.

        Raises: RunNotFound.
        """
        ...
