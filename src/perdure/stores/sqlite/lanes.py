"""How the log of a run of the fourth schema gets lanes.

It had none: whatever a step said lay in one span, from a `start` chunk that names the step's position to the one entry
over the whole span that its end left. Each such span is a lane now, named by the position; all else is of the run. No
seq changes, so a reader's cursor stays good.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from typing import cast

import msgspec

from perdure.core.chunks import RUN_LANE
from perdure.core.records import MAX_STEPS, STEP_BITS
from perdure.core.values import Value
from perdure.stores.sqlite.driver import Connection

_OF_THE_RUN = {"tool_result", "finish"}

_READ = "SELECT runs.id, from_seq, seq, body FROM old_chunks JOIN runs USING (run_id) ORDER BY runs.id, seq"
_INSERT = "INSERT INTO chunks (run, lane, from_seq, seq, body) VALUES (?, ?, ?, ?, ?)"
_OPENED = (
    f"UPDATE steps SET opened = ?1 WHERE id BETWEEN ?2 << {STEP_BITS} AND ?2 << {STEP_BITS} | {MAX_STEPS}"
    " AND position = ?3"
)


_span = msgspec.json.Decoder(dict[str, Value])
_chunks = msgspec.json.Decoder(list[dict[str, Value]])


def move_chunks(connection: Connection) -> None:
    """Move every entry of the old log."""
    reading, writing = connection.cursor(), connection.cursor()
    found = cast("Iterator[tuple[int, int, int, bytes]]", reading.execute(_READ))
    for run, entries in groupby(found, itemgetter(0)):
        lanes = _Lanes()
        moved = [lanes.place(from_seq, seq, body) for _, from_seq, seq, body in entries]
        writing.executemany(_INSERT, [(run, *entry) for entry in moved])
        for lane, opened in lanes.opened.items():
            writing.execute(_OPENED, (opened, run, lane))


class _Lanes:
    """The lanes of one run, as far as its log has been read."""

    def __init__(self) -> None:
        self.opened: dict[str, int] = {}
        self._spans: dict[int, str] = {}
        self._last: dict[str, int] = {}
        self._current = RUN_LANE

    def place(self, from_seq: int, seq: int, body: bytes) -> tuple[str, int, int, bytes]:
        """The lane, `from_seq`, seq and body that an old entry has now."""
        if body.startswith(b"{"):  # a step has ended
            span = _span.decode(body)
            items = _items(span)
            lane = (_position(items[0].get("chunk")) if items else None) or f"span:{from_seq}"
            self._spans[from_seq], self._current, begins = lane, RUN_LANE, 1
            body = msgspec.json.encode({"items": items, "message_id": span.get("message_id")})
        elif body == b"[]":  # what an earlier attempt had said is taken back
            lane = self._current = self._spans.get(from_seq, self._current)
            begins = 1
        else:
            lane = self._lane_of(_chunks.decode(body)[0], seq)
            begins = self._last.get(lane, 0) + 1
        self._last[lane] = seq
        if lane != RUN_LANE:
            self.opened.setdefault(lane, seq)
        return lane, begins, seq, body

    def _lane_of(self, chunk: dict[str, Value], seq: int) -> str:
        position = _position(chunk)
        if position is not None and position != self._current:
            self._current = position
            self._spans.setdefault(seq, position)
        elif chunk.get("kind") == "finish":
            self._current = RUN_LANE
        return RUN_LANE if chunk.get("kind") in _OF_THE_RUN else self._current


def _position(chunk: dict[str, Value] | None) -> str | None:
    data = chunk.get("data") if chunk is not None and chunk.get("kind") == "start" else None
    return data if isinstance(data, str) else None


def _items(span: dict[str, Value]) -> list[dict[str, Value]]:
    """The items of a compacted span, each with the seqs that it stands for."""
    seq, items = cast("int", span["fresh"]), list[dict[str, Value]]()
    for item in span["items"]:
        count = 1 if item.get("chunk") is not None else len(item.get("lengths", ()))
        items.append({"seqs": [seq, count], **item})
        seq += count
    return items
