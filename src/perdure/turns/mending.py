"""What a producer streams, as text that UTF-8 can hold: halves that come in two deltas of a part are joined."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from perdure.core.chunks import DELTA_KINDS, Chunk
from perdure.core.text import PiecewiseText, well_formed_data
from perdure.core.values import Value

_PLAIN = ("message_id", "call_id", "tool", "arguments", "output", "error", "finish_reason", "data")


class Mending:
    """The chunks of one attempt; what it gives for a part, joined, is that part's text mended as a whole."""

    def __init__(self) -> None:
        self._texts: dict[int | None, tuple[PiecewiseText, Chunk]] = {}

    def take(self, chunk: Chunk) -> Iterator[Chunk]:
        """What can be shown of a chunk; nothing where it is all the first half of what the next one ends."""
        chunk = _mended(chunk)
        if chunk.kind not in DELTA_KINDS:
            yield chunk
            return
        text, _ = self._texts.get(chunk.part) or (PiecewiseText(), chunk)
        self._texts[chunk.part] = text, chunk
        shown = text.add(chunk.text)
        if shown or not chunk.text:
            yield chunk if shown == chunk.text else msgspec.structs.replace(chunk, text=shown)

    def end(self) -> Iterator[Chunk]:
        """What is left: halves whose second one never came."""
        for text, chunk in self._texts.values():
            left = text.end()
            if left:
                yield msgspec.structs.replace(chunk, text=left)


def _mended(chunk: Chunk) -> Chunk:
    changed = dict[str, Value]()
    for name in _PLAIN:
        value: Value = getattr(chunk, name)
        if value is not None and (mended := well_formed_data(value)) != value:
            changed[name] = mended
    return msgspec.structs.replace(chunk, **changed) if changed else chunk
