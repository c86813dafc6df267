"""Following a stream: reading, and waiting for news, until the stream has ended."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from functools import partial

from perdure.core.chunks import Chunk
from perdure.core.clock import Clock, SystemClock
from perdure.stores.outages import read_again
from perdure.stores.port import Store
from perdure.streams.reading import read
from perdure.streams.sharing import SharedStream, join, leave


async def follow(
    store: Store, run_id: str, *, tenant: str | None, after: int = 0, turn: int = 0, clock: Clock | None = None
) -> AsyncGenerator[Chunk, None]:
    """Every chunk of the entries with a seq greater than `after`, as it becomes durable, until the run has ended.

    In any process, before or after a restart, and it changes nothing. What a superseded attempt had said is taken
    back by a chunk of the kind `reset`. What this call has given already is not given again when its step ends.
    Once it has read, it waits while the store can't be reached.
    Raises: RunNotFound; StoreUnavailable where the store can't be reached at the beginning.
    """
    given = _Given()
    page = await read(store, run_id, tenant=tenant, after=after, turn=turn)
    shared: SharedStream | None = None
    try:
        while True:
            for chunk in given.new(page.chunks):
                yield chunk
            if page.ended:
                return
            if page.cursor >= page.head and shared is None:
                shared = join(store, run_id, tenant, turn, page.cursor, clock)
            if shared is None or page.cursor < shared.after:  # what lies behind, or what a slow reader has missed
                behind = partial(read, store, run_id, tenant=tenant, after=page.cursor, turn=turn)
                page = await read_again(clock or SystemClock(), behind)
            else:
                page = await shared.page(page.cursor)
    finally:
        if shared is not None:
            leave(store, run_id, tenant, shared)


class _Given:
    """What one reader was given of each lane, so that the entry of a whole lane brings only what is new."""

    def __init__(self) -> None:
        self._last: dict[str, int] = {}
        self._skips_to = 0
        self._is_first = True

    def new(self, chunks: Sequence[Chunk]) -> list[Chunk]:
        """The chunks of whole entries that this reader has not, in order; an entry's last one always."""
        found = list[Chunk]()
        for chunk in chunks:
            given = self._last.get(chunk.lane, 0)
            if self._is_first:
                # where the first chunk of a whole lane was given, so was all that survives up to the last one given
                self._skips_to = given if chunk.from_seq == 1 and chunk.seq <= given else 0
            self._is_first = chunk.at != chunk.after
            if chunk.kind == "reset":
                self._last[chunk.lane] = 0
                found.append(chunk)
            elif chunk.seq > self._skips_to or self._is_first:
                self._last[chunk.lane] = max(given, chunk.seq)
                found.append(chunk)
        return found
