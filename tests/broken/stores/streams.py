"""Stores whose readers end with something else."""

import msgspec

from perdure.core.chunks import Entry
from perdure.stores.memory import streams
from perdure.stores.memory.state import State
from perdure.stores.memory.tables import Table
from perdure.stores.port import (
    AppendEntries,
    CompactEntries,
    StreamPage,
)
from perdure.testing.store_suite.facets.folding import FoldingPromises
from perdure.testing.store_suite.facets.streams import StreamPromises
from tests.broken.registry import BreakableStore, breaks, caught_by


@breaks(AppendEntries, StreamPromises.test_an_entry_that_does_not_follow_the_last_is_refused)
def gap_accepted(state: State, operation: AppendEntries) -> int:
    """An entry may be missing in between."""
    for entry in operation.entries:
        head = streams.head_of(state, operation.run_id)
        if entry.seq > head + 1:
            state.logs[operation.run_id][entry.seq] = entry
        else:
            streams.append_entries(state, AppendEntries(operation.run_id, (entry,)))
    return streams.head_of(state, operation.run_id)


@breaks(AppendEntries, StreamPromises.test_an_entry_that_does_not_follow_the_last_is_refused)
def seq_reused(state: State, operation: AppendEntries) -> int:
    """A seq that readers have seen is given to another entry."""
    for entry in operation.entries:
        if 0 < entry.seq <= streams.head_of(state, operation.run_id):
            state.logs[operation.run_id][entry.seq] = entry
        else:
            streams.append_entries(state, AppendEntries(operation.run_id, (entry,)))
    return streams.head_of(state, operation.run_id)


def _rewrite(state: State, run_id: str, *entries: Entry) -> None:
    log = Table[int, Entry](state.undo)
    log.update({entry.seq: entry for entry in entries})
    state.logs[run_id] = log


@breaks(CompactEntries, StreamPromises.test_a_compacted_entry_takes_the_place_of_its_span)
def compaction_that_repeats(state: State, operation: CompactEntries) -> None:
    """What was compacted stays beside the compacted entry."""
    before = list(state.logs[operation.run_id].values())
    streams.compact_entries(state, operation)
    _rewrite(state, operation.run_id, *before, operation.entry)


@breaks(CompactEntries, StreamPromises.test_a_compacted_entry_that_would_lose_the_tail_or_leave_a_gap_is_refused)
def compaction_that_loses_the_tail(state: State, operation: CompactEntries) -> None:
    """A compacted entry may end before the log does, and takes the rest with it."""
    before = list(state.logs[operation.run_id].values())
    kept = [entry for entry in before if entry.seq < operation.entry.from_seq]
    if 0 < operation.entry.from_seq <= operation.entry.seq < streams.head_of(state, operation.run_id):
        _rewrite(state, operation.run_id, *kept, operation.entry)
    else:
        streams.compact_entries(state, operation)


@breaks(
    CompactEntries,
    StreamPromises.test_a_compacted_entry_takes_the_place_of_its_span,
    FoldingPromises.test_every_reader_ends_with_what_a_reader_of_the_whole_stream_gets,
)
def compaction_that_begins_late(state: State, operation: CompactEntries) -> None:
    """A compacted entry keeps the seqs of the last attempt, and not those of the ones that it supersedes."""
    streams.compact_entries(state, operation)
    before = list(state.logs[operation.run_id].values())[:-1]
    late = msgspec.structs.replace(operation.entry, from_seq=operation.entry.seq)
    _rewrite(state, operation.run_id, *before, late)


@breaks(
    CompactEntries,
    StreamPromises.test_a_compacted_entry_takes_the_place_of_its_span,
    FoldingPromises.test_every_reader_ends_with_what_a_reader_of_the_whole_stream_gets,
)
def compaction_that_forgets_what_was_before(state: State, operation: CompactEntries) -> None:
    """A compacted entry is all that is left of the log."""
    streams.compact_entries(state, operation)
    _rewrite(state, operation.run_id, operation.entry)


@caught_by(StreamPromises.test_a_stream_ends_with_its_run)
class EndlessStreams(BreakableStore):
    """A stream never ends."""

    def __init__(self, url: str = "memory:") -> None:
        super().__init__(url)
        read = self.streams.read

        async def endless(run_id: str, *, after: int = 0, limit: int = 500) -> StreamPage:
            return msgspec.structs.replace(await read(run_id, after=after, limit=limit), ended=False)

        self.streams.read = endless


@caught_by(StreamPromises.test_a_read_gives_what_comes_after_a_cursor)
class RepeatingReads(BreakableStore):
    """A read begins with what its reader has."""

    def __init__(self, url: str = "memory:") -> None:
        super().__init__(url)
        read = self.streams.read

        async def repeating(run_id: str, *, after: int = 0, limit: int = 500) -> StreamPage:
            return await read(run_id, after=max(0, after - 1), limit=limit)

        self.streams.read = repeating
