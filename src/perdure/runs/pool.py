"""Daemon threads for synchronous user functions.

A pool of our own: asyncio's default one is waited for at exit, so a call that was timed out and hangs would hang the
process. A timed-out call keeps its thread until it ends; `stuck` counts those.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable
from contextvars import copy_context

from perdure.core.clock import Clock, SystemClock, pause
from perdure.core.values import Value
from perdure.errors import StoreUnavailable
from perdure.stores.background import BackgroundThread, tell

MAX_THREADS = 64
START_AGAIN_AFTER = 1.0

_log = logging.getLogger("perdure.worker")


class Calling(asyncio.Future[Value]):
    """What a thread will settle: a class of its own, so that a test's clock can tell that it must wait."""


class Pool:
    """At most `limit` threads, started when needed; calls beyond that wait their turn."""

    def __init__(self, limit: int = MAX_THREADS, clock: Clock | None = None) -> None:
        self._limit = limit
        self._clock = clock or SystemClock()
        self._calls: deque[Callable[[], None]] = deque()
        self._ready = threading.Condition()
        self._threads = 0
        self._idle = 0
        self._closed = False
        self._abandoned: set[asyncio.Future[Value]] = set()

    @property
    def stuck(self) -> int:
        """Calls that nobody waits for any more, and that still run."""
        return len(self._abandoned)

    async def call(self, function: Callable[..., Value], *args: Value, **kwargs: Value) -> Value:
        """Call the function in a thread, with this task's context variables."""
        loop = asyncio.get_running_loop()
        future = Calling(loop=loop)
        context = copy_context()

        def work() -> None:
            try:
                result = context.run(function, *args, **kwargs)
            except BaseException as error:
                tell(loop, self._settle, future, None, error)
            else:
                tell(loop, self._settle, future, result, None)

        while not self._submit(work):
            await pause(self._clock, START_AGAIN_AFTER)
        try:
            return await future
        except asyncio.CancelledError:
            self._abandoned.add(future)
            raise

    def close(self) -> None:
        """Let the threads end, one that still runs a call when that has ended. Safe twice."""
        with self._ready:
            self._closed = True
            self._idle = 0
            self._ready.notify_all()

    def _submit(self, work: Callable[[], None]) -> bool:
        """Let a thread call it; false where there is none, and none can be started now."""
        with self._ready:
            self._calls.append(work)
            if self._idle:
                self._idle -= 1
                self._ready.notify()
            elif self._threads < self._limit:
                return self._start() or self._takes_back(work)
        return True

    def _start(self) -> bool:
        try:
            BackgroundThread("perdure-call", self._serve).start()
        except StoreUnavailable as error:
            _log.warning("a synchronous call waits: %s", error)
            return False
        self._threads += 1
        return True

    def _takes_back(self, work: Callable[[], None]) -> bool:
        """Nothing where a thread will come to it by and by, else take the call back; whether one will."""
        if not self._threads:
            self._calls.remove(work)
        return self._threads > 0

    def _serve(self) -> bool:
        with self._ready:
            while not self._calls:
                if self._closed:
                    self._threads -= 1
                    return False
                self._idle += 1
                self._ready.wait()
            work = self._calls.popleft()
        work()
        return True

    def _settle(self, future: asyncio.Future[Value], result: Value, error: BaseException | None) -> None:
        self._abandoned.discard(future)
        if future.cancelled():
            return
        if isinstance(error, StopIteration):
            future.set_exception(RuntimeError("the function raised StopIteration"))  # a future can't carry one
        elif error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)
