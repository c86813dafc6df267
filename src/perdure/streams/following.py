"""Following a stream: reading, and waiting for news, until the stream has ended."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from perdure.core.chunks import Chunk
from perdure.stores.port import Store
from perdure.streams.reading import read


async def follow(store: Store, run_id: str, *, after: int = 0, turn: int = 0) -> AsyncGenerator[Chunk, None]:
    """Every chunk with a seq greater than `after`, as it becomes durable, until the run has ended.

    In any process, before or after a restart, and it changes nothing. What a superseded attempt had said is taken
    back by a chunk of the kind `reset`. At most 500 entries are held at once, however slow the reader.
    Raises: RunNotFound.
    """
    watch = store.watch(f"stream:{run_id}")
    try:
        while True:
            page = await read(store, run_id, after=after, turn=turn)
            for chunk in page.chunks:
                after = max(after, chunk.seq)
                yield chunk
            if page.ended:
                return
            if not page.chunks:
                await watch.wait()
    finally:
        watch.close()
