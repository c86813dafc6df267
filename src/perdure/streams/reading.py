"""Reading a stream after a cursor: entries become chunks again, and nobody sees that they were compacted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from perdure.core.chunks import Chunk, Entry
from perdure.core.clock import next_turn
from perdure.core.compaction import expand, refers_to_message, resolve
from perdure.core.cursors import BEGINNING, Cursor
from perdure.core.fold import Reader
from perdure.core.messages import Part
from perdure.errors import RunNotFound
from perdure.stores.port import Store

MAX_CHUNKS = 256
"""Chunks that are made before everything else on the loop has its turn; one entry may hold any number of them."""


class Expanded(msgspec.Struct, frozen=True):
    """An entry's chunks, and the stream's last seq at the instant at which it was read."""

    seq: int
    head: int
    chunks: Iterable[Chunk]


class News(msgspec.Struct, frozen=True):
    """Entries in order; `head` is the stream's last seq, `ended` says that nothing will follow it."""

    entries: Sequence[Expanded]
    head: int
    ended: bool


class Page(msgspec.Struct, frozen=True):
    """What a reader with a cursor lacks of some entries, in order; `cursor` is its cursor then.

    Shape: `head` is the stream's last seq; `ended` says that nothing will follow the last chunk.
    """

    chunks: tuple[Chunk, ...]
    cursor: Cursor
    head: int
    ended: bool


async def read(
    store: Store, run_id: str, *, tenant: str | None, after: Cursor = BEGINNING, turn: int = 0, limit: int = 500
) -> Page:
    """The chunks of at most `limit` entries that a reader with the cursor `after` lacks.

    Shape: some may be older than the cursor's seq: it has passed theirs when they lay in an entry further on.
    Raises: RunNotFound.
    """
    news, reader = await read_news(store, run_id, tenant=tenant, after=after.seq, turn=turn, limit=limit), Reader(after)
    chunks = list[Chunk]()
    for entry in news.entries:
        chunks += reader.new(await in_turns(entry.chunks), entry.head)
    await next_turn()
    return Page(tuple(chunks), reader.cursor, news.head, news.ended and reader.cursor.seq >= news.head)


async def read_news(
    store: Store, run_id: str, *, tenant: str | None, after: int, turn: int = 0, limit: int = 500
) -> News:
    """At most `limit` entries with a seq greater than `after`; each is expanded when its chunks are asked for.

    Raises: RunNotFound.
    """
    page = await store.streams.read(run_id, tenant=tenant, after=after, limit=limit)
    parts: Sequence[Part] = ()
    if any(map(refers_to_message, page.entries)):
        message = await store.messages.of_run(run_id, tenant=tenant)
        if message is None:  # deleted since
            raise RunNotFound(run_id)
        parts = message.parts
    entries = [Expanded(entry.seq, page.head, _chunks(entry, parts, turn)) for entry in page.entries]
    return News(entries, page.head, page.ended)


async def in_turns(chunks: Iterable[Chunk]) -> tuple[Chunk, ...]:
    """All of an entry's chunks, with turns of the loop between."""
    made = list[Chunk]()
    for chunk in chunks:
        made.append(chunk)
        if len(made) % MAX_CHUNKS == 0:
            await next_turn()
    return tuple(made)


def _chunks(entry: Entry, parts: Sequence[Part], turn: int) -> Iterator[Chunk]:
    for chunk in expand(entry, parts):
        yield msgspec.structs.replace(resolve(chunk, parts), turn=turn)
