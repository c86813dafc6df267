"""Following a stream: reading, and waiting for news, until the stream has ended."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from functools import partial

from perdure.core.chunks import Chunk
from perdure.core.clock import Clock, SystemClock, next_turn
from perdure.core.cursors import BEGINNING, Cursor
from perdure.core.fold import Reader
from perdure.stores.outages import read_again
from perdure.stores.port import Store
from perdure.streams.reading import MAX_CHUNKS, read_news
from perdure.streams.sharing import SharedStream, join, leave


async def follow(
    store: Store,
    run_id: str,
    *,
    tenant: str | None,
    after: Cursor = BEGINNING,
    turn: int = 0,
    clock: Clock | None = None,
) -> AsyncGenerator[Chunk, None]:
    """Every chunk that a reader with the cursor `after` lacks, as it becomes durable, until the run has ended.

    In any process, before or after a restart, and it changes nothing. What a superseded attempt had said is taken
    back by a chunk of the kind `reset`. Nothing is given twice, whatever was compacted meanwhile. However long the
    stream is, everything else on the loop has its turns. Once it has read, it waits while the store can't be reached.
    Raises: RunNotFound; StoreUnavailable where the store can't be reached at the beginning.
    """
    reader, made = Reader(after), 0
    ask = partial(read_news, store, run_id, tenant=tenant, turn=turn)
    news = await ask(after=after.seq)
    shared: SharedStream | None = None
    try:
        while True:
            for entry in news.entries:
                for chunk in entry.chunks:
                    new = reader.take(chunk, entry.head)
                    if new is not None:
                        yield new
                    made += 1
                    if made % MAX_CHUNKS == 0:
                        await next_turn()
            seq = reader.cursor.seq
            if seq < news.head:  # a page was not all that there is, or a slow reader has missed what is not kept
                await next_turn()
                news = await read_again(clock or SystemClock(), partial(ask, after=seq))
            elif news.ended:
                return
            else:
                # from here on all news was read later than anything that this reader has: see `Reader.take`
                shared = shared or join(store, run_id, tenant, turn, seq, clock)
                news = await shared.news(seq)
    finally:
        if shared is not None:
            leave(store, run_id, tenant, shared)
