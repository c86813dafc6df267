"""Reading a stream after a cursor: entries become chunks again, and nobody sees that they were compacted."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from perdure.core.chunks import Chunk, Entry
from perdure.core.compaction import expand, message_of, resolve
from perdure.core.messages import Part
from perdure.stores.port import Store


class Page(msgspec.Struct, frozen=True):
    """Chunks of whole entries, in order; `cursor` is the last entry's seq, `head` the stream's last one.

    Shape: `ended` says that nothing will follow the last chunk.
    """

    chunks: tuple[Chunk, ...]
    cursor: int
    head: int
    ended: bool


async def read(
    store: Store, run_id: str, *, tenant: str | None, after: int = 0, turn: int = 0, limit: int = 500
) -> Page:
    """The chunks of at most `limit` entries with a seq greater than `after`.

    Shape: each entry whole: it may hold chunks that are older than the cursor, in the place of those that the reader
    has.
    Raises: RunNotFound.
    """
    page = await store.streams.read(run_id, tenant=tenant, after=after, limit=limit)
    expander = Expander(store, run_id, tenant, turn)
    chunks, cursor = list[Chunk](), after
    for entry in page.entries:
        chunks += await expander.chunks(entry, cursor)
        cursor = entry.seq
    return Page(tuple(chunks), cursor, page.head, page.ended and cursor >= page.head)


class Expander:
    """Makes chunks of a run's entries; reads the message that they refer to once a page."""

    def __init__(self, store: Store, run_id: str, tenant: str | None, turn: int) -> None:
        self._store = store
        self._run_id = run_id
        self._tenant = tenant
        self._turn = turn
        self._parts: Sequence[Part] | None = None

    async def chunks(self, entry: Entry, after: int) -> list[Chunk]:
        """The chunks of an entry, as a reader with the cursor `after` gets them."""
        of_message = await self._message_parts() if message_of(entry) is not None else ()
        found = list[Chunk]()
        for chunk in expand(entry, of_message, after):
            parts = await self._message_parts() if chunk.message_id is not None else ()
            found.append(msgspec.structs.replace(resolve(chunk, parts), turn=self._turn))
        return found

    async def _message_parts(self) -> Sequence[Part]:
        if self._parts is None:
            message = await self._store.messages.of_run(self._run_id, tenant=self._tenant)
            self._parts = message.parts if message is not None else ()
        return self._parts
