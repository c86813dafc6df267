"""Reading a stream after a cursor: entries become chunks again, and nobody sees that they were compacted."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from perdure.core.chunks import Chunk
from perdure.core.compaction import expand, message_of, resolve
from perdure.core.messages import Part
from perdure.stores.port import Store


class Page(msgspec.Struct, frozen=True):
    """Chunks in order of seq; `head` is the stream's last seq, and `ended` says that nothing will follow it."""

    chunks: tuple[Chunk, ...]
    head: int
    ended: bool


async def read(store: Store, run_id: str, *, after: int = 0, turn: int = 0, limit: int = 500) -> Page:
    """The chunks with a seq greater than `after`, of at most `limit` entries of the log.

    Raises: RunNotFound.
    """
    page = await store.streams.read(run_id, after=after, limit=limit)
    parts = _Parts(store)
    chunks = list[Chunk]()
    for entry in page.entries:
        of_message = await parts.of(message_of(entry))
        for chunk in expand(entry, of_message):
            if chunk.seq > after:
                whole = resolve(chunk, await parts.of(chunk.message_id))
                chunks.append(msgspec.structs.replace(whole, turn=turn))
    last = page.entries[-1].seq if page.entries else after
    return Page(tuple(chunks), page.head, page.ended and last >= page.head)


class _Parts:
    """The parts of the messages that a page refers to, each read once."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[str, Sequence[Part]] = {}

    async def of(self, message_id: str | None) -> Sequence[Part]:
        if message_id is None:
            return ()
        if message_id not in self._known:
            message = await self._store.messages.get(message_id)
            self._known[message_id] = message.parts if message else ()
        return self._known[message_id]
