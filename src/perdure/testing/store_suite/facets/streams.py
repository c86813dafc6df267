"""Streams: a log without gaps, read after a cursor, compacted in place."""

from __future__ import annotations

import asyncio

import pytest

from perdure.core.chunks import Chunk, Entry, decode_chunks, reset_entry
from perdure.errors import RunNotFound, SeqConflict
from perdure.stores.port import AppendEntries, CompactEntries
from perdure.testing.store_suite.base import Promises
from perdure.testing.store_suite.harness import StoreHarness


async def seqs(
    harness: StoreHarness, run_id: str = "run", *, after: int = 0, limit: int = 500
) -> list[tuple[int, int]]:
    """The spans of the entries that a read gives."""
    page = await harness.store.streams.read(run_id, after=after, limit=limit)
    return [(entry.from_seq, entry.seq) for entry in page.entries]


class StreamPromises(Promises):
    """AppendEntries, CompactEntries, and reading streams."""

    async def test_entries_are_read_as_they_were_appended(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        entries = (Entry(1, 1, b"[1]"), Entry(2, 2, b"\x00\xff"), reset_entry(1, 3), Entry(4, 4, b""))
        await harness.do(AppendEntries("run", entries[:2]), lease=lease)
        await harness.do(AppendEntries("run", entries[2:]), lease=lease)
        page = await harness.store.streams.read("run")
        assert (page.entries, page.head, page.ended) == (entries, 4, False)

    async def test_an_empty_log_is_read_as_empty(self, harness: StoreHarness) -> None:
        await harness.run()
        page = await harness.store.streams.read("run")
        assert (page.entries, page.head, page.ended) == ((), 0, False)

    async def test_an_entry_that_does_not_follow_the_last_is_refused(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        await harness.do(harness.append("run", 1, 2), lease=lease)
        before = await harness.everything()
        for wrong in ([4], [2], [1], [-1], [3, 5], [3, 4, 4], [3, 2], [0, 3]):
            await harness.refused(SeqConflict, harness.append("run", *wrong), lease=lease)
            assert await harness.everything() == before
        error = await harness.refused(SeqConflict, harness.append("run", 7), lease=lease)
        assert isinstance(error, SeqConflict)
        assert (error.run_id, error.expected, error.given) == ("run", 3, 7)

    async def test_the_first_entry_has_seq_1(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        await harness.refused(SeqConflict, harness.append("run", 2), lease=lease)
        assert await seqs(harness) == []

    async def test_an_entry_covers_nothing_before_the_log_or_after_itself(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        for wrong in (Entry(-1, 1, b"[]"), Entry(2, 1, b"[]")):
            await harness.refused(SeqConflict, AppendEntries("run", (wrong,)), lease=lease)
            await harness.refused(SeqConflict, CompactEntries("run", wrong), lease=lease)
        await harness.refused(SeqConflict, CompactEntries("run", Entry(0, 1, b"[]")), lease=lease)

    async def test_an_entry_without_a_seq_gets_the_next_one(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        assert await harness.do(AppendEntries("run", (Entry(0, 0, b"a"), Entry(0, 0, b"b"))), lease=lease) == 2
        assert await harness.do(AppendEntries("run", (Entry(3, 3, b"c"), Entry(1, 0, b"[]"))), lease=lease) == 4
        page = await harness.store.streams.read("run")
        assert page.entries == (Entry(1, 1, b"a"), Entry(2, 2, b"b"), Entry(3, 3, b"c"), Entry(1, 4, b"[]"))
        assert await harness.do(AppendEntries("run", ()), lease=lease) == 4

    async def test_commits_on_their_way_together_are_appended_in_their_order(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        await asyncio.gather(*(harness.store.commit(harness.append("run", seq), lease=lease) for seq in range(1, 101)))
        assert await seqs(harness) == [(seq, seq) for seq in range(1, 101)]

    async def test_a_read_gives_what_comes_after_a_cursor(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        await harness.do(harness.append("run", *range(1, 8)), lease=lease)
        assert await seqs(harness, after=5) == [(6, 6), (7, 7)]
        assert await seqs(harness, after=7) == []
        assert await seqs(harness, after=99) == []
        assert await seqs(harness, limit=3) == [(1, 1), (2, 2), (3, 3)]
        assert await seqs(harness, after=3, limit=2) == [(4, 4), (5, 5)]
        page = await harness.store.streams.read("run", limit=1)
        assert page.head == 7

    async def test_a_stream_ends_with_its_run(self, harness: StoreHarness) -> None:
        for status in ("completed", "failed", "cancelled"):
            lease = await harness.running(status)
            await harness.do(harness.append(status, 1), lease=lease)
            assert not (await harness.store.streams.read(status)).ended
            await harness.do(harness.finish(status, status), lease=lease)
            page = await harness.store.streams.read(status, after=1)
            assert (page.entries, page.head, page.ended) == ((), 1, True)

    async def test_a_stream_of_a_run_that_is_not_over_has_not_ended(self, harness: StoreHarness) -> None:
        await harness.suspended("suspended")
        await harness.running("cancelling")
        await harness.do(harness.cancel("cancelling"))
        await harness.ended("restarted", "failed")
        await harness.do(harness.restart("restarted"))
        for run_id in ("suspended", "cancelling", "restarted"):
            assert not (await harness.store.streams.read(run_id)).ended

    async def test_the_last_entries_may_come_with_the_end(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        await harness.do(harness.append("run", 1), harness.finish(), lease=lease)
        page = await harness.store.streams.read("run")
        assert (len(page.entries), page.ended) == (1, True)

    async def test_a_compacted_entry_takes_the_place_of_its_span(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        await harness.do(harness.append("run", *range(1, 7)), lease=lease)
        compacted = Entry(3, 6, b"{}")
        await harness.do(CompactEntries("run", compacted), lease=lease)
        page = await harness.store.streams.read("run")
        assert [(entry.from_seq, entry.seq) for entry in page.entries] == [(1, 1), (2, 2), (3, 6)]
        assert (page.entries[-1], page.head) == (compacted, 6)

    async def test_a_reader_in_the_middle_of_a_span_gets_its_entry(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        await harness.do(harness.append("run", *range(1, 7)), lease=lease)
        await harness.do(CompactEntries("run", Entry(1, 6, b"{}")), lease=lease)
        for cursor in range(6):
            assert await seqs(harness, after=cursor) == [(1, 6)]
        assert await seqs(harness, after=6) == []

    async def test_a_compacted_entry_may_bring_what_was_never_appended(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        await harness.do(CompactEntries("run", Entry(1, 3, b"{}")), lease=lease)
        await harness.do(harness.append("run", 4), lease=lease)
        await harness.do(CompactEntries("run", Entry(4, 9, b"{}")), lease=lease)
        assert await seqs(harness) == [(1, 3), (4, 9)]
        await harness.do(CompactEntries("run", Entry(10, 12, b"{}")), lease=lease)
        await harness.do(harness.append("run", 13), lease=lease)
        assert await seqs(harness) == [(1, 3), (4, 9), (10, 12), (13, 13)]

    async def test_a_compacted_entry_that_would_lose_the_tail_or_leave_a_gap_is_refused(
        self, harness: StoreHarness
    ) -> None:
        lease = await harness.running()
        await harness.do(harness.append("run", *range(1, 5)), lease=lease)
        before = await harness.everything()
        for wrong in (Entry(1, 3, b"{}"), Entry(6, 8, b"{}"), Entry(2, 2, b"{}")):
            await harness.refused(SeqConflict, CompactEntries("run", wrong), lease=lease)
            assert await harness.everything() == before

    async def test_each_run_has_a_log_of_its_own(self, harness: StoreHarness) -> None:
        one, two = await harness.running("one"), await harness.running("two")
        await harness.do(harness.append("one", 1, 2), lease=one)
        await harness.do(harness.append("two", 1), lease=two)
        await harness.do(CompactEntries("two", Entry(1, 5, b"{}")), lease=two)
        assert await seqs(harness, "one") == [(1, 1), (2, 2)]
        assert await seqs(harness, "two") == [(1, 5)]

    async def test_a_chunk_of_an_unknown_kind_is_kept_as_it_is(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        body = b'[{"kind":"hologram","depth":{"m":3},"text":"x"}]'
        await harness.do(AppendEntries("run", (Entry(1, 1, body),)), lease=lease)
        page = await harness.store.streams.read("run")
        assert page.entries[0].body == body
        [chunk] = decode_chunks(page.entries[0].body)
        assert chunk == Chunk(kind="hologram", text="x", data={"kind": "hologram", "depth": {"m": 3}, "text": "x"})

    async def test_the_stream_of_a_run_that_is_not_there_is_refused_by_name(self, harness: StoreHarness) -> None:
        with pytest.raises(RunNotFound) as refusal:
            await harness.store.streams.read("nobody")
        assert refusal.value.run_id == "nobody"
