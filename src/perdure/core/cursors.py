"""Cursors: what a reader of a log holds, so that it gets what it lacks, and nothing twice.

Every seq of a log is an entry's at first. When a lane is compacted its chunks keep their seqs, and lie in one entry
further on. So whoever reads from the beginning passes seqs at which there is nothing any more: they are of a chunk that
comes later, or of one that was superseded. A cursor is how far its reader has read, and which seqs before that it has
passed so. At the head of the log there is nothing left to come, and a cursor has no such spans.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import chain, pairwise
from typing import TypeAlias

import msgspec

MAX_SPANS = 32
"""Spans that a cursor names. Beyond them the first two become one: its reader gets what lies between again."""

Spans: TypeAlias = tuple[tuple[int, int], ...]
"""The first and the last seq of each, in order."""

_NUMBER = r"(?:0|[1-9][0-9]{0,17})"  # as they are given out: ASCII, and within the 64 bits of a store
_TEXT = re.compile(rf"({_NUMBER})\.({_NUMBER})((?:\.{_NUMBER}-{_NUMBER}){{0,{MAX_SPANS}}})")


class Cursor(msgspec.Struct, frozen=True, gc=False):
    """A reader holds every chunk up to `seq` that was not superseded, but for those in the spans of `lacks`."""

    seq: int = 0
    lacks: Spans = ()

    def holds(self, seq: int) -> bool:
        """Whether the reader has the chunk of a seq."""
        return seq <= self.seq and not any(first <= seq <= last for first, last in self.lacks)

    def with_chunk(self, seq: int) -> Cursor:
        """The cursor once the reader has the chunk of a seq that it did not hold."""
        if seq == self.seq + 1:
            return Cursor(seq, self.lacks)
        if seq > self.seq:
            return Cursor(seq, _fewer((*self.lacks, (self.seq + 1, seq - 1))))
        return Cursor(self.seq, _fewer(tuple(chain.from_iterable(_without(span, seq) for span in self.lacks))))

    def text(self, turn: int) -> str:
        """The cursor in a turn, as readers keep it: `turn.seq`, and each span that is lacking."""
        return f"{turn}.{self.seq}" + "".join(f".{first}-{last}" for first, last in self.lacks)


BEGINNING = Cursor()


def cursor_of(text: str) -> tuple[int, Cursor] | None:
    """The turn and the cursor of a text; None for one that no stream gave out."""
    found = _TEXT.fullmatch(text)
    if found is None:
        return None
    spans = [tuple(map(int, span.split("-"))) for span in found[3].split(".")[1:]]
    lacks = tuple((first, last) for first, last in spans)
    bounds = [0, *chain.from_iterable(lacks), int(found[2])]
    is_in_order = all(first <= last for first, last in pairwise(bounds))
    is_apart = all(before[1] < span[0] for before, span in pairwise(((0, 0), *lacks)))
    return (int(found[1]), Cursor(int(found[2]), lacks)) if is_in_order and is_apart else None


def _without(span: tuple[int, int], seq: int) -> Iterable[tuple[int, int]]:
    first, last = span
    if not first <= seq <= last:
        return (span,)
    return [(low, high) for low, high in ((first, seq - 1), (seq + 1, last)) if low <= high]


def _fewer(spans: Spans) -> Spans:
    if len(spans) <= MAX_SPANS:
        return spans
    return ((spans[0][0], spans[1][1]), *spans[2:])
