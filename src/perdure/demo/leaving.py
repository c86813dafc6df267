"""What a worker left behind in the stream of its run."""

from __future__ import annotations

import msgspec

from perdure.core.chunks import DELTA_KINDS, Chunk
from perdure.core.fold import Fold
from perdure.stores.port import Store
from perdure.streams import read


class Left(msgspec.Struct, frozen=True):
    """The last durable seq, and how many words of text, and pieces of anything, the open step has said."""

    head: int
    words: int
    pieces: int


async def left_behind(store: Store, run_id: str) -> Left:
    """Look at the stream as it is now."""
    fold = Fold()
    while (page := await read(store, run_id, tenant=None, after=fold.cursor)).chunks:
        fold.add_all(page.chunks)
    said = _open(fold.chunks)
    return Left(fold.cursor.seq, sum(chunk.kind == "text" for chunk in said), len(said))


def _open(chunks: list[Chunk]) -> list[Chunk]:
    """The deltas of the step that has begun and not ended."""
    begun = max((place for place, chunk in enumerate(chunks) if chunk.kind == "start"), default=len(chunks))
    since = chunks[begun:]
    return [] if any(chunk.kind == "step_end" for chunk in since) else [c for c in since if c.kind in DELTA_KINDS]
