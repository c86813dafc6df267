"""Streams: one log a run, written only under its token. See `core.chunks` for what the entries mean."""

from __future__ import annotations

import msgspec

from perdure.core.chunks import Entry


class AppendEntries(msgspec.Struct, frozen=True):
    """Append entries to the run's log. A holder's.

    Shape: their seqs follow the last one of the log, whatever their lanes; the holder, which knows it, gives them. A
    durable chunk (a reset is none) is progress: what deaths said of the run is forgotten.
    Key: seq: what is not past the last one is there already, and stays.
    Raises: SeqConflict where a seq leaves a gap; nothing is appended then.
    """

    entries: tuple[Entry, ...]


class ReplaceLane(msgspec.Struct, frozen=True):
    """Append an entry that stands for its whole lane, and remove the lane's other entries. A holder's.

    Shape: `entry` begins at 1 and has the seq that follows the last one; `opened` is the seq of the lane's oldest
    entry, so that a store need not look for it. Its size has no limit: what it holds was taken before.
    Key: seq, as for AppendEntries.
    Raises: SeqConflict.
    """

    entry: Entry
    opened: int
