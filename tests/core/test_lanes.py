"""The fold property of lanes, over logs in a plain list; PERDURE_FUZZ says how many."""

from __future__ import annotations

import os
from itertools import pairwise

import msgspec
import pytest

from perdure.core import cursors
from perdure.core.chunks import Chunk, Entry, chunk_entry, reset_entry
from perdure.core.compaction import compact, expand
from perdure.core.cursors import Cursor, cursor_of
from perdure.core.fold import Fold, Reader
from perdure.core.messages import TextPart
from perdure.core.operations import ReplaceLane
from perdure.testing.store_suite.lane_log import LaneLog, Write, check_log

LOGS = 300


class PlainLog:
    """The rows of a log, in a list."""

    def __init__(self) -> None:
        self.rows: list[Entry] = []

    async def land(self, write: Write) -> None:
        head = self.rows[-1].seq if self.rows else 0
        if isinstance(write, ReplaceLane):
            if write.entry.seq > head:
                self.rows = [row for row in self.rows if row.lane != write.entry.lane] + [write.entry]
            return
        self.rows += [entry for entry in write.entries if entry.seq > head]

    async def read_page(self, after: int, limit: int) -> list[Entry]:
        return [row for row in self.rows if row.seq > after][:limit]


async def check(seed: int) -> None:
    rows = PlainLog()
    await check_log(LaneLog(seed, rows.land, rows.read_page))


async def test_every_reader_ends_with_what_a_reader_of_the_whole_log_gets() -> None:
    for seed in range(LOGS):
        await check(seed)


@pytest.mark.slow
@pytest.mark.fuzz
async def test_many_logs() -> None:
    for seed in range(LOGS, LOGS + int(os.environ.get("PERDURE_FUZZ", "1000"))):
        await check(seed)


async def test_a_chunk_that_is_lost_on_the_way_is_seen() -> None:
    """The chain of cursors finds it where the seqs of a lane do not: the last chunk of a lane is missed by those."""
    seen = 0
    for seed in range(60):
        rows = PlainLog()
        log = LaneLog(seed, rows.land, rows.read_page)
        await log.write()
        for lost in range(len(rows.rows) - 1):  # what is lost at the very end is seen when the next one comes
            fold, reader = Fold(), Reader()
            for number, entry in enumerate(rows.rows):
                chunks = list(reader.new(expand(entry, log.parts), log.head))
                if number != lost:
                    fold.add_all(chunks)
            assert fold.gaps > 0, (seed, lost)
            seen += 1
    assert seen > 100


def lane_of_three() -> list[Chunk]:
    """The chunks of a compacted lane, expanded."""
    chunks = [Chunk(kind="text", text=text, part=0, seq=seq) for seq, text in ((2, "a"), (4, "b"), (5, "c"))]
    return list(expand(compact("lane", 7, chunks, "m", {0: TextPart(text="abc")}), [TextPart(text="abc")]))


def test_the_chunks_of_a_lane_cover_its_span() -> None:
    expanded = lane_of_three()
    assert [(one.kind, one.seq, one.from_seq) for one in expanded] == [
        ("text", 2, 1),
        ("text", 4, 3),
        ("text", 5, 5),
        ("reset", 7, 6),
    ]
    assert all(before.seq + 1 == after.from_seq for before, after in pairwise(expanded))


@pytest.mark.parametrize(
    ("cursor", "given"),
    [
        ("1.0", ["1.2.1-1", "1.4.1-1.3-3", "1.5.1-1.3-3", "1.7.1-1.3-3.6-6"]),
        ("1.2", ["1.4.3-3", "1.5.3-3", "1.7.3-3.6-6"]),
        ("1.4", ["1.5", "1.7.6-6"]),
        ("1.6", ["1.7"]),  # it has read all of them, before they were compacted
        ("1.6.1-5", ["1.6.1-1.3-5", "1.6.1-1.3-3.5-5", "1.6.1-1.3-3", "1.7.1-1.3-3"]),  # of another lane's entries
        ("1.6.4-5", ["1.6.5-5", "1.6", "1.7"]),
        ("1.7", []),
    ],
)
def test_a_cursor_within_a_lane_brings_the_rest_of_it(cursor: str, given: list[str]) -> None:
    after = cursor_of(cursor)
    assert after is not None
    new = list(Reader(after[1]).new(lane_of_three(), 9))
    assert [msgspec.structs.replace(one, turn=1).cursor for one in new] == given


def test_a_reader_at_the_head_lacks_nothing() -> None:
    last = list(Reader().new(lane_of_three(), 7))[-1]
    assert (last.at, last.lacks) == (7, ())


@pytest.mark.parametrize("text", ["1.7.3-2", "1.7.3-3.2-2", "1.7.3-4.4-5", "1.7.0-1", "1.7.5-8", "1.7.", "1.7-7"])
def test_no_reader_has_spans_that_are_out_of_order(text: str) -> None:
    assert cursor_of(text) is None


async def test_a_cursor_of_too_many_spans_lacks_what_lies_between_two(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its reader gets some of what it has again, and ends with the same."""
    monkeypatch.setattr(cursors, "MAX_SPANS", 1)
    repeated = 0
    for seed in range(LOGS):
        rows = PlainLog()
        log = LaneLog(seed, rows.land, rows.read_page)
        await log.write()
        for reader in log.readers:
            assert await log.read_to_the_end(reader) == log.truth
            assert reader.fold.gaps == 0
            repeated += len(reader.repeated)
    assert repeated > 0


def test_a_reset_takes_back_its_own_lane_only() -> None:
    entries = [
        chunk_entry(Chunk(kind="text", text="a"), "one", 1, 1),
        chunk_entry(Chunk(kind="text", text="b"), "two", 1, 2),
        reset_entry("one", 3),
        chunk_entry(Chunk(kind="text", text="c"), "one", 4, 4),
    ]
    fold, reader = Fold(), Reader()
    for entry in entries:
        fold.add_all(reader.new(expand(entry, []), 4))
    assert fold.text == "bc"
    assert (fold.gaps, fold.cursor) == (0, Cursor(4))


def test_what_the_model_said_is_stored_once() -> None:
    text = "word " * 2000
    chunks = [Chunk(kind="text", text="word ", part=0, seq=seq) for seq in range(1, 4001, 2)]
    entry = compact("lane", 4000, chunks, "m", {0: TextPart(text=text)})
    assert b"word" not in entry.body
    found = [
        msgspec.structs.replace(one, seq=0, from_seq=0, at=0, after=0, lane="")
        for one in expand(entry, [TextPart(text=text)])
    ]
    assert "".join(one.text for one in found) == text
