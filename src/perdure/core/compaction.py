"""A step's lane as one entry: invisible to readers, and no second copy of what the model said.

The entry keeps, for each chunk of the attempt that survived, its seq and where its delta lies in the message's part;
`expand` gives back exactly the chunks that were there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from perdure.core.chunks import DELTA_KINDS, Chunk, Entry, decode_chunks, is_compacted
from perdure.core.messages import Part, ReasoningPart, TextPart, ToolCallPart, part_text


class _Item(msgspec.Struct, frozen=True, omit_defaults=True):
    """Chunks that follow each other: deltas of a message's part by their lengths, or one chunk as it was.

    Shape: `seqs` are pairs of a seq and how many follow it without a gap: those of other lanes lie between.
    """

    seqs: list[int]
    part: int | None = None
    lengths: list[int] = []
    chunk: Chunk | None = None


class Lane(msgspec.Struct, frozen=True, omit_defaults=True):
    """The body of a compacted entry."""

    items: list[_Item]
    message_id: str | None = None


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Lane)


def compact(
    lane: str, seq: int, chunks: Sequence[Chunk], message_id: str | None = None, parts: Mapping[int, Part] | None = None
) -> Entry:
    """One entry, at a seq, for a whole lane: `chunks` are the surviving attempt's, seqs filled in, in order.

    Shape: `parts` are the message's parts that the deltas built; a delta whose text is not what stands in its part
    at that place is kept whole.
    """
    items: list[_Item] = []
    parts = parts or {}
    taken = dict.fromkeys(parts, 0)
    for chunk in chunks:
        place = chunk.part
        if place is not None and place in parts and _bare(chunk) == _delta(chunk, parts[place], taken[place]):
            taken[place] += len(chunk.text)
            if not items or items[-1].part != place:
                items.append(_Item([], place, []))
            items[-1].lengths.append(len(chunk.text))
            _count(items[-1].seqs, chunk.seq)
        else:
            items.append(_Item([chunk.seq, 1], chunk=_bare(chunk)))
    return Entry(lane, 1, seq, _encoder.encode(Lane(items, message_id)))


def expand(entry: Entry, parts: Sequence[Part]) -> Iterator[Chunk]:
    """The chunks of any entry, in order, as a reader gets them who holds everything before each.

    Shape: `parts` are those of the entry's message, if it has one.
    """
    from_seq = entry.from_seq
    for seq, chunk in _found(entry, parts):
        yield msgspec.structs.replace(chunk, lane=entry.lane, seq=seq, from_seq=from_seq, at=seq, after=seq - 1)
        from_seq = seq + 1
    if from_seq <= entry.seq:  # so that the chunks cover the whole span of the entry
        seq = entry.seq
        yield Chunk(kind="reset", lane=entry.lane, seq=seq, from_seq=from_seq, at=seq, after=seq - 1)


def _found(entry: Entry, parts: Sequence[Part]) -> Iterable[tuple[int, Chunk]]:
    if not is_compacted(entry):
        return [(entry.seq, chunk) for chunk in decode_chunks(entry.body)]
    lane = _decoder.decode(entry.body)
    return zip(_seqs(lane), _chunks(lane, parts), strict=True)


def refers_to_message(entry: Entry) -> bool:
    """Whether something of the entry stands in the parts of its run's message."""
    return b'"message_id"' in entry.body


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


def _count(seqs: list[int], seq: int) -> None:
    if seqs and seqs[-2] + seqs[-1] == seq:
        seqs[-1] += 1
    else:
        seqs += (seq, 1)


def _seqs(lane: Lane) -> Iterator[int]:
    for item in lane.items:
        for first, count in zip(item.seqs[::2], item.seqs[1::2], strict=True):
            yield from range(first, first + count)


def _chunks(lane: Lane, parts: Sequence[Part]) -> Iterator[Chunk]:
    taken: dict[int, int] = {}
    for item in lane.items:
        if item.chunk is not None:
            yield item.chunk
        elif item.part is not None:
            part = parts[item.part]
            text = part_text(part) or ""
            for length in item.lengths:
                start = taken.get(item.part, 0)
                taken[item.part] = start + length
                yield _of_part(part, item.part, text[start : start + length])


def _bare(chunk: Chunk) -> Chunk:
    return msgspec.structs.replace(chunk, seq=0, from_seq=0, turn=0, lane="", at=0, after=0, lacks=())


def _delta(chunk: Chunk, part: Part, start: int) -> Chunk | None:
    """The delta that `expand` would make of the part for this chunk."""
    text = part_text(part)
    if chunk.kind not in DELTA_KINDS or text is None or chunk.part is None:
        return None
    return _of_part(part, chunk.part, text[start : start + len(chunk.text)])


def _of_part(part: Part, place: int, text: str) -> Chunk:
    if isinstance(part, ToolCallPart):
        return Chunk(kind="tool_input", text=text, part=place, call_id=part.call_id, tool=part.tool)
    if isinstance(part, ReasoningPart):
        return Chunk(kind="reasoning", text=text, part=place)
    if isinstance(part, TextPart):
        return Chunk(kind="text", text=text, part=place)
    return Chunk(kind="data", text=text, part=place)
