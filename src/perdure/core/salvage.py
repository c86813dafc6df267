"""What an unfinished reply comes to: its parts, from the deltas that are durable."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from perdure.core.chunks import DELTA_KINDS, Chunk, Entry, decode_chunks, is_compacted
from perdure.core.messages import Part, ReasoningPart, TextPart, ToolCallPart

UNKNOWN_OUTCOME = "It is not known whether this call happened: it began, and nobody saw its end."
CUT_OFF = "The call was cut off before it was complete; it was never run."


class OpenLane:
    """A lane of which the log holds the plain entries: what its last attempt said, and what the one before had.

    Shape: `step` is the number of the model step that it is of.
    """

    def __init__(self, lane: str) -> None:
        self.lane = lane
        self.opened = 0
        self.step = 0
        self.chunks: list[Chunk] = []
        self._before: list[Chunk] = []

    def add(self, entry: Entry, chunks: Sequence[Chunk]) -> None:
        """Take an entry in; a reset begins another attempt."""
        self.opened = self.opened or entry.seq
        if not chunks:
            self._before = self.said or self._before
            self.chunks = []
        self.chunks += chunks
        self.step = next((chunk.step for chunk in chunks if chunk.step is not None), self.step)

    @property
    def said(self) -> list[Chunk]:
        """The deltas of the last attempt."""
        return [chunk for chunk in self.chunks if chunk.kind in DELTA_KINDS]

    @property
    def best(self) -> list[Chunk]:
        """The deltas of the last attempt that said something."""
        return self.said or self._before


def open_lanes(entries: Iterable[Entry]) -> list[OpenLane]:
    """The lanes whose step has not ended, from the plain entries of a log, in order of seq."""
    lanes: dict[str, OpenLane] = {}
    for entry in entries:
        if not is_compacted(entry):
            chunks = [_with_seq(chunk, entry.seq) for chunk in decode_chunks(entry.body)]
            lanes.setdefault(entry.lane, OpenLane(entry.lane)).add(entry, chunks)
    return list(lanes.values())


def partial_parts(said: Sequence[Chunk], step: int) -> dict[int, Part]:
    """The parts that deltas of an unfinished reply come to, by their places.

    A call that was not complete is one that never ran.
    """
    by_place: dict[int, list[Chunk]] = {}
    for chunk in said:
        if chunk.part is not None:
            by_place.setdefault(chunk.part, []).append(chunk)
    return {place: _partial(chunks, step) for place, chunks in sorted(by_place.items())}


def _partial(chunks: list[Chunk], step: int) -> Part:
    first, text = chunks[0], "".join(chunk.text for chunk in chunks)
    if first.kind == "reasoning":
        return ReasoningPart(text=text, step=step)
    if first.kind != "tool_input":
        return TextPart(text=text, step=step)
    return ToolCallPart(
        call_id=first.call_id or "",
        tool=first.tool or "",
        arguments=text,
        step=step,
        state="failed",
        error=CUT_OFF,
        error_code="model_cut_off",
    )


def _with_seq(chunk: Chunk, seq: int) -> Chunk:
    return msgspec.structs.replace(chunk, seq=seq)
