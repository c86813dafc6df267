"""FakeClock: a time that only the test moves, all three kinds of it, without sleeping.

Time stands still while anything can still happen at this instant: `advance` goes from one due timer to the next, and
before each lets the loop run until it is idle. Idle means that no callback is ready, that no task waits for a store,
and that each thread which waits on this clock (a heartbeat) is back where it waits. So a renewal that is due at a
time has landed before that time passes, however slow the machine is.

A synchronous step is waited for as well, but not for long: it may block on what only the test will do. What comes in
from other processes can't be seen at all.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import threading
import time
from collections.abc import Awaitable, Callable
from contextvars import copy_context
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import TypeVar, cast
from weakref import WeakSet

from perdure.core.clock import seconds

T = TypeVar("T")

START = datetime(2026, 1, 1, tzinfo=UTC)
LEASE_START = 1_000.0
TIMEOUT = 30.0
"""Units: real seconds, for a store or a thread to answer; never reached unless something hangs."""

CALL_TIMEOUT = 0.1
"""Units: real seconds, for a synchronous step in its thread; it may go on all the same."""

_LOOK_EVERY = 0.0002
_LOOK_AT_EVENT_EVERY = 0.02
_HEARTBEAT = "perdure-heartbeat"
_known_threads: WeakSet[threading.Thread] = WeakSet()


class FakeTimer:
    """A call that is due at a time."""

    __slots__ = ("_callback", "_context", "cancelled", "owner")

    def __init__(self, owner: FakeClock, callback: Callable[[], object]) -> None:
        self.owner = owner
        self.cancelled = False
        self._callback = callback
        self._context = copy_context()

    def cancel(self) -> None:
        """Take the call back."""
        self.cancelled = True

    def fire(self) -> None:
        """The time has come."""
        asyncio.get_running_loop().call_soon(self._call, context=self._context)

    def _call(self) -> None:
        if not self.cancelled:
            self._callback()


class ThreadWait:
    """A thread that waits until a time, or for an event."""

    __slots__ = ("cancelled", "owner", "released", "thread")

    def __init__(self, owner: FakeClock) -> None:
        self.owner = owner
        self.cancelled = False
        self.thread = threading.current_thread()
        self.released = threading.Event()

    def fire(self) -> None:
        """The time has come: the thread is out, until it waits again or ends."""
        self.owner.time.out.add(self.thread)
        self.released.set()


class Time:
    """The time that several clocks share: the clocks of several processes of one machine."""

    def __init__(self, start: datetime) -> None:
        self.start = start
        self.micros = 0
        self.jumped = timedelta()
        self.lock = threading.Lock()
        self.out: set[threading.Thread] = set()
        self._due: list[tuple[int, int, FakeTimer | ThreadWait]] = []
        self._order = itertools.count()

    def add(self, seconds: float, entry: FakeTimer | ThreadWait) -> None:
        """Let something be due after so many seconds, and never earlier."""
        after = max(0, ceil(round(seconds * 1e6, 3)))
        with self.lock:
            heapq.heappush(self._due, (self.micros + after, next(self._order), entry))

    def next_due(self) -> int | None:
        """When the next timer is due, in microseconds."""
        with self.lock:
            while self._due and self._due[0][2].cancelled:
                heapq.heappop(self._due)
            return self._due[0][0] if self._due else None

    def fire_due(self) -> None:
        """Fire all that is due now."""
        with self.lock:
            due = list[FakeTimer | ThreadWait]()
            while self._due and self._due[0][0] <= self.micros:
                due.append(heapq.heappop(self._due)[2])
        for entry in due:
            if not entry.cancelled:
                entry.fire()

    def drop(self, owner: FakeClock) -> None:
        """Take back all that a clock has under way."""
        with self.lock:
            mine = [entry for _, _, entry in self._due if entry.owner is owner]
            self._due = [each for each in self._due if each[2].owner is not owner]
            heapq.heapify(self._due)
        for entry in mine:
            entry.cancelled = True
            if isinstance(entry, ThreadWait):
                entry.released.set()


class FakeClock:
    """A `Clock` whose time stands still until the test moves it.

    Shape: instants begin at `start`, lease time and elapsed time at numbers of their own, so that to mix them up
    shows.
    """

    def __init__(self, start: datetime = START, *, time: Time | None = None) -> None:
        self.time = time or Time(start)
        self.killed = False
        self._strangers: WeakSet[threading.Thread] = WeakSet()
        self._slow: WeakSet[asyncio.Future[object]] = WeakSet()

    # What a Clock does.

    def now(self) -> datetime:
        return self.time.start + timedelta(microseconds=self.time.micros) + self.time.jumped

    def timestamp(self) -> float:
        return self.now().timestamp()

    def lease_now(self) -> float:
        return LEASE_START + self.time.micros / 1e6

    def elapsed(self) -> float:
        return self.time.micros / 1e6

    def call_after(self, seconds: float, callback: Callable[[], object]) -> FakeTimer:
        timer = FakeTimer(self, callback)
        if self.killed:
            timer.cancel()
        elif seconds <= 0:
            timer.fire()
        else:
            self.time.add(seconds, timer)
        return timer

    def wait(self, event: threading.Event, seconds: float) -> bool:
        waiting = ThreadWait(self)
        _known_threads.add(waiting.thread)
        self.time.add(seconds, waiting)
        self.time.out.discard(waiting.thread)
        while not (self.killed or event.is_set() or waiting.released.wait(_LOOK_AT_EVENT_EVERY)):
            continue
        waiting.cancelled = True
        return self.killed or event.is_set()

    # What a test does.

    async def advance(self, duration: timedelta | float) -> None:
        """Let so much time pass, from one due timer to the next; the loop runs until it is idle before each.

        Units: a timedelta, or seconds. A worker looks at its store each second: for days, `jump` first.
        """
        until = self.time.micros + round(seconds(duration, "duration") * 1e6)
        await self.settle()
        while (due := self.time.next_due()) is not None and due <= until:
            self.time.micros = max(self.time.micros, due)
            self.time.fire_due()
            await self.settle()
        self.time.micros = until
        await self.settle()

    async def until(self, awaited: Awaitable[T], *, within: timedelta | float = 60.0) -> T:
        """Let time pass until it is done, and not longer; what it gives or raises.

        A synchronous step that is no longer waited for may end in real time only: it gets that before this gives up.

        Units: `within` is a timedelta, or seconds, of this clock.
        Raises: AssertionError where it is not done within that.
        """
        limit = seconds(within, "within")
        task = asyncio.ensure_future(awaited)
        last = self.time.micros + round(limit * 1e6)
        try:
            await self.settle()
            while not task.done():
                due = self.time.next_due()
                if (due is None or due > last) and await self._a_slow_call_ends():
                    last = self.time.micros + round(limit * 1e6)
                    continue
                assert due is not None, "nothing is due any more, and what is waited for has not come"
                assert due <= last, f"what is waited for has not come within {limit:g} s"
                self.time.micros = max(self.time.micros, due)
                self.time.fire_due()
                await self.settle()
        except BaseException:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            raise
        return await task

    def jump(self, duration: timedelta | float) -> None:
        """Set the wall clock: instants move, lease time and elapsed time do not.

        Units: a timedelta, or seconds; below 0 it is set back. A worker sees within five seconds of this clock what is
        due by then, so `jump` and `advance(5)` pass a week at once.
        """
        self.time.jumped += duration if isinstance(duration, timedelta) else timedelta(seconds=duration)

    async def settle(self) -> None:
        """Let the loop run until it is idle; time stands still."""
        loop = asyncio.get_running_loop()
        began = time.monotonic()
        self._expect_heartbeats()
        while True:
            await _drain(loop)
            asked, called = self._answers_due(loop)
            waited = time.monotonic() - began
            if waited > CALL_TIMEOUT:
                self._slow |= called
            elif called:
                asked |= called
            if not asked and not self._threads_out():
                return
            assert waited < TIMEOUT, f"a store or a thread does not answer: {asked or self._threads_out()}"
            await asyncio.sleep(_LOOK_EVERY)

    async def _a_slow_call_ends(self) -> bool:
        slow = [call for call in tuple(self._slow) if not call.done()]
        until = time.monotonic() + TIMEOUT
        while slow and time.monotonic() < until:
            await asyncio.sleep(_LOOK_EVERY)
            if any(call.done() for call in slow):
                await self.settle()
                return True
        return False

    def process(self) -> FakeClock:
        """The clock of another process of this machine: the same time, with timers of its own, that `kill` drops."""
        return FakeClock(time=self.time)

    def kill(self) -> None:
        """The process of this clock dies: none of its timers fires, and its threads that wait here end."""
        self.killed = True
        self.time.drop(self)

    # When it is idle.

    def _answers_due(self, loop: asyncio.AbstractEventLoop) -> tuple[set[asyncio.Future[object]], ...]:
        """The futures that other threads will settle and tasks wait for: those of stores, and those of calls."""
        asked, called = set[asyncio.Future[object]](), set[asyncio.Future[object]]()
        for task in asyncio.all_tasks(loop):
            waiter: object = getattr(task, "_fut_waiter", None)
            made_by = type(waiter).__module__
            if made_by.startswith(("perdure.stores", "perdure.testing")):
                asked.add(cast("asyncio.Future[object]", waiter))
            elif made_by == "perdure.runs.pool" and waiter not in self._slow:
                called.add(cast("asyncio.Future[object]", waiter))
        return asked, called

    def _threads_out(self) -> list[str]:
        self.time.out.difference_update([thread for thread in tuple(self.time.out) if not thread.is_alive()])
        return [thread.name for thread in tuple(self.time.out)]

    def _expect_heartbeats(self) -> None:
        """A heartbeat that was started and has not come to wait yet is out; one of another clock is a stranger."""
        for thread in threading.enumerate():
            if thread.name != _HEARTBEAT or thread in _known_threads or thread in self._strangers:
                continue
            give_up_at = time.monotonic() + 10 * _LOOK_AT_EVENT_EVERY
            while thread.is_alive() and thread not in _known_threads and time.monotonic() < give_up_at:
                time.sleep(_LOOK_EVERY)
            if thread not in _known_threads:
                self._strangers.add(thread)


async def _drain(loop: asyncio.AbstractEventLoop) -> None:
    """Let everything run that is ready, and what it makes ready; twice, so that descriptors are looked at too."""
    ready: object = getattr(loop, "_ready", None)
    quiet = 0
    while quiet < 2:
        await asyncio.sleep(0)
        quiet = 0 if ready else quiet + 1
