"""A stream's chunks, the log that holds them, and the fold that reads it.

A chunk has a seq once it is durable. The log's entries cover `from_seq..seq`, and an entry replaces whatever a
reader holds in that span: a plain chunk covers its own seq; a reset covers a superseded attempt and is empty; a step
that commits leaves one entry over its whole span (see `compaction`). So whatever a reader has seen, folding what it
had and then what it reads after its cursor gives what a reader of the whole stream gets. A gap is
`from_seq > last + 1`.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from perdure.core.values import Value

KNOWN_KINDS = frozenset(
    {"start", "text", "reasoning", "tool_input", "tool_call", "tool_result", "step_end", "reset", "data", "finish"}
)
DELTA_KINDS = frozenset({"text", "reasoning", "tool_input"})


class Chunk(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One piece of a stream.

    Shape: `kind` is one of KNOWN_KINDS, or a later version's (then `data` is the whole chunk as stored). `text` is
    the delta of the kinds text, reasoning and tool_input, else empty. `part` is the place in the message that the
    chunk builds. A reader gets `turn`, `seq` and `from_seq` filled in; a chunk whose `from_seq` is not past what the
    reader has replaces it.
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
    finish_reason: str | None = None
    data: Value = None
    turn: int = 0
    seq: int = 0
    from_seq: int = 0

    @property
    def cursor(self) -> str:
        """Where to continue after this chunk: `turn.seq`."""
        return f"{self.turn}.{self.seq}"


class Entry(msgspec.Struct, frozen=True):
    """One row of a stream's log; `body` is `[chunk]`, `[]` for a reset, or a compacted span as an object."""

    from_seq: int
    seq: int
    body: bytes


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(list[Chunk])
_raw_decoder = msgspec.json.Decoder(list[dict[str, Value]])


def chunk_entry(chunk: Chunk, seq: int = 0) -> Entry:
    """The log entry of one chunk; the store gives it the next seq where none is given."""
    return Entry(seq, seq, _encoder.encode([chunk]))


def reset_entry(from_seq: int, seq: int = 0) -> Entry:
    """The log entry that supersedes everything from a seq up to itself."""
    return Entry(from_seq, seq, b"[]")


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


class Fold:
    """What a reader holds: give it chunks in the order read, ask it for what they come to."""

    def __init__(self) -> None:
        self.chunks: list[Chunk] = []
        self.gaps: int = 0
        self.last: int = 0

    def add(self, chunk: Chunk) -> None:
        """Take a chunk in; it replaces what is held from its `from_seq` on."""
        first = chunk.from_seq or chunk.seq
        if first > self.last + 1:
            self.gaps += 1
        while self.chunks and self.chunks[-1].seq >= first:
            self.chunks.pop()
        if chunk.kind != "reset":
            self.chunks.append(chunk)
        self.last = max(self.last, chunk.seq)

    def add_all(self, chunks: Iterable[Chunk]) -> Fold:
        """Take chunks in, in order."""
        for chunk in chunks:
            self.add(chunk)
        return self

    @property
    def text(self) -> str:
        """The text held."""
        return "".join(chunk.text for chunk in self.chunks if chunk.kind == "text")
