"""How a thread gets to write and gives that up again, also where a signal handler's error breaks the loop's off."""

from __future__ import annotations

import logging
import threading
from contextlib import suppress

from perdure.errors import StoreUnavailable
from perdure.stores.sqlite.decider import Request
from perdure.stores.sqlite.group import Group, Settled

_log = logging.getLogger("perdure.store")


class Entry:
    """One group's. Shape: `busy` is held by whoever writes; only the thread that has taken it can release it."""

    def __init__(self, group: Group, busy: threading.RLock) -> None:
        self._group = group
        self.busy = busy
        self.is_inside = False
        """Whether the loop's thread writes, or was broken off while it did."""

    def get_inside(self, now: float) -> bool:
        """Whether the loop's thread may write now; then it gets out, or recovers, afterwards."""
        self.is_inside = True
        if self.busy.acquire(blocking=False):
            if self._try_enter(now):
                return True
            self.get_out()
        self.is_inside = False
        return False

    def get_out(self) -> None:
        """The loop's thread has written."""
        self.leave()
        self.busy.release()
        self.is_inside = False

    def recover(self) -> bool:
        """Where the loop's thread was broken off, take back what it has not committed; whether it was."""
        if not self.is_inside:
            return False
        if self.busy.acquire(blocking=False):  # else another thread has it, so this one has given it back
            self._group.abandon()
            self.leave()
            with suppress(RuntimeError):  # however often this thread has taken it
                while True:
                    self.busy.release()
        self.is_inside = False
        return True

    def settle(self, requests: list[Request], *, may_stay: bool = False) -> Settled:
        """Commit a group when this thread is let in; whoever calls has taken `busy`."""
        entered = False
        try:
            self._group.enter()
            entered = True
            return self._group.commit(requests)
        except Exception as error:
            return failed(error, len(requests), unknown=entered)
        finally:
            self.leave(may_stay=may_stay)

    def _try_enter(self, now: float) -> bool:
        try:
            return self._group.try_enter(now)
        except Exception:
            _log.exception("the write queue could not be looked at")
            return False  # so the commit goes to the thread, which waits for its turn, or says what is wrong

    def leave(self, *, may_stay: bool = False) -> None:
        """Leave the write queue. What has landed has landed: an error here is for the log."""
        try:
            self._group.leave(may_stay=may_stay)
        except Exception:
            _log.exception("the write queue could not be left")


def failed(error: BaseException, count: int, *, unknown: bool) -> Settled:
    """A group that an error which nobody expected has ended. Shape: `unknown` as in StoreUnavailable."""
    if not isinstance(error, OSError | StoreUnavailable):
        _log.error("a group of %d commits failed", count, exc_info=error)
    reason = f"{type(error).__name__}: {error}"
    return Settled([StoreUnavailable(reason, unknown=unknown) for _ in range(count)], frozenset(), missed=unknown)
