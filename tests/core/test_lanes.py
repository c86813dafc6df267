"""The fold property of lanes, over logs in a plain list; PERDURE_FUZZ says how many."""

from __future__ import annotations

import os
from itertools import pairwise

import msgspec
import pytest

from perdure.core.chunks import Chunk, Entry, Fold, chunk_entry, reset_entry
from perdure.core.compaction import compact, expand
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
            reader = Fold()
            for number, entry in enumerate(rows.rows):
                after = rows.rows[number - 1].seq if number else 0
                if number != lost:
                    reader.add_all(expand(entry, log.parts, after))
            assert reader.gaps > 0, (seed, lost)
            seen += 1
    assert seen > 100


def test_a_cursor_moves_only_when_an_entry_is_complete() -> None:
    chunks = [Chunk(kind="text", text=text, part=0, seq=seq) for seq, text in ((2, "a"), (4, "b"), (5, "c"))]
    entry = compact("lane", 7, chunks, "m", {0: TextPart(text="abc")})
    expanded = list(expand(entry, [TextPart(text="abc")], 6))
    assert [(one.kind, one.seq, one.from_seq) for one in expanded] == [
        ("text", 2, 1),
        ("text", 4, 3),
        ("text", 5, 5),
        ("reset", 7, 6),
    ]
    assert [(one.after, one.at) for one in expanded] == [(6, 6), (6, 6), (6, 6), (6, 7)]
    assert all(before.seq + 1 == after.from_seq for before, after in pairwise(expanded))


def test_a_reset_takes_back_its_own_lane_only() -> None:
    entries = [
        chunk_entry(Chunk(kind="text", text="a"), "one", 1, 1),
        chunk_entry(Chunk(kind="text", text="b"), "two", 1, 2),
        reset_entry("one", 3),
        chunk_entry(Chunk(kind="text", text="c"), "one", 4, 4),
    ]
    reader, after = Fold(), 0
    for entry in entries:
        reader.add_all(expand(entry, [], after))
        after = entry.seq
    assert reader.text == "bc"
    assert (reader.gaps, reader.cursor) == (0, 4)


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
