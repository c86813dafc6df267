"""Group commit: whoever is ready at one moment shares one transaction and one fsync, and nothing else.

Commits of one tick of the event loop travel together. While the disk is quick they are committed on the loop itself,
which spares two thread switches (on small machines these cost more than the fsync does). When commits have been slow,
when one has just stalled, when another process has the place of the write queue, or when a checkpoint is due, the group
goes to the writer thread and the loop goes on. The order of commits is kept: as long as the thread has work, everything
goes there. Where the thread had to wait for another process, a time slice begins (see `time_slices`), and the next
commits are the loop's again. A run that has the store for itself (a single run) commits at once, without two rounds of
the loop, and gives the loop one every two milliseconds.

Outcomes are not shared: a refusal undoes only its own commit (see `group`). Where the transaction as a whole fails (a
full disk, a failing fsync), its commits are landed again one by one: landing twice is landing once. Only where a COMMIT
failed on the disk, and landing it again failed too, is the outcome unknown; its owner lands it again then.

A signal handler of the program's may raise anywhere in the code that runs on the loop. So no commit is ever held only
by a frame: it stays in `pending` or `_handed` until its future is settled, and `go_on` begins again with what is there
after an error, and when somebody is cancelled who waits.

What can go wrong: SQLite's own checkpoint would run inside a COMMIT and stall the loop; so it is switched off, and the
thread makes them, inside the write queue: one during which others commit would never catch up with them.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable

from perdure.core.clock import Clock
from perdure.core.operations import CommitResult, HolderOperation, OutsideOperation
from perdure.core.records import Lease
from perdure.core.values import Value
from perdure.errors import StoreClosed
from perdure.stores.background import tell
from perdure.stores.shielded import AfterATurn, Present, Shielded
from perdure.stores.sqlite.decider import Load, Request
from perdure.stores.sqlite.entry import Entry, failed
from perdure.stores.sqlite.group import SLOW_AFTER, Group, Settled
from perdure.stores.sqlite.handing import Handed, Item, deliver
from perdure.stores.sqlite.time_slices import TimeSlices
from perdure.stores.sqlite.writer_thread import GROUP, WriterThread

SLICE = 0.002
"""Units: seconds after which a single run gives the loop a turn."""

_log = logging.getLogger("perdure.store")


class Writer:
    """The one writer of a store in this process."""

    def __init__(self, group: Group, slices: TimeSlices, clock: Clock, publish: Callable[[Settled], None]) -> None:
        """Shape: `publish` is called on the loop with what there is news of."""
        self._group = group
        self._slices = slices
        self._clock = clock
        self._publish_news = publish
        self._loop = asyncio.get_running_loop()
        self.pending: list[Item] = []
        self._single: Lease | None = None
        self._turned_after = 0.0
        self._handed: deque[Handed] = deque()
        self._on_cancel = self._go_on  # one for all futures
        self._entry = Entry(group, slices.busy)
        self._busy = slices.busy
        self._idle: Shielded[None] | None = None
        self._ended: Shielded[None] | None = None
        self._thread = WriterThread(group, slices, self._entry, self._loop, self)

    def start(self) -> None:
        """Start the thread. Raises: StoreUnavailable."""
        self._thread.start()

    def commit(self, lease: Lease, operations: tuple[HolderOperation, ...]) -> Awaitable[CommitResult]:
        """Put a holder's commit on its way; that of a single run lands before this returns."""
        if lease is self._single:
            present = self._at_once(lease, operations)
            if present is not None:
                return present
        return self._put((lease, operations))

    def execute(self, operation: OutsideOperation) -> Awaitable[Value]:
        """Put an outside operation on its way."""
        return self._put(operation)

    def load(self, request: Load) -> Awaitable[Value]:
        """Let the thread write rows of another store, all in one transaction."""
        future = self._awaited()
        self._hand_over([Item(request, future)])
        return future

    def _awaited(self) -> Shielded[Value]:
        future: Shielded[Value] = Shielded(loop=self._loop)
        future.on_cancel = self._on_cancel
        return future

    def _put(self, request: Request) -> Shielded[Value]:
        future = self._awaited()
        if not self.pending:
            self._loop.call_soon(self.flush)
        self.pending.append(Item(request, future))
        self._single = None
        return future

    def call(self, operation: OutsideOperation) -> Value:
        """Execute an operation on this thread, not the loop's, and wait. Raises: StoreClosed; what it raises."""
        with self._busy:
            if self._thread.is_closed:
                raise StoreClosed("the store was closed; use it inside `async with app:`")
            settled = self._entry.settle([operation])
        tell(self._loop, self.publish, settled)
        outcome = settled.outcomes[0]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def watch(self) -> None:
        """Look for other processes' commits from now on."""
        if not self._thread.is_watching:
            self._thread.is_watching = True
            self._hand_over([])

    async def close(self) -> None:
        """Land what is on its way, then stop the thread. Safe twice, and at once."""
        self._recover()
        while self.pending or self._handed:
            self._go_on()
            waiting = [item.future for item in self.pending]
            self.flush()
            await asyncio.gather(*waiting, return_exceptions=True)
            if self._handed:
                self._idle = self._idle or self._awaited()
                await self._idle
        self._ended = self._ended or self._awaited()
        self._thread.stop(self._ended)  # again where a close before was broken off
        await self._ended
        self._thread.join()

    def _go_on(self) -> None:
        """Go on with what is on its way, in case it was broken off. Safe at any time: to land twice is to land once."""
        if self._loop.is_closed():
            return
        self._loop.call_soon(self.delivered)
        self._loop.call_soon(self.flush)
        for handed in tuple(self._handed):
            if not handed.is_taken:
                self._thread.put(handed)

    @property
    def _is_checkpointing(self) -> bool:
        """Whether the thread makes a checkpoint, or looks at whether one is due."""
        return any(not handed.items for handed in self._handed)

    def flush(self) -> None:
        """Commit what is pending, on the loop where that is quick, else by the thread."""
        if self._entry.is_inside:
            self._recover()
        if not self.pending or self._is_checkpointing:
            return  # what is pending is flushed after the checkpoint
        try:
            self._flush_some()
        except BaseException:
            self._go_on()
            raise

    def _flush_some(self) -> None:
        items = self.pending[:GROUP]
        self._turned_after = self._clock.elapsed()
        if len(self.pending) > GROUP:
            self._loop.call_soon(self.flush)
        settled = None
        if not self._handed and self._group.pace <= SLOW_AFTER:
            settled = self._settle_now([item.request for item in items], self._turned_after)
        if settled is None:
            self._hand_over(items)
            del self.pending[: len(items)]
            return
        deliver(items, settled)
        del self.pending[: len(items)]
        self.publish(settled)
        self._note_single(items)
        self._checkpoint_if_due()

    def _note_single(self, items: list[Item]) -> None:
        """A run that had a group for itself makes the next commit at once."""
        if len(items) == 1 and not self.pending:
            request = items[0].request
            self._single = request[0] if isinstance(request, tuple) else None

    def _checkpoint_if_due(self) -> None:
        """Let the thread make a checkpoint where the log has grown long; nobody here commits meanwhile."""
        if self._group.is_checkpoint_due:
            self._hand_over([])

    def _at_once(self, lease: Lease, operations: tuple[HolderOperation, ...]) -> Present[CommitResult] | None:
        """Commit for the run that had the last group for itself.

        Nobody is there to share the fsync with, so to wait for the loop would only cost two of its turns. Others get
        one every `SLICE`; what they commit then makes a group again.
        """
        now, group = self._clock.elapsed(), self._group
        if now >= group.file.due_after:
            return None
        self._recover()
        if not self._entry.get_inside(now):
            return None
        try:
            landed = group.commit_alone(lease, operations)
            ended = self._clock.elapsed()
            is_turn_due = ended - self._turned_after > SLICE  # always after a commit that stalled
            if is_turn_due:
                group.measure(ended - now)
                if group.is_behind or group.pace > SLOW_AFTER:
                    self._single = None  # the next one is for the loop, or for the thread
            changed = group.take_topics()
        except BaseException:
            self._recover()
            raise
        self._entry.get_out()
        if landed is None:
            return None
        if changed:
            self.publish(Settled([], changed))
        if is_turn_due:
            self._turned_after = ended
            self._checkpoint_if_due()
            return AfterATurn(landed)
        return Present(landed)

    def _settle_now(self, requests: list[Request], now: float) -> Settled | None:
        """Commit a group if nobody is in the write queue, and nobody else writes."""
        self._recover()
        if not self._entry.get_inside(now):
            return None
        try:
            settled = self._group.commit_if_free(requests)
        except Exception as error:
            settled = failed(error, len(requests), unknown=True)
        except BaseException:
            self._recover()
            raise
        self._entry.get_out()
        return settled

    def _recover(self) -> None:
        """Where a signal handler's error broke off what the loop's thread wrote, nothing of it stays."""
        if self._entry.recover():
            self.publish(Settled([], frozenset(), missed=True))  # what has landed may have been news

    def _hand_over(self, items: list[Item]) -> None:
        self._single = None
        handed = Handed(items)
        self._handed.append(handed)
        self._thread.put(handed)

    def publish(self, settled: Settled) -> None:
        """Whoever listens is told; what one of them raises is no reason for the commit to fail, or for the next."""
        try:
            self._publish_news(settled)
        except Exception:
            _log.exception("a listener failed")

    def delivered(self) -> None:
        """Deliver what the thread has done, in its order."""
        was_checkpointing, items = self._is_checkpointing, list[Item]()
        self._slices.end_when_idle(self._loop)
        while self._handed and (settled := self._handed[0].settled) is not None:
            deliver(self._handed[0].items, settled)
            self.publish(settled)
            items += self._handed.popleft().items
        if not self._handed and self._group.pace <= SLOW_AFTER:
            self._note_single(items)
        if not self._handed and self._idle is not None:
            if not self._idle.done():
                self._idle.set_result(None)
            self._idle = None
        if was_checkpointing and self.pending:
            self.flush()
