"""Writing a stream: at once when idle, together with what comes meanwhile while a commit runs.

Nothing is shown before it is durable, so the delay of a chunk is that of one commit, and a fast producer costs no
more commits than the disk can take.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from perdure.core.chunks import Chunk, Entry, chunk_entry
from perdure.stores.port import AppendEntries, CommitResult, Operation

Commit = Callable[..., Awaitable[CommitResult]]


class StreamWriter:
    """Appends to one run's stream under its lease; `written` are the chunks that are durable, with their seqs."""

    def __init__(self, run_id: str, commit: Commit) -> None:
        """Shape: `commit(*operations)` commits under the lease, and raises when it is lost."""
        self._run_id = run_id
        self._commit = commit
        self._pending: list[tuple[Entry, Chunk | None]] = []
        self._flushing: asyncio.Task[None] | None = None
        self.written: list[tuple[int, Chunk]] = []
        self.head = 0

    def put(self, chunk: Chunk) -> None:
        """Append a chunk, soon. Raises: what an earlier commit raised."""
        self._put(chunk_entry(chunk), chunk)

    async def begin(self, *operations: Operation, entries: tuple[tuple[Entry, Chunk | None], ...]) -> None:
        """Append entries together with other operations, and wait until they are durable."""
        await self.flushed()
        await self._land(entries, operations)

    async def flushed(self) -> None:
        """Wait until everything that was put is durable. Raises: what a commit raised."""
        while self._flushing is not None:
            await asyncio.shield(self._flushing)

    def _put(self, entry: Entry, chunk: Chunk | None) -> None:
        if self._flushing is not None and self._flushing.done():
            self._flushing.result()
        self._pending.append((entry, chunk))
        if self._flushing is None:
            self._flushing = asyncio.ensure_future(self._flush())

    async def _flush(self) -> None:
        while self._pending:
            batch, self._pending = tuple(self._pending), []
            await self._land(batch, ())
        self._flushing = None

    async def _land(self, batch: tuple[tuple[Entry, Chunk | None], ...], operations: tuple[Operation, ...]) -> None:
        landed = await self._commit(*operations, AppendEntries(self._run_id, tuple(entry for entry, _ in batch)))
        self.head = landed[-1]
        first = self.head - len(batch) + 1
        self.written += [(seq, chunk) for seq, (_, chunk) in enumerate(batch, first) if chunk is not None]
