"""Streams: one log a run, in lanes, with seqs that follow each other whatever their lanes."""

from __future__ import annotations

import asyncio

import pytest

from perdure.core.chunks import Chunk, Entry, decode_chunks, reset_entry
from perdure.core.operations import AppendEntries, ReplaceLane
from perdure.errors import RunNotFound, SeqConflict
from perdure.testing.store_suite.base import Promises
from perdure.testing.store_suite.harness import StoreHarness


async def seqs(
    harness: StoreHarness, run_id: str = "run", *, after: int = 0, limit: int = 500
) -> list[tuple[str, int, int]]:
    """The lanes and spans of the entries that a read gives."""
    page = await harness.store.streams.read(run_id, tenant=None, after=after, limit=limit)
    return [(entry.lane, entry.from_seq, entry.seq) for entry in page.entries]


class StreamPromises(Promises):
    """AppendEntries, and reading streams."""

    async def test_entries_are_read_as_they_were_appended(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        entries = (
            Entry("a", 1, 1, b"[1]"),
            Entry("b", 1, 2, b"\x00\xff"),
            reset_entry("a", 3),
            Entry("ä b", 4, 4, b""),
        )
        await harness.commit(lease, AppendEntries(entries[:2]))
        await harness.commit(lease, AppendEntries(entries[2:]))
        page = await harness.store.streams.read("run", tenant=None)
        assert (page.entries, page.head, page.ended) == (entries, 4, False)

    async def test_an_empty_log_is_read_as_empty(self, harness: StoreHarness) -> None:
        await harness.run()
        page = await harness.store.streams.read("run", tenant=None)
        assert (page.entries, page.head, page.ended) == ((), 0, False)

    async def test_an_entry_that_leaves_a_gap_is_refused(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        await harness.commit_refused(SeqConflict, lease, harness.append(2))
        await harness.commit(lease, harness.append(1, 2))
        for wrong in ([4], [3, 5], [3, 4, 4], [3, 2, 5]):
            await harness.commit_refused(SeqConflict, lease, harness.append(*wrong))
        error = await harness.commit_refused(SeqConflict, lease, harness.append(7))
        assert isinstance(error, SeqConflict)
        assert (error.run_id, error.expected, error.given) == ("run", 3, 7)

    async def test_an_entry_that_is_there_stays_as_it_is(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        await harness.commit(lease, harness.append(1, 2))
        before = await harness.everything()
        for late in ((1,), (1, 2), (2,)):
            other = AppendEntries(tuple(Entry("another", seq, seq, b"[]") for seq in late))
            await harness.commit(lease, other)
            assert await harness.everything() == before
        await harness.commit(lease, harness.append(1, 2, 3))
        assert await seqs(harness) == [("", 1, 1), ("", 2, 2), ("", 3, 3)]

    async def test_an_entry_covers_nothing_before_the_log_or_after_itself(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        for wrong in (Entry("", 0, 1, b"[]"), Entry("", -1, 1, b"[]"), Entry("", 2, 1, b"[]")):
            await harness.commit_refused(SeqConflict, lease, AppendEntries((wrong,)))

    async def test_commits_on_their_way_together_are_appended_in_their_order(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        await asyncio.gather(*(harness.store.commit(lease, harness.append(seq)) for seq in range(1, 101)))
        assert await seqs(harness) == [("", seq, seq) for seq in range(1, 101)]

    async def test_a_read_gives_what_comes_after_a_cursor(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        for seq in range(1, 8):
            await harness.commit(lease, harness.append(seq, lane=str(seq % 2)))

        async def found(*, after: int = 0, limit: int = 500) -> list[int]:
            return [seq for _, _, seq in await seqs(harness, after=after, limit=limit)]

        assert await found(after=5) == [6, 7]
        assert await found(after=7) == []
        assert await found(after=99) == []
        assert await found(limit=3) == [1, 2, 3]
        assert await found(after=3, limit=2) == [4, 5]
        page = await harness.store.streams.read("run", tenant=None, limit=1)
        assert page.head == 7

    async def test_a_stream_ends_with_its_run(self, harness: StoreHarness) -> None:
        for status in ("completed", "failed", "cancelled"):
            lease = await harness.running(status)
            await harness.commit(lease, harness.append(1))
            assert not (await harness.store.streams.read(status, tenant=None)).ended
            await harness.commit(lease, harness.finish(status))
            page = await harness.store.streams.read(status, tenant=None, after=1)
            assert (page.entries, page.head, page.ended) == ((), 1, True)

    async def test_a_stream_of_a_run_that_is_not_over_has_not_ended(self, harness: StoreHarness) -> None:
        await harness.suspended("suspended")
        await harness.running("cancelling")
        await harness.do(harness.cancel("cancelling"))
        await harness.ended("restarted", "failed")
        await harness.do(harness.restart("restarted"))
        for run_id in ("suspended", "cancelling", "restarted"):
            assert not (await harness.store.streams.read(run_id, tenant=None)).ended

    async def test_the_last_entries_may_come_with_the_end(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        await harness.store.commit(lease, harness.append(1), harness.finish())
        page = await harness.store.streams.read("run", tenant=None)
        assert (len(page.entries), page.ended) == (1, True)

    async def test_each_run_has_a_log_of_its_own(self, harness: StoreHarness) -> None:
        one, two = await harness.running("one"), await harness.running("two")
        await harness.commit(one, harness.append(1, 2))
        await harness.commit(two, harness.append(1))
        await harness.commit(two, harness.replace(2))
        assert await seqs(harness, "one") == [("", 1, 1), ("", 2, 2)]
        assert await seqs(harness, "two") == [("", 1, 2)]

    async def test_a_chunk_of_an_unknown_kind_is_kept_as_it_is(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        body = b'[{"kind":"hologram","depth":{"m":3},"text":"x"}]'
        await harness.commit(lease, AppendEntries((Entry("", 1, 1, body),)))
        page = await harness.store.streams.read("run", tenant=None)
        assert page.entries[0].body == body
        [chunk] = decode_chunks(page.entries[0].body)
        assert chunk == Chunk(kind="hologram", text="x", data={"kind": "hologram", "depth": {"m": 3}, "text": "x"})

    async def test_the_stream_of_a_run_that_is_not_there_is_refused_by_name(self, harness: StoreHarness) -> None:
        with pytest.raises(RunNotFound) as refusal:
            await harness.store.streams.read("nobody", tenant=None)
        assert refusal.value.run_id == "nobody"


class LanePromises(Promises):
    """ReplaceLane."""

    async def test_an_entry_for_a_whole_lane_takes_the_place_of_the_others_of_its_lane(
        self, harness: StoreHarness
    ) -> None:
        lease = await harness.running()
        for seq, lane in enumerate("abab", 1):
            await harness.commit(lease, harness.append(seq, lane=lane))
        replacement = harness.replace(5, opened=1, lane="a")
        await harness.commit(lease, replacement)
        page = await harness.store.streams.read("run", tenant=None)
        found = [(entry.lane, entry.from_seq, entry.seq) for entry in page.entries]
        assert found == [("b", 2, 2), ("b", 4, 4), ("a", 1, 5)]
        assert (page.entries[-1], page.head) == (replacement.entry, 5)

    async def test_a_reader_in_the_middle_of_a_lane_gets_its_entry(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        await harness.commit(lease, harness.append(*range(1, 6), lane="a"))
        await harness.commit(lease, harness.replace(6, lane="a"))
        for cursor in range(6):
            assert await seqs(harness, after=cursor) == [("a", 1, 6)]
        assert await seqs(harness, after=6) == []

    async def test_an_entry_for_a_whole_lane_may_bring_what_was_never_appended(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        await harness.commit(lease, harness.replace(3, opened=1, lane="a"))
        await harness.commit(lease, harness.append(4, lane="b"))
        await harness.commit(lease, harness.replace(9, opened=9, lane="c"))
        await harness.commit(lease, harness.append(10, lane="b"))
        assert await seqs(harness) == [("a", 1, 3), ("b", 4, 4), ("c", 1, 9), ("b", 10, 10)]

    async def test_a_lane_that_is_replaced_already_stays_as_it_is(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        await harness.commit(lease, harness.append(1, lane="a"))
        replacement = harness.replace(2, opened=1, lane="a")
        await harness.commit(lease, replacement)
        await harness.commit(lease, harness.append(3, lane="a"))
        before = await harness.everything()
        await harness.commit(lease, replacement)
        assert await harness.everything() == before

    async def test_an_entry_for_a_whole_lane_begins_at_1(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        await harness.commit(lease, harness.append(1))
        for wrong in (Entry("", 2, 2, b"{}"), Entry("", 0, 2, b"{}")):
            await harness.commit_refused(SeqConflict, lease, ReplaceLane(wrong, 1))
        for opened in (0, -1, 3):
            await harness.commit_refused(SeqConflict, lease, harness.replace(2, opened=opened))
