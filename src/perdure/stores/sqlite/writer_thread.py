"""The writer's thread: it commits what waits for a slow disk or for another process, and makes the checkpoints.

The loop never waits for it: what it has done comes back as a callback, in the order in which it was handed over.
"""

from __future__ import annotations

import asyncio
import logging
from queue import Empty, SimpleQueue
from typing import Protocol, TypeAlias

from perdure.stores.background import BackgroundThread, tell
from perdure.stores.shielded import Shielded
from perdure.stores.sqlite.entry import Entry, failed
from perdure.stores.sqlite.group import Group, Settled
from perdure.stores.sqlite.handing import Handed, Item, share_out
from perdure.stores.sqlite.time_slices import TIME_SLICE, TimeSlices

GROUP = 512
"""Units: commits that share one transaction at most."""

POLL_AFTER = 0.03
"""Units: seconds between two looks for commits of other processes, where somebody listens."""

_log = logging.getLogger("perdure.store")

Work: TypeAlias = Handed | None
"""None to stop."""


class LoopSide(Protocol):
    """What the thread tells the loop; each method is called there."""

    pending: list[Item]

    def flush(self) -> None:
        """Commit what is pending."""

    def delivered(self) -> None:
        """Deliver what the thread has done."""

    def publish(self, settled: Settled) -> None:
        """Tell whoever listens."""


class WriterThread:
    """One writer's. Shape: `is_watching` while it looks for other processes' commits."""

    def __init__(
        self, group: Group, slices: TimeSlices, entry: Entry, loop: asyncio.AbstractEventLoop, writer: LoopSide
    ) -> None:
        self._group = group
        self._slices = slices
        self._busy = slices.busy
        self._entry = entry
        self._loop = loop
        self._writer = writer
        self._work: SimpleQueue[Work] = SimpleQueue()
        self._put_back: list[Work] = []
        self._ended: Shielded[None] | None = None
        self._thread = BackgroundThread("perdure-writer", self._serve)
        self.is_watching = False
        self.is_closed = False

    def start(self) -> None:
        """Begin. Raises: StoreUnavailable."""
        self._thread.start()

    def put(self, handed: Handed) -> None:
        """Give it work; the same twice is done once."""
        self._work.put(handed)

    def stop(self, ended: Shielded[None]) -> None:
        """Let it end after the work that it was given; then `ended` is settled on the loop."""
        self._ended = ended
        self._work.put(None)

    def join(self) -> None:
        """Wait until it has ended."""
        self._thread.join()

    def _serve(self) -> bool:
        is_our_turn = self._slices.is_on
        try:
            work = self._next(TIME_SLICE if is_our_turn else POLL_AFTER if self.is_watching else None)
        except Empty:
            if is_our_turn:
                self._slices.end_unless_busy()
            else:
                self._look()
            return True
        if work is None:
            self._end()
            return False
        taken = self._gather(work)
        if not taken:
            return True
        items = [item for handed in taken for item in handed.items]
        settled = _NOTHING
        try:
            with self._busy:
                if items:
                    settled = self._entry.settle([item.request for item in items], may_stay=True)
                self._checkpoint()
        except BaseException as error:
            settled = failed(error, len(items), unknown=True)
        share_out(taken, settled)
        tell(self._loop, self._writer.delivered)
        return True

    def _end(self) -> None:
        with self._busy:  # a heartbeat may be committing
            self.is_closed = True
            self._slices.end()
        if self._ended is not None:
            tell(self._loop, self._ended.set_result, None)

    def _next(self, timeout: float | None) -> Work:
        return self._put_back.pop() if self._put_back else self._work.get(timeout=timeout)

    def _gather(self, work: Handed) -> list[Handed]:
        """What has come in the meantime joins the group; what was handed over twice is done once."""
        taken, count = list[Handed](), 0
        more: Work = work
        while more is not None:
            if not more.is_taken:
                more.is_taken = True
                taken.append(more)
                count += len(more.items)
            if count >= GROUP:
                break
            try:
                more = self._work.get_nowait()
            except Empty:
                break
        else:
            self._put_back.append(None)
        return taken

    def _checkpoint(self) -> None:
        """Make a checkpoint where one is due; one that fails is made the next time."""
        try:
            if not self._group.is_checkpoint_due:
                return
            self._group.enter()
            self._group.checkpoint()
        except Exception:
            _log.exception("a checkpoint failed")
        finally:
            self._entry.leave()

    def _look(self) -> None:
        if self._writer.pending:  # a signal handler's error may have kept the loop from it
            tell(self._loop, self._writer.flush)
        if not self._busy.acquire(blocking=False):
            return
        try:
            settled = self._group.look()
        except Exception:  # it looks again after the next interval
            settled = Settled([], frozenset(), missed=True)
        finally:
            self._busy.release()
        if settled.topics or settled.missed:
            tell(self._loop, self._writer.publish, settled)


_NOTHING = Settled([], frozenset())
