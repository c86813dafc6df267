"""Daemon threads for synchronous user functions.

A pool of our own: asyncio's default one is waited for at exit, so a call that was timed out and hangs would hang the
process. A call that nobody waits for any more and that still runs is stuck: its place is given to others, and its
thread ends with it. `stuck` counts those; at most `stuck_limit` of them give their place back.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import OrderedDict
from collections.abc import Callable
from contextvars import copy_context
from functools import partial

from perdure.core.clock import Clock, SystemClock
from perdure.core.guarding import is_of
from perdure.core.values import Value
from perdure.errors import StoreUnavailable, ThreadsExhausted
from perdure.runs.halting import Carried
from perdure.stores.background import BackgroundThread, tell

MAX_THREADS = 64
MAX_STUCK = 1_000
START_AGAIN_AFTER = 1.0

_log = logging.getLogger("perdure.worker")


class Calling(asyncio.Future[Value]):
    """What a thread will settle: a class of its own, so that a test's clock can tell that it must wait."""

    def __init__(self, loop: asyncio.AbstractEventLoop, of: str) -> None:
        super().__init__(loop=loop)
        self.of = of
        self.when_ended: Callable[[], None] | None = None
        """Called on the loop when a call that was abandoned has ended."""
        self.withdraw: Callable[[], bool] = bool
        """Keep the function from being called; whether that was still possible."""
        self.has_ended = False
        """Whether the function has returned or raised; it is settled soon."""
        self.is_kept: Callable[[], bool] = bool
        """Asked where who awaits it is cancelled: whether they are to have its outcome all the same."""

    def cancel(self, msg: Value = None) -> bool:
        """Where this does nothing, the task that awaits it is cancelled when it is settled, and finds its outcome.

        One whose function has not been called is always cancelled: it has no outcome, and may never have one.
        """
        return (self.withdraw() or not (self.has_ended or self.is_kept())) and super().cancel(msg)


class Pool:
    """At most `limit` threads, started when needed, beside those that are stuck; calls beyond that wait their turn."""

    def __init__(self, limit: int = MAX_THREADS, stuck_limit: int = MAX_STUCK, *, clock: Clock | None = None) -> None:
        self._limit = limit
        self._clock = clock or SystemClock()
        self._stuck_limit = stuck_limit
        self._waiting: OrderedDict[Calling, Callable[[], None]] = OrderedDict()
        self._running: set[Calling] = set()
        self._stuck: set[Calling] = set()
        self._ready = threading.Condition()
        self._threads = 0
        self._idle = 0
        self._closed = False
        self._said = False

    @property
    def stuck(self) -> int:
        """Calls that nobody waits for any more, and that still run."""
        return len(self._stuck)

    def start(
        self, function: Callable[[], Value], began: Callable[[], None] | None = None, *, of: str = "a call"
    ) -> Calling:
        """Call the function in a thread, with this task's context variables; `began` is told on the loop.

        Shape: `of` says in the log whose call it is.

        Raises: ThreadsExhausted.
        """
        loop = asyncio.get_running_loop()
        calling = Calling(loop, of)
        calling.withdraw = partial(self._withdraw, calling)
        context = copy_context()

        def work() -> None:
            if began is not None:
                tell(loop, began)
            result, raised = None, None
            try:
                result = context.run(function)
            except BaseException as error:
                raised = error
            with self._ready:
                self._running.discard(calling)
                self._stuck.discard(calling)
            calling.has_ended = True
            tell(loop, _settle, calling, result, raised)

        with self._ready:
            if len(self._stuck) >= self._stuck_limit + self._limit:
                _log.error(
                    "%s can't begin: %d calls that nobody waits for any more still run in threads", of, self.stuck
                )
                raise ThreadsExhausted(self.stuck)
            self._waiting[calling] = work
            self._serve_next()
        return calling

    def abandon(self, calling: Calling) -> bool:
        """Nobody waits for this call any more; whether it goes on. One that has not begun never does."""
        with self._ready:
            if calling in self._running:
                self._stuck.add(calling)
                self._serve_next()
                return True
        self._withdraw(calling)
        return False

    def _withdraw(self, calling: Calling) -> bool:
        with self._ready:
            return self._waiting.pop(calling, None) is not None

    def close(self) -> None:
        """Let the threads end, one that still runs a call when that has ended. Safe twice."""
        with self._ready:
            self._closed = True
            self._idle = 0
            self._ready.notify_all()

    def _is_full(self) -> bool:
        return self._threads - min(len(self._stuck), self._stuck_limit) >= self._limit

    def _serve_next(self) -> None:
        if not self._waiting:
            return
        if self._idle:
            self._idle -= 1
            self._ready.notify()
        elif not self._is_full():
            self._start()
        elif not self._said:
            self._said = True
            what = self._last()
            _log.warning("all %d threads for synchronous functions are busy; %s waits for one", self._limit, what)

    def _last(self) -> str:
        """Whose call came last."""
        return next(reversed(self._waiting)).of if self._waiting else "a call"

    def _start(self) -> None:
        """Start a thread; where none can be started and none will come to what waits, again later."""
        try:
            BackgroundThread("perdure-call", self._serve).start()
        except StoreUnavailable as error:
            _log.warning("%s waits for a thread: %s", self._last(), error)
            if not self._threads:
                self._clock.call_after(START_AGAIN_AFTER, self._start_again)
        else:
            self._threads += 1

    def _start_again(self) -> None:
        with self._ready:
            self._serve_next()

    def _serve(self) -> bool:
        with self._ready:
            if self._threads - min(len(self._stuck), self._stuck_limit) > self._limit:
                self._threads -= 1  # its place was given to another thread while its call was stuck
                return False
            while not self._waiting:
                self._said = False
                if self._closed:
                    self._threads -= 1
                    return False
                self._idle += 1
                self._ready.wait()
            calling, work = self._waiting.popitem(last=False)
            self._running.add(calling)
        work()
        return True


def _settle(calling: Calling, result: Value, error: BaseException | None) -> None:
    if calling.when_ended is not None:
        calling.when_ended()
    if calling.done():
        return
    if error is not None and is_of(error, StopIteration):
        calling.set_exception(RuntimeError("the function raised StopIteration"))  # a future can't carry one
    elif error is not None and not is_of(error, Exception):
        calling.set_exception(Carried(error))  # thrown into a coroutine as it is, it would mean something to it
    elif error is not None:
        calling.set_exception(error)
    else:
        calling.set_result(result)
