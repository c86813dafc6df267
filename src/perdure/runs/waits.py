"""Waits: a task parks, and goes on when an event comes, when it is due, or when its attempt is over.

A wait is a commit that the inbox guards. What its attempt has taken in is settled here, by whoever parks; what comes
later moves the inbox, and the store refuses the suspension. So between a caller's last look and its wait, for which it
may have committed a row meanwhile, no wake-up is lost.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import TYPE_CHECKING

from perdure.core.records import EventRecord
from perdure.errors import StepAborted, TimeoutNotDurable
from perdure.runs.halting import Halt, Unwind
from perdure.runs.scopes import is_in_scope

if TYPE_CHECKING:
    from perdure.core.clock import Timer
    from perdure.runs.attempt import Attempt

LOOK_AGAIN_AFTER = 5.0
"""Units: seconds. Instants follow the wall clock, timers do not: a clock that was set is noticed after so long."""


class Wait:
    """What one parked task waits for: an event by its key, a time, or whichever comes first."""

    __slots__ = ("_attempt", "_future", "_timer", "due_at", "key")

    def __init__(self, attempt: Attempt, key: str, due_at: datetime | None) -> None:
        self._attempt = attempt
        self._future: asyncio.Future[EventRecord | None] = asyncio.get_running_loop().create_future()
        self._timer: Timer | None = None
        self.key = key
        self.due_at = due_at
        if due_at is not None:
            self._arm(due_at)

    def settle(self, event: EventRecord | None) -> None:
        """What it waited for is there: the event, or None for the time."""
        if not self._future.done():
            self._attempt.wake()  # now, not when the task wakes: in between it would look parked
            self._future.set_result(event)

    def unwind(self, halt: Halt) -> None:
        """The attempt is over."""
        if not self._future.done():
            self._attempt.wake()
            self._future.set_exception(Unwind(halt))

    async def settled(self, position: str) -> EventRecord | None:
        """Park until it is settled. Raises: Unwind, StepAborted."""
        self._attempt.rest()
        try:
            return await self._future
        except asyncio.CancelledError:
            if self._future.cancelled():
                self._attempt.wake()
            self._attempt.check()
            raise StepAborted(self.key, position) from None
        finally:
            if self._timer is not None:
                self._timer.cancel()

    def _arm(self, due_at: datetime) -> None:
        after = (due_at - self._attempt.now()).total_seconds()
        self._timer = self._attempt.host.clock.call_after(min(after, LOOK_AGAIN_AFTER), self._due)

    def _due(self) -> None:
        # a timer may be early by its granularity, and the clock may have been set; the instant decides
        if self.due_at is not None and self._attempt.now() < self.due_at:
            self._arm(self.due_at)
            self._attempt.check_parked()  # what was to be over soon may have become a long wait
        else:
            self.settle(None)


async def park(attempt: Attempt, position: str, key: str, due_at: datetime | None = None) -> EventRecord | None:
    """Park the running task until the event under a key (`core.keys`) is there, or the time: then None.

    An event that the attempt has taken in already, however long ago, is there at once.
    """
    attempt.check()
    task = asyncio.current_task()
    if task is not None and is_in_scope(task):  # a step may have begun in one; its wait for a next attempt may not
        raise TimeoutNotDurable(f"the wait {key!r}", position)
    taken_in = attempt.events.get(key)
    if taken_in is not None:
        return taken_in
    wait = attempt.waits[position] = Wait(attempt, key, due_at)
    try:
        return await wait.settled(position)
    finally:
        attempt.waits.pop(position, None)


async def park_for(attempt: Attempt, position: str, key: str) -> EventRecord:
    """Park the running task until the event is there, however long it takes."""
    while (event := await park(attempt, position, key)) is None:
        continue  # a wait without a deadline is settled by its event only
    return event
