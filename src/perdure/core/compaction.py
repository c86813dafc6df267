"""A step's span as one entry: invisible to readers, and no second copy of what the model said.

The entry keeps, for each seq of the attempt that survived, where its delta lies in the message's part; `expand` gives
back exactly the chunks that were there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from perdure.core.chunks import DELTA_KINDS, Chunk, Entry, decode_chunks
from perdure.core.messages import Part, ReasoningPart, TextPart, ToolCallPart, part_text


class _Item(msgspec.Struct, frozen=True, omit_defaults=True):
    """Consecutive seqs: deltas of a message's part by their lengths, or one chunk as it was."""

    part: int | None = None
    lengths: list[int] = []
    chunk: Chunk | None = None


class Span(msgspec.Struct, frozen=True, omit_defaults=True):
    """The body of a compacted entry; `fresh` is the first seq of the attempt that survived."""

    fresh: int
    items: list[_Item]
    message_id: str | None = None


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Span)


def compact(from_seq: int, chunks: Sequence[Chunk], message_id: str | None, parts: Mapping[int, Part]) -> Entry:
    """One entry for the span from `from_seq` to the last of `chunks`, the surviving attempt's, seqs filled in.

    Shape: `parts` are the message's parts that the deltas built; a delta whose text is not what stands in its part
    at that place is kept whole.
    """
    items: list[_Item] = []
    taken = dict.fromkeys(parts, 0)
    for chunk in chunks:
        place = chunk.part
        if place is not None and place in parts and chunk == _delta(chunk, parts[place], taken[place]):
            taken[place] += len(chunk.text)
            if items and items[-1].part == place:
                items[-1].lengths.append(len(chunk.text))
            else:
                items.append(_Item(place, [len(chunk.text)]))
        else:
            items.append(_Item(chunk=msgspec.structs.replace(chunk, seq=0, from_seq=0, turn=0)))
    last, fresh = (chunks[-1].seq, chunks[0].seq) if chunks else (from_seq, from_seq)
    return Entry(from_seq, last, _encoder.encode(Span(fresh, items, message_id)))


def expand(entry: Entry, parts: Sequence[Part]) -> Iterator[Chunk]:
    """The chunks of any entry, in order, with `seq` and `from_seq`; `parts` are those of its message, if it has one.

    What a superseded attempt said is gone from a compacted span; a reset stands for it.
    """
    if not entry.body.startswith(b"{"):
        yield from _plain(entry)
        return
    span = _decoder.decode(entry.body)
    if span.fresh > entry.from_seq:
        yield Chunk(kind="reset", seq=span.fresh - 1, from_seq=entry.from_seq)
    for seq, chunk in enumerate(_chunks(span, parts), span.fresh):
        yield msgspec.structs.replace(chunk, seq=seq, from_seq=seq)


def first_chunk(entry: Entry) -> Chunk | None:
    """The chunk that a compacted entry begins with, where it is kept whole."""
    items = _decoder.decode(entry.body).items if entry.body.startswith(b"{") else []
    return items[0].chunk if items else None


def message_of(entry: Entry) -> str | None:
    """The message that a compacted entry refers to."""
    return _decoder.decode(entry.body).message_id if entry.body.startswith(b"{") else None


def resolve(chunk: Chunk, parts: Sequence[Part]) -> Chunk:
    """A chunk that refers to a tool call of a message, with what stands there; any other chunk as it is."""
    if chunk.message_id is None or chunk.part is None or chunk.part >= len(parts):
        return chunk
    part = parts[chunk.part]
    if not isinstance(part, ToolCallPart) or chunk.kind not in {"tool_call", "tool_result"}:
        return chunk
    known = msgspec.structs.replace(chunk, call_id=part.call_id, tool=part.tool)
    if chunk.kind == "tool_call":
        return msgspec.structs.replace(known, arguments=part.arguments)
    return msgspec.structs.replace(known, output=part.output, error=part.error)


def _plain(entry: Entry) -> Iterator[Chunk]:
    chunks = decode_chunks(entry.body) or [Chunk(kind="reset")]
    for chunk in chunks:
        yield msgspec.structs.replace(chunk, seq=entry.seq, from_seq=entry.from_seq)


def _chunks(span: Span, parts: Sequence[Part]) -> Iterator[Chunk]:
    taken: dict[int, int] = {}
    for item in span.items:
        if item.chunk is not None:
            yield item.chunk
        elif item.part is not None:
            part = parts[item.part]
            text = part_text(part) or ""
            for length in item.lengths:
                start = taken.get(item.part, 0)
                taken[item.part] = start + length
                yield _of_part(part, item.part, text[start : start + length])


def _delta(chunk: Chunk, part: Part, start: int) -> Chunk | None:
    """The delta that `expand` would make of the part for this chunk, with the chunk's own seqs."""
    text = part_text(part)
    if chunk.kind not in DELTA_KINDS or text is None or chunk.part is None:
        return None
    made = _of_part(part, chunk.part, text[start : start + len(chunk.text)])
    return msgspec.structs.replace(made, seq=chunk.seq, from_seq=chunk.from_seq, turn=chunk.turn)


def _of_part(part: Part, place: int, text: str) -> Chunk:
    if isinstance(part, ToolCallPart):
        return Chunk(kind="tool_input", text=text, part=place, call_id=part.call_id, tool=part.tool)
    if isinstance(part, ReasoningPart):
        return Chunk(kind="reasoning", text=text, part=place)
    if isinstance(part, TextPart):
        return Chunk(kind="text", text=text, part=place)
    return Chunk(kind="data", text=text, part=place)
