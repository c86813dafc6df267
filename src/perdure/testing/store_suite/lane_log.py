"""Random logs of several lanes, and readers that stop anywhere: what each must end with, and get once.

A log is written by one holder after another: chunks in several lanes at once, attempts that are superseded, lanes of
which only the last chunk counts, lanes that end (one entry in the place of all), and commits that land again later.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from random import Random
from typing import TypeAlias

import msgspec

from perdure.core.chunks import Chunk, Entry, chunk_entry, reset_entry
from perdure.core.compaction import compact, expand
from perdure.core.cursors import Cursor, cursor_of
from perdure.core.fold import Fold, Reader
from perdure.core.messages import Part, ReasoningPart, TextPart, ToolCallPart
from perdure.core.operations import AppendEntries, ReplaceLane

KINDS = ("text", "text", "reasoning", "tool_input", "data", "tool_result", "hologram")
TEXTS = ("", "a", "b ", "é", "\n", "xyz")
LONG = 10**6
READERS = 5

Write: TypeAlias = AppendEntries | ReplaceLane
Land: TypeAlias = Callable[[Write], Awaitable[None]]
ReadPage: TypeAlias = Callable[[int, int], Awaitable[list[Entry]]]
"""Entries after a cursor, so many."""
Held: TypeAlias = list[tuple[str, int, Chunk]]
"""Lane, seq and content of chunks, in order of seq."""


class Lane:
    """What a lane holds, while it is written. Its parts have the places from `place` on, one for each kind."""

    def __init__(self, name: str, place: int, *, is_replaced: bool) -> None:
        self.name, self.place, self.is_replaced = name, place, is_replaced
        self.chunks: list[Chunk] = []
        self.opened = self.last = 0
        self.has_ended = False

    def note(self, entry: Entry, chunk: Chunk | None) -> None:
        """An entry was made."""
        self.opened = self.opened or entry.seq
        self.last = entry.seq
        if chunk is None or self.is_replaced:
            self.chunks = []
        if chunk is not None:
            self.chunks.append(msgspec.structs.replace(chunk, seq=entry.seq))

    def parts(self) -> Mapping[int, Part]:
        """The parts of the message that its deltas come to."""
        texts = dict.fromkeys(("text", "reasoning", "tool_input"), "")
        for chunk in self.chunks:
            if chunk.kind in texts:
                texts[chunk.kind] += chunk.text
        return {
            self.place: TextPart(text=texts["text"]),
            self.place + 1: ReasoningPart(text=texts["reasoning"]),
            self.place + 2: ToolCallPart(call_id="c", tool="t", arguments=texts["tool_input"]),
        }


class LogReader:
    """A reader that keeps nothing but its fold and its last cursor, as text, from one page to the next."""

    def __init__(self) -> None:
        self.fold = Fold()
        self.kept = Cursor().text(1)
        self.repeated: list[Chunk] = []
        self._given = set[int]()

    @property
    def cursor(self) -> Cursor:
        """Where it goes on."""
        found = cursor_of(self.kept)
        assert found is not None, self.kept
        return found[1]

    def add(self, chunk: Chunk) -> None:
        """Take a chunk; what it was given before counts as repeated."""
        if chunk.seq in self._given:
            self.repeated.append(chunk)
        self._given.add(chunk.seq)
        self.fold.add(chunk)
        self.kept = msgspec.structs.replace(chunk, turn=1).cursor


class LaneLog:
    """A log while it is written, by `land`, and read, by `read_page`."""

    def __init__(self, seed: int, land: Land, read_page: ReadPage) -> None:
        self.random = random = Random(seed)
        self._land, self._read_page = land, read_page
        self.lanes = [
            Lane(f"lane-{number}", 3 * number, is_replaced=random.random() < 0.2)
            for number in range(random.randint(1, 4))
        ]
        self.parts: list[Part] = [TextPart(text="")] * (3 * len(self.lanes))
        self.head = 0
        self.sent: list[Write] = []
        self.readers = [LogReader() for _ in range(READERS)]

    async def write(self) -> None:
        """Write the log, with readers that read now and then."""
        for _ in range(self.random.randint(5, 40)):
            await self.act()
            if self.sent and self.random.random() < 0.15:
                await self._land(self.random.choice(self.sent))
            for reader in self.readers:
                if self.random.random() < 0.3:
                    await self.read(reader, self.random.randint(1, 6), cut=self.random.random() < 0.4)

    async def act(self) -> None:
        """One commit."""
        lanes = [lane for lane in self.lanes if not lane.has_ended]
        if not lanes:
            return
        lane, chance = self.random.choice(lanes), self.random.random()
        if chance < 0.65:
            some = [self.random.choice(lanes) for _ in range(self.random.randint(1, 3))]
            await self.send(AppendEntries(tuple(self.chunk_in(one) for one in some)))
        elif chance < 0.8 and lane.opened:
            reset = reset_entry(lane.name, self._next())
            lane.note(reset, None)
            await self.send(AppendEntries((reset, self.chunk_in(lane))))
        elif lane.opened:
            await self.end(lane)

    async def end(self, lane: Lane) -> None:
        """The step of a lane ends: one entry for all of it, with its last chunks, of which there may be none."""
        before = self.head
        if not lane.is_replaced:
            for _ in range(self.random.randint(0, 2)):
                self.chunk_in(lane)
        lane.has_ended = True
        if self.head == before:
            self._next()
        parts = lane.parts()
        for place, part in parts.items():
            self.parts[place] = part
        await self.send(ReplaceLane(compact(lane.name, self.head, lane.chunks, "message", parts), lane.opened))

    def chunk_in(self, lane: Lane) -> Entry:
        """The entry of another chunk of a lane."""
        kind, text = self.random.choice(KINDS), self.random.choice(TEXTS)
        chunk = Chunk(kind=kind, text=text)
        if kind in {"text", "reasoning", "tool_input"}:
            place = lane.place + ("text", "reasoning", "tool_input").index(kind)
            chunk = Chunk(kind=kind, text=text, part=place)
        if kind == "tool_input":
            chunk = msgspec.structs.replace(chunk, call_id="c", tool="t")
        from_seq = 1 if lane.is_replaced else lane.last + 1
        entry = chunk_entry(chunk, lane.name, from_seq, self._next())
        lane.note(entry, chunk)
        return entry

    async def send(self, write: Write) -> None:
        """Land a commit."""
        self.sent.append(write)
        await self._land(write)

    async def read(self, reader: LogReader, limit: int, *, cut: bool = False) -> bool:
        """Read a page after the reader's cursor, and where it is cut stop within its last entry."""
        cursor = reader.cursor
        page, reading = await self._read_page(cursor.seq, limit), Reader(cursor)
        for entry in page:
            chunks = list(reading.new(expand(entry, self.parts), self.head))
            if cut and entry is page[-1]:
                chunks = chunks[: self.random.randint(0, len(chunks) - 1)]
            for chunk in chunks:
                reader.add(chunk)
        return bool(page)

    async def read_to_the_end(self, reader: LogReader) -> Held:
        """Read until nothing comes. Shape: what the reader holds then."""
        while await self.read(reader, LONG):
            pass
        return [(chunk.lane, chunk.seq, bare(chunk)) for chunk in reader.fold.chunks]

    @property
    def truth(self) -> Held:
        """What the log says."""
        held = [(lane.name, chunk.seq, bare(chunk)) for lane in self.lanes for chunk in lane.chunks]
        return sorted(held, key=lambda one: one[1])

    def _next(self) -> int:
        self.head += 1
        return self.head


def bare(chunk: Chunk) -> Chunk:
    """What a chunk says; the data of an unknown kind is its stored form, whatever that was."""
    return msgspec.structs.replace(chunk, seq=0, from_seq=0, at=0, after=0, lacks=(), lane="", data=None)


async def check_log(log: LaneLog) -> None:
    """Write a log, and see that each reader ends with what it says, without a gap, and gets nothing twice."""
    await log.write()
    for reader in (*log.readers, LogReader()):
        assert await log.read_to_the_end(reader) == log.truth
        assert reader.fold.gaps == 0
        assert reader.cursor == Cursor(log.head)
        assert reader.repeated == []
