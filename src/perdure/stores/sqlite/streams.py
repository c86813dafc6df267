"""Streams in SQLite."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from perdure.core.chunks import Entry
from perdure.core.states import ENDED
from perdure.errors import RunNotFound, SeqConflict
from perdure.stores import topics
from perdure.stores.port.streams import StreamPage
from perdure.stores.sqlite.transaction import Transaction

if TYPE_CHECKING:
    from perdure.stores.port import AppendEntries, CompactEntries
    from perdure.stores.sqlite.reader import Reader

_HEAD = "SELECT max(seq) FROM chunks WHERE run_id = ?"
_INSERT = "INSERT INTO chunks (run_id, seq, from_seq, body) VALUES (?, ?, ?, ?)"
_CLEAR = "DELETE FROM chunks WHERE run_id = ? AND seq BETWEEN ? AND ?"
_READ = "SELECT from_seq, seq, body FROM chunks WHERE run_id = ? AND seq > ? ORDER BY seq LIMIT ?"
_STATUS = "SELECT status FROM runs WHERE run_id = ?"


def head(tx: Transaction, run_id: str) -> int:
    """The last seq of a run's log, 0 when empty."""
    return tx.number(_HEAD, (run_id,))


def append_entries(tx: Transaction, operation: AppendEntries) -> int:
    """Apply AppendEntries."""
    last = head(tx, operation.run_id)
    for entry in operation.entries:
        seq = entry.seq or last + 1
        from_seq = entry.from_seq or seq
        if seq != last + 1 or not 0 < from_seq <= seq:
            raise SeqConflict(operation.run_id, last + 1, entry.seq)
        tx.run(_INSERT, (operation.run_id, seq, from_seq, entry.body))
        last = seq
    tx.topics.add(topics.stream(operation.run_id))
    return last


def compact_entries(tx: Transaction, operation: CompactEntries) -> None:
    """Apply CompactEntries."""
    entry, last = operation.entry, head(tx, operation.run_id)
    if entry.seq < last or entry.from_seq > last + 1 or not 0 < entry.from_seq <= entry.seq:
        raise SeqConflict(operation.run_id, last + 1, entry.seq)
    tx.run(_CLEAR, (operation.run_id, entry.from_seq, entry.seq))
    tx.run(_INSERT, (operation.run_id, entry.seq, entry.from_seq, entry.body))
    tx.topics.add(topics.stream(operation.run_id))


def _read(tx: Transaction, run_id: str, after: int, limit: int) -> StreamPage:
    status = tx.row(_STATUS, (run_id,))
    if status is None:
        raise RunNotFound(run_id)
    found = tx.rows(_READ, (run_id, after, limit))
    entries = tuple(Entry(cast("int", row[0]), cast("int", row[1]), cast("bytes", row[2])) for row in found)
    return StreamPage(entries, head(tx, run_id), status[0] in ENDED)


class Streams:
    """Reading streams."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def read(self, run_id: str, *, after: int = 0, limit: int = 500) -> StreamPage:
        return self._reader.at_one_instant(_read, run_id, after, limit)
