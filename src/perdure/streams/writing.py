"""Writing a run's log: one sequencer for all of its lanes.

Whatever has a seq goes through here: chunks that are appended as they come, and commits that end a step or the run
with entries of their own. One commit is in flight at a time and carries what all lanes have by then, so that the seqs
land in order. Nothing is shown before it is durable; so the delay of a chunk is that of one commit, and a fast
producer costs no more commits than the disk can take.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeAlias

import msgspec

from perdure.core.chunks import Chunk, Entry, chunk_entry, reset_entry
from perdure.core.clock import next_turn
from perdure.core.operations import AppendEntries, CommitResult, HolderOperation, ReplaceLane

MAX_PENDING = 256
"""Chunks that may wait for a commit; whoever puts more waits until they are durable."""

Commit: TypeAlias = Callable[..., Awaitable[CommitResult]]
Make: TypeAlias = Callable[[int], tuple[HolderOperation, ...]]
"""The operations of a commit, given the seq that its first entry gets."""


class LaneWriter:
    """One lane of a log; `written` are the chunks of the attempt under way that are durable, with their seqs.

    Shape: `opened` is the seq of the oldest entry that the log has of the lane, 0 for none yet.
    """

    def __init__(self, log: LogWriter, name: str, opened: int = 0, last: int = 0) -> None:
        self._log = log
        self.name = name
        self.opened = opened
        self.written: list[Chunk] = []
        self._last = last

    async def put(self, chunk: Chunk, also: Make | None = None) -> None:
        """Append a chunk, soon; waits where too many wait already. Raises: what an earlier commit raised.

        Shape: `also` makes operations that land with it, given the seq that the lane's oldest entry has then.
        """
        await self._log.put(self, chunk, also)

    async def reset(self) -> None:
        """Take back what the lane holds so far, soon."""
        self.written.clear()
        await self._log.put(self, None, None)

    def take_pending(self) -> list[Chunk]:
        """The chunks that are not durable yet: they land with the lane's end, and nowhere else."""
        return self._log.take_pending(self)

    def entry(self, chunk: Chunk | None, seq: int) -> Entry:
        """The entry of a chunk, or of a reset, at a seq."""
        self.opened = self.opened or seq
        from_seq, self._last = self._last + 1, seq
        if chunk is None:
            return reset_entry(self.name, seq)
        self.written.append(msgspec.structs.replace(chunk, seq=seq))
        return chunk_entry(chunk, self.name, from_seq, seq)


class LogWriter:
    """Gives every entry of one run its seq, under one lease."""

    def __init__(self, commit: Commit, head: int) -> None:
        """Shape: `commit(*operations)` commits under the lease, and raises when it is lost."""
        self._commit = commit
        self.head = head
        self._pending: list[tuple[LaneWriter, Chunk | None, Make | None]] = []
        self._in_flight = asyncio.Lock()
        self._flushing: asyncio.Task[None] | None = None
        self._error: BaseException | None = None

    def lane(self, name: str, *, opened: int = 0, last: int = 0) -> LaneWriter:
        """A lane, from its beginning or after its last entry."""
        return LaneWriter(self, name, opened, last)

    async def put(self, lane: LaneWriter, chunk: Chunk | None, also: Make | None) -> None:
        """See `LaneWriter.put`; without a chunk, a reset."""
        if self._error is not None:
            raise self._error
        self._pending.append((lane, chunk, also))
        if self._flushing is None:
            self._flushing = asyncio.ensure_future(self._flush())
        if len(self._pending) >= MAX_PENDING:
            await self.flushed()

    async def flushed(self) -> None:
        """Wait until everything that was put is durable. Raises: what a commit raised."""
        while self._flushing is not None:
            await asyncio.shield(self._flushing)
        if self._error is not None:
            raise self._error

    def take_pending(self, lane: LaneWriter) -> list[Chunk]:
        """See `LaneWriter.take_pending`."""
        taken = [chunk for of, chunk, _ in self._pending if of is lane and chunk is not None]
        self._pending = [one for one in self._pending if one[0] is not lane]
        return taken

    async def commit(self, make: Make) -> CommitResult:
        """Commit operations with entries of their own, in their turn; to cancel who awaits it takes nothing back.

        The cancellation is delivered once the commit has landed or been refused, and the seqs are known to be taken:
        what is committed next, the end of the run or of its lease, comes after it.
        """
        landing = asyncio.ensure_future(self._land(make))
        cancelled: asyncio.CancelledError | None = None
        while not landing.done():
            try:
                await asyncio.wait((landing,))
            except asyncio.CancelledError as error:
                cancelled = error
        if cancelled is not None:
            raise cancelled
        return landing.result()

    async def _land(self, make: Make) -> CommitResult:
        async with self._in_flight:
            operations = make(self.head + 1)
            results = await self._commit(*operations)
            self.head = max((self.head, *map(_last_seq, operations)))
            return results

    async def _flush(self) -> None:
        # a turn of the loop first: what comes at once travels together
        await next_turn()
        try:
            while self._pending:
                await self._land(self._batch)
        except BaseException as error:
            self._error = error
            raise
        finally:
            self._flushing = None

    def _batch(self, seq: int) -> tuple[HolderOperation, ...]:
        """What all lanes have by now."""
        batch, self._pending = self._pending, []
        entries = tuple(lane.entry(chunk, at) for at, (lane, chunk, _) in enumerate(batch, seq))
        also = [operation for lane, _, make in batch if make is not None for operation in make(lane.opened)]
        return (*also, AppendEntries(entries)) if entries else tuple(also)


def _last_seq(operation: HolderOperation) -> int:
    if isinstance(operation, AppendEntries):
        return operation.entries[-1].seq
    return operation.entry.seq if isinstance(operation, ReplaceLane) else 0
