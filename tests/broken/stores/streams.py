"""Stores whose readers end with something else."""

from typing import Any

import msgspec

from perdure.core.decisions.changes import InsertEntries, RemoveEntries
from perdure.core.decisions.reads import GetHead
from perdure.stores.port import StreamPage
from perdure.testing.store_suite.facets.folding import FoldingPromises
from perdure.testing.store_suite.facets.streams import LanePromises, StreamPromises
from tests.broken.registry import BreakableStore, caught_by, reads_instead, writes_instead

FOLD = FoldingPromises.test_every_reader_ends_with_what_a_reader_of_the_whole_stream_gets
REPLACED = LanePromises.test_an_entry_for_a_whole_lane_takes_the_place_of_the_others_of_its_lane


@reads_instead(GetHead, StreamPromises.test_commits_on_their_way_together_are_appended_in_their_order)
def head_of_the_first_entry(store: BreakableStore, request: GetHead, head: int) -> int:
    """What the last seq is, is looked up once."""
    return min(head, 1)


@writes_instead(RemoveEntries, REPLACED)
def lane_that_repeats(store: BreakableStore, change: RemoveEntries) -> list[RemoveEntries]:
    """What an entry stands for stays beside it."""
    return []


@writes_instead(RemoveEntries, REPLACED, FOLD)
def lanes_removed_together(store: BreakableStore, change: RemoveEntries) -> list[RemoveEntries]:
    """Who replaces a lane removes all entries of its span, whatever their lanes."""
    log = store.state.of_run[change.run.tenant, change.run.run_id].log
    return [change._replace(lane=lane) for lane in {entry.lane for entry in log.values()}]


@writes_instead(InsertEntries, LanePromises.test_a_reader_in_the_middle_of_a_lane_gets_its_entry, FOLD)
def lane_that_begins_late(store: BreakableStore, change: InsertEntries) -> list[InsertEntries]:
    """An entry that stands for a lane replaces nothing of what its readers hold."""
    late = tuple(
        msgspec.structs.replace(entry, from_seq=entry.seq) if entry.body.startswith(b"{") else entry
        for entry in change.entries
    )
    return [change._replace(entries=late)]


@writes_instead(InsertEntries, REPLACED, FOLD)
def lanes_ignored(store: BreakableStore, change: InsertEntries) -> list[InsertEntries]:
    """All entries are of one lane."""
    entries = tuple(msgspec.structs.replace(entry, lane="") for entry in change.entries)
    return [change._replace(entries=entries)]


@writes_instead(InsertEntries, StreamPromises.test_a_chunk_of_an_unknown_kind_is_kept_as_it_is)
def unknown_chunk_dropped(store: BreakableStore, change: InsertEntries) -> list[InsertEntries]:
    """A chunk of a kind that is not known is left out."""
    entries = tuple(
        msgspec.structs.replace(entry, body=b"[]") if b"hologram" in entry.body else entry for entry in change.entries
    )
    return [change._replace(entries=entries)]


@caught_by(StreamPromises.test_a_stream_ends_with_its_run)
class EndlessStreams(BreakableStore):
    """A stream never ends."""

    def __init__(self, url: str = "memory:", **options: Any) -> None:
        super().__init__(url, **options)
        read = self.streams.read

        async def endless(run_id: str, *, tenant: str | None, after: int = 0, limit: int = 500) -> StreamPage:
            page = await read(run_id, tenant=tenant, after=after, limit=limit)
            return msgspec.structs.replace(page, ended=False)

        self.streams.read = endless


@caught_by(StreamPromises.test_a_read_gives_what_comes_after_a_cursor)
class RepeatingReads(BreakableStore):
    """A read begins with what its reader has."""

    def __init__(self, url: str = "memory:", **options: Any) -> None:
        super().__init__(url, **options)
        read = self.streams.read

        async def repeating(run_id: str, *, tenant: str | None, after: int = 0, limit: int = 500) -> StreamPage:
            return await read(run_id, tenant=tenant, after=max(0, after - 1), limit=limit)

        self.streams.read = repeating
