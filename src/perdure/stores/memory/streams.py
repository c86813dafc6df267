"""Streams in memory."""

from __future__ import annotations

from collections.abc import Callable
from itertools import takewhile

from perdure.core.chunks import Entry
from perdure.core.states import ENDED
from perdure.errors import SeqConflict
from perdure.stores import topics
from perdure.stores.memory.edges import find
from perdure.stores.memory.state import State
from perdure.stores.memory.tables import Table
from perdure.stores.port import AppendEntries, CompactEntries, StreamPage


def head_of(state: State, run_id: str) -> int:
    """The last seq of a run's log, 0 when empty."""
    return next(reversed(state.logs[run_id]), 0)


def append_entries(state: State, operation: AppendEntries) -> int:
    """Apply AppendEntries."""
    run_id = find(state, operation.run_id).run_id
    for seq, given in enumerate(operation.entries, head_of(state, run_id) + 1):
        entry = Entry(given.from_seq or seq, given.seq or seq, given.body)
        if entry.seq != seq or not 0 < entry.from_seq <= seq:
            raise SeqConflict(run_id, seq, entry.seq)
        state.logs[run_id][seq] = entry
    state.news.add(topics.stream(run_id))
    return head_of(state, run_id)


def compact_entries(state: State, operation: CompactEntries) -> None:
    """Apply CompactEntries. The log is written anew: so its order stays that of the seqs, taken back or not."""
    run_id, entry = find(state, operation.run_id).run_id, operation.entry
    head = head_of(state, run_id)
    if entry.seq < head or not 0 < entry.from_seq <= min(head + 1, entry.seq):
        raise SeqConflict(run_id, head + 1, entry.seq)
    log = Table[int, Entry](state.undo)
    log.update({seq: kept for seq, kept in state.logs[run_id].items() if seq < entry.from_seq})
    log[entry.seq] = entry
    state.logs[run_id] = log
    state.news.add(topics.stream(run_id))


class Streams:
    """Reading streams."""

    def __init__(self, look: Callable[[], State]) -> None:
        self._look = look

    async def read(self, run_id: str, *, after: int = 0, limit: int = 500) -> StreamPage:
        state = self._look()
        run, log = find(state, run_id), state.logs[run_id]
        newest_first = takewhile(lambda seq: seq > after, reversed(log))
        entries = tuple(log[seq] for seq in list(newest_first)[::-1][:limit])
        return StreamPage(entries, head_of(state, run_id), run.status in ENDED)
