"""Reading streams. See `core.chunks` for what the entries mean."""

from __future__ import annotations

from typing import Protocol

import msgspec

from perdure.core.chunks import Entry


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

    async def read(self, run_id: str, *, tenant: str | None, after: int = 0, limit: int = 500) -> StreamPage:
        """Entries with a seq greater than `after`, at most `limit`, read at one instant with head and end.

        Raises: RunNotFound.
        """
        ...
