"""A stream's chunks, and the log that holds them; `fold` reads it.

A run has one log, and the log has lanes: each streaming step writes in one of its own, several at once. Every entry
has the next seq of the run, whatever its lane. It covers `from_seq..seq` *of its lane*, and replaces whatever a
reader holds of the lane in that span: a plain entry begins after the lane's last one; a reset, and the one entry that
stands for a whole lane when its step has ended (see `compaction`), begin at 1. So whatever a reader has seen, folding
what it had and then what it reads after its cursor gives what a reader of the whole log gets.

Every chunk carries its reader's cursor (see `cursors`), in the middle of an entry too: who continues after it gets the
rest of that entry. A gap is a chunk whose `after` is not the reader's cursor.
"""

from __future__ import annotations

import msgspec

from perdure.core.cursors import Cursor, Spans
from perdure.core.values import Value

KNOWN_KINDS = frozenset(
    {"start", "text", "reasoning", "tool_input", "tool_call", "tool_result", "step_end", "reset", "data", "finish"}
)
DELTA_KINDS = frozenset({"text", "reasoning", "tool_input"})
RUN_LANE = ""
"""The lane of what belongs to no step."""


class Chunk(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One piece of a stream.

    Shape: `kind` is one of KNOWN_KINDS, or a later version's (then `data` is the whole chunk as stored). `text` is
    the delta of the kinds text, reasoning and tool_input, else empty. `part` is the place in the message that the
    chunk builds. What a reader gets has `turn`, `lane`, `seq` and `from_seq` filled in; it replaces what the reader
    has of the lane in `from_seq..seq`. `at` and `lacks` are the reader's cursor once it has the chunk, `after` is the
    seq of the one before.
    """

    kind: str
    text: str = ""
    part: int | None = None
    message_id: str | None = None
    call_id: str | None = None
    tool: str | None = None
    arguments: str | None = None
    output: Value = None
    error: str | None = None
    attempt: int | None = None
    step: int | None = None
    finish_reason: str | None = None
    data: Value = None
    turn: int = 0
    lane: str = RUN_LANE
    seq: int = 0
    from_seq: int = 0
    at: int = 0
    after: int = 0
    lacks: Spans = ()

    @property
    def cursor(self) -> str:
        """Where to continue after this chunk, in any process; a text to be kept as it is."""
        return Cursor(self.at, self.lacks).text(self.turn)


class Entry(msgspec.Struct, frozen=True):
    """One row of a log; `body` is `[chunk]`, `[]` for a reset, or a compacted lane as an object."""

    lane: str
    from_seq: int
    seq: int
    body: bytes


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(list[Chunk])
_raw_decoder = msgspec.json.Decoder(list[dict[str, Value]])


def chunk_entry(chunk: Chunk, lane: str, from_seq: int, seq: int) -> Entry:
    """The entry of one chunk; `from_seq` is one more than the lane's last seq, 1 for the first."""
    return Entry(lane, from_seq, seq, _encoder.encode([chunk]))


def reset_entry(lane: str, seq: int) -> Entry:
    """The entry that takes back everything that its lane holds so far."""
    return Entry(lane, 1, seq, b"[]")


def is_reset(entry: Entry) -> bool:
    """Whether an entry only takes back what its lane holds."""
    return entry.body == b"[]"


def is_compacted(entry: Entry) -> bool:
    """Whether an entry stands for a whole lane."""
    return entry.body.startswith(b"{")


def decode_chunks(body: bytes) -> list[Chunk]:
    """The chunks of a plain entry; one of an unknown kind carries its whole stored form as `data`."""
    chunks = _decoder.decode(body)
    if all(chunk.kind in KNOWN_KINDS for chunk in chunks):
        return chunks
    raw = _raw_decoder.decode(body)
    return [
        chunk if chunk.kind in KNOWN_KINDS else msgspec.structs.replace(chunk, data=whole)
        for chunk, whole in zip(chunks, raw, strict=True)
    ]
