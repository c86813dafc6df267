"""The time that one attempt of a step has, by the clock that was passed in."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from perdure.core.clock import Clock, Timer
    from perdure.runs.branch import Branch


class StepTimeout:
    """Cancels the branch's task when the time is over, and raises TimeoutError in the place of that cancellation.

    Not `asyncio.timeout`: another cancellation that was handled before would keep that from raising TimeoutError.
    """

    def __init__(self, clock: Clock, seconds: float, branch: Branch) -> None:
        self.expired = False
        self._clock = clock
        self._seconds = seconds
        self._branch = branch
        self._timer: Timer | None = None
        self._is_over = False

    def start(self) -> None:
        """The time begins now; what has passed is forgotten."""
        self.stop()
        if self._is_over:
            return  # a thread tells that it began what nobody waits for any more
        self._timer = self._clock.call_after(self._seconds, self._expire)

    def stop(self) -> None:
        """The time does not run any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def __enter__(self) -> None:
        self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._is_over = True
        task, owner = self._branch.task, self._branch.owner
        if not self.expired or task is None or owner is None:
            return
        task.uncancel()
        if isinstance(error, asyncio.CancelledError) and not (owner.is_halted or task.is_cut_off):
            raise TimeoutError from error

    def _expire(self) -> None:
        task = self._branch.task
        if task is not None:
            self.expired = True
            task.expire()
