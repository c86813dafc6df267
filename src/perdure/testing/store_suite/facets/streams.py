"""Streams: a log without gaps, read after a cursor, compacted in place."""

from __future__ import annotations

import asyncio

import pytest

from perdure.core.chunks import Chunk, Entry, decode_chunks, reset_entry
from perdure.errors import RunNotFound, SeqConflict
from perdure.stores.port import AppendEntries, CompactEntries
from perdure.testing.store_suite.base import Promises
from perdure.testing.store_suite.world import World


async def seqs(world: World, run_id: str = "run", *, after: int = 0, limit: int = 500) -> list[tuple[int, int]]:
    """The spans of the entries that a read gives."""
    page = await world.store.streams.read(run_id, after=after, limit=limit)
    return [(entry.from_seq, entry.seq) for entry in page.entries]


class StreamPromises(Promises):
    """AppendEntries, CompactEntries, and reading streams."""

    async def test_entries_are_read_as_they_were_appended(self, world: World) -> None:
        lease = await world.running()
        entries = (Entry(1, 1, b"[1]"), Entry(2, 2, b"\x00\xff"), reset_entry(1, 3), Entry(4, 4, b""))
        await world.do(AppendEntries("run", entries[:2]), lease=lease)
        await world.do(AppendEntries("run", entries[2:]), lease=lease)
        page = await world.store.streams.read("run")
        assert (page.entries, page.head, page.ended) == (entries, 4, False)

    async def test_an_empty_log_is_read_as_empty(self, world: World) -> None:
        await world.run()
        page = await world.store.streams.read("run")
        assert (page.entries, page.head, page.ended) == ((), 0, False)

    async def test_an_entry_that_does_not_follow_the_last_is_refused(self, world: World) -> None:
        lease = await world.running()
        await world.do(world.append("run", 1, 2), lease=lease)
        before = await world.everything()
        for wrong in ([4], [2], [1], [-1], [3, 5], [3, 4, 4], [3, 2], [0, 3]):
            await world.refused(SeqConflict, world.append("run", *wrong), lease=lease)
            assert await world.everything() == before
        error = await world.refused(SeqConflict, world.append("run", 7), lease=lease)
        assert isinstance(error, SeqConflict)
        assert (error.run_id, error.expected, error.given) == ("run", 3, 7)

    async def test_the_first_entry_has_seq_1(self, world: World) -> None:
        lease = await world.running()
        await world.refused(SeqConflict, world.append("run", 2), lease=lease)
        assert await seqs(world) == []

    async def test_an_entry_covers_nothing_before_the_log_or_after_itself(self, world: World) -> None:
        lease = await world.running()
        for wrong in (Entry(-1, 1, b"[]"), Entry(2, 1, b"[]")):
            await world.refused(SeqConflict, AppendEntries("run", (wrong,)), lease=lease)
            await world.refused(SeqConflict, CompactEntries("run", wrong), lease=lease)
        await world.refused(SeqConflict, CompactEntries("run", Entry(0, 1, b"[]")), lease=lease)

    async def test_an_entry_without_a_seq_gets_the_next_one(self, world: World) -> None:
        lease = await world.running()
        assert await world.do(AppendEntries("run", (Entry(0, 0, b"a"), Entry(0, 0, b"b"))), lease=lease) == 2
        assert await world.do(AppendEntries("run", (Entry(3, 3, b"c"), Entry(1, 0, b"[]"))), lease=lease) == 4
        page = await world.store.streams.read("run")
        assert page.entries == (Entry(1, 1, b"a"), Entry(2, 2, b"b"), Entry(3, 3, b"c"), Entry(1, 4, b"[]"))
        assert await world.do(AppendEntries("run", ()), lease=lease) == 4

    async def test_commits_on_their_way_together_are_appended_in_their_order(self, world: World) -> None:
        lease = await world.running()
        await asyncio.gather(*(world.store.commit(world.append("run", seq), lease=lease) for seq in range(1, 101)))
        assert await seqs(world) == [(seq, seq) for seq in range(1, 101)]

    async def test_a_read_gives_what_comes_after_a_cursor(self, world: World) -> None:
        lease = await world.running()
        await world.do(world.append("run", *range(1, 8)), lease=lease)
        assert await seqs(world, after=5) == [(6, 6), (7, 7)]
        assert await seqs(world, after=7) == []
        assert await seqs(world, after=99) == []
        assert await seqs(world, limit=3) == [(1, 1), (2, 2), (3, 3)]
        assert await seqs(world, after=3, limit=2) == [(4, 4), (5, 5)]
        page = await world.store.streams.read("run", limit=1)
        assert page.head == 7

    async def test_a_stream_ends_with_its_run(self, world: World) -> None:
        for status in ("completed", "failed", "cancelled"):
            lease = await world.running(status)
            await world.do(world.append(status, 1), lease=lease)
            assert not (await world.store.streams.read(status)).ended
            await world.do(world.finish(status, status), lease=lease)
            page = await world.store.streams.read(status, after=1)
            assert (page.entries, page.head, page.ended) == ((), 1, True)

    async def test_a_stream_of_a_run_that_is_not_over_has_not_ended(self, world: World) -> None:
        await world.suspended("suspended")
        await world.running("cancelling")
        await world.do(world.cancel("cancelling"))
        await world.ended("restarted", "failed")
        await world.do(world.restart("restarted"))
        for run_id in ("suspended", "cancelling", "restarted"):
            assert not (await world.store.streams.read(run_id)).ended

    async def test_the_last_entries_may_come_with_the_end(self, world: World) -> None:
        lease = await world.running()
        await world.do(world.append("run", 1), world.finish(), lease=lease)
        page = await world.store.streams.read("run")
        assert (len(page.entries), page.ended) == (1, True)

    async def test_a_compacted_entry_takes_the_place_of_its_span(self, world: World) -> None:
        lease = await world.running()
        await world.do(world.append("run", *range(1, 7)), lease=lease)
        compacted = Entry(3, 6, b"{}")
        await world.do(CompactEntries("run", compacted), lease=lease)
        page = await world.store.streams.read("run")
        assert [(entry.from_seq, entry.seq) for entry in page.entries] == [(1, 1), (2, 2), (3, 6)]
        assert (page.entries[-1], page.head) == (compacted, 6)

    async def test_a_reader_in_the_middle_of_a_span_gets_its_entry(self, world: World) -> None:
        lease = await world.running()
        await world.do(world.append("run", *range(1, 7)), lease=lease)
        await world.do(CompactEntries("run", Entry(1, 6, b"{}")), lease=lease)
        for cursor in range(6):
            assert await seqs(world, after=cursor) == [(1, 6)]
        assert await seqs(world, after=6) == []

    async def test_a_compacted_entry_may_bring_what_was_never_appended(self, world: World) -> None:
        lease = await world.running()
        await world.do(CompactEntries("run", Entry(1, 3, b"{}")), lease=lease)
        await world.do(world.append("run", 4), lease=lease)
        await world.do(CompactEntries("run", Entry(4, 9, b"{}")), lease=lease)
        assert await seqs(world) == [(1, 3), (4, 9)]
        await world.do(CompactEntries("run", Entry(10, 12, b"{}")), lease=lease)
        await world.do(world.append("run", 13), lease=lease)
        assert await seqs(world) == [(1, 3), (4, 9), (10, 12), (13, 13)]

    async def test_a_compacted_entry_that_would_lose_the_tail_or_leave_a_gap_is_refused(self, world: World) -> None:
        lease = await world.running()
        await world.do(world.append("run", *range(1, 5)), lease=lease)
        before = await world.everything()
        for wrong in (Entry(1, 3, b"{}"), Entry(6, 8, b"{}"), Entry(2, 2, b"{}")):
            await world.refused(SeqConflict, CompactEntries("run", wrong), lease=lease)
            assert await world.everything() == before

    async def test_each_run_has_a_log_of_its_own(self, world: World) -> None:
        one, two = await world.running("one"), await world.running("two")
        await world.do(world.append("one", 1, 2), lease=one)
        await world.do(world.append("two", 1), lease=two)
        await world.do(CompactEntries("two", Entry(1, 5, b"{}")), lease=two)
        assert await seqs(world, "one") == [(1, 1), (2, 2)]
        assert await seqs(world, "two") == [(1, 5)]

    async def test_a_chunk_of_an_unknown_kind_is_kept_as_it_is(self, world: World) -> None:
        lease = await world.running()
        body = b'[{"kind":"hologram","depth":{"m":3},"text":"x"}]'
        await world.do(AppendEntries("run", (Entry(1, 1, body),)), lease=lease)
        page = await world.store.streams.read("run")
        assert page.entries[0].body == body
        [chunk] = decode_chunks(page.entries[0].body)
        assert chunk == Chunk(kind="hologram", text="x", data={"kind": "hologram", "depth": {"m": 3}, "text": "x"})

    async def test_the_stream_of_a_run_that_is_not_there_is_refused_by_name(self, world: World) -> None:
        with pytest.raises(RunNotFound) as refusal:
            await world.store.streams.read("nobody")
        assert refusal.value.run_id == "nobody"
