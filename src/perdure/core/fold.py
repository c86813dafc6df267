"""How a log of chunks is read: which chunks are new to a reader, and what the chunks that it has come to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from perdure.core.chunks import Chunk
from perdure.core.cursors import BEGINNING, Cursor


class Reader:
    """One reader of a log, from a cursor on: which chunks of each entry are new to it."""

    def __init__(self, cursor: Cursor = BEGINNING) -> None:
        self.cursor = cursor

    def take(self, chunk: Chunk, head: int) -> Chunk | None:
        """The next chunk of the next entry with this reader's cursor; None where the reader holds it.

        Shape: `head` is the log's last seq at the instant at which the chunk's entry was read, which is no earlier than
        the instants of the entries before it.
        """
        before = self.cursor
        if chunk.seq == before.seq + 1 and not before.lacks:  # as nearly all are
            now = Cursor(chunk.seq)
        elif before.holds(chunk.seq):
            return None
        else:
            now = Cursor(head) if chunk.seq == head else before.with_chunk(chunk.seq)
        self.cursor = now
        if chunk.after == before.seq and chunk.at == now.seq and chunk.lacks == now.lacks:
            return chunk
        return msgspec.structs.replace(chunk, after=before.seq, at=now.seq, lacks=now.lacks)

    def new(self, chunks: Iterable[Chunk], head: int) -> Iterator[Chunk]:
        """Those of the next entry's chunks that the reader lacks."""
        for chunk in chunks:
            taken = self.take(chunk, head)
            if taken is not None:
                yield taken


class Fold:
    """What a reader holds: give it chunks in the order read, ask it for what they come to."""

    def __init__(self) -> None:
        self._lanes: dict[str, list[Chunk]] = {}
        self.gaps: int = 0
        self.cursor: Cursor = BEGINNING

    def add(self, chunk: Chunk) -> None:
        """Take a chunk in; it replaces what is held of its lane in `from_seq..seq`."""
        if chunk.after != self.cursor.seq:
            self.gaps += 1
        lane = self._lanes.setdefault(chunk.lane, [])
        if lane and lane[-1].seq >= chunk.from_seq:
            lane[:] = [held for held in lane if not chunk.from_seq <= held.seq <= chunk.seq]
        if chunk.kind != "reset":
            lane.append(chunk)
            if len(lane) > 1 and lane[-2].seq > chunk.seq:
                lane.sort(key=lambda held: held.seq)
        self.cursor = Cursor(chunk.at, chunk.lacks)

    def add_all(self, chunks: Iterable[Chunk]) -> Fold:
        """Take chunks in, in order."""
        for chunk in chunks:
            self.add(chunk)
        return self

    @property
    def chunks(self) -> list[Chunk]:
        """What is held of all lanes, in order of seq."""
        return sorted((chunk for lane in self._lanes.values() for chunk in lane), key=lambda chunk: chunk.seq)

    @property
    def text(self) -> str:
        """The text held."""
        return "".join(chunk.text for chunk in self.chunks if chunk.kind == "text")
