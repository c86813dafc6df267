"""What a worker left behind in the stream of its run."""

from __future__ import annotations

import msgspec

from perdure.core.chunks import Chunk
from perdure.stores.port import Store
from perdure.streams import read


class Left(msgspec.Struct, frozen=True):
    """The last durable seq, and how many words of text the step that is open has said."""

    head: int
    words: int


async def left_behind(store: Store, run_id: str) -> Left:
    """Look at the stream as it is now."""
    chunks = list[Chunk]()
    while (page := await read(store, run_id, after=chunks[-1].seq if chunks else 0)).chunks:
        chunks += page.chunks
    words = 0
    for chunk in chunks:
        words = words + 1 if chunk.kind == "text" else 0 if chunk.kind in {"start", "step_end"} else words
    return Left(chunks[-1].seq if chunks else 0, words)
