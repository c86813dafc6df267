"""What an attempt in another process had said, found in the run's log."""

from __future__ import annotations

import msgspec

from perdure.core.chunks import DELTA_KINDS, Chunk, Entry
from perdure.core.compaction import expand, first_chunk
from perdure.stores.port import Store


class Earlier(msgspec.Struct, frozen=True):
    """Where the step's span begins (None where it has said nothing yet), and what its last attempt had said."""

    from_seq: int | None
    said: tuple[Chunk, ...]


async def find_earlier(store: Store, run_id: str, position: str) -> Earlier:
    """Look for the step's `start` chunks. A compacted span of the same step is one that failed and was reopened."""
    from_seq: int | None = None
    said = list[Chunk]()
    for entry in await _log(store, run_id):
        chunks = list(expand(entry, ())) if not entry.body.startswith(b"{") else []
        first = chunks[0] if chunks else first_chunk(entry)
        if first is not None and first.kind == "start" and first.data == position:
            from_seq = entry.from_seq if from_seq is None else from_seq
            said.clear()
        elif from_seq is not None:
            said += [chunk for chunk in chunks if chunk.kind in DELTA_KINDS]
    return Earlier(from_seq, tuple(said))


async def _log(store: Store, run_id: str) -> list[Entry]:
    log = list[Entry]()
    while (page := await store.streams.read(run_id, after=log[-1].seq if log else 0)).entries:
        log += page.entries
    return log
