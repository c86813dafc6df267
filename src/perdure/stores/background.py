"""Background threads: an error that nobody expected ends none of them, and one that can't start is a typed error.

A thread that dies takes along everybody who waits for its answers, so each turn of its work is guarded here. What the
turn had in hand is for the turn itself to answer: it knows who waits.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from perdure.errors import StoreUnavailable

P = ParamSpec("P")
T = TypeVar("T")

FIRST_PAUSE = 0.01
LONGEST_PAUSE = 1.0
"""Units: seconds after a turn that failed, doubled with each further one: a fault that stays must not fill the log."""

_log = logging.getLogger("perdure.background")


class BackgroundThread:
    """A daemon thread that takes turns until there are none left."""

    def __init__(self, name: str, turn: Callable[[], bool]) -> None:
        """Shape: `turn` waits for its next piece of work and does it; false where it was the last one."""
        self.name = name
        self._turn = turn
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin. Raises: StoreUnavailable where no thread can be started; it may be tried again."""
        thread = threading.Thread(target=self._serve, name=self.name, daemon=True)
        try:
            thread.start()
        except RuntimeError as error:
            raise StoreUnavailable(f"the thread {self.name} can't be started: {error}") from error
        self._thread = thread

    def join(self) -> None:
        """Wait until the last turn is over; at once where the thread was never started."""
        if self._thread is not None:
            self._thread.join()

    def _serve(self) -> None:
        pause, never = FIRST_PAUSE, threading.Event()
        while True:
            try:
                if not self._turn():
                    return
            except BaseException:
                _log.exception("the thread %s met an error that nobody expected, and goes on", self.name)
                never.wait(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
            else:
                pause = FIRST_PAUSE


def tell(loop: asyncio.AbstractEventLoop, callback: Callable[..., object], *args: object) -> bool:
    """Call back on a loop, from another thread; false where the loop is closed, so that nobody waits any more."""
    try:
        loop.call_soon_threadsafe(callback, *args)
    except RuntimeError:
        return False
    return True


def answer(error: BaseException) -> Exception:
    """What whoever waits for a thread is given for an error in it: one that would end the event loop is wrapped."""
    return error if isinstance(error, Exception) else StoreUnavailable(f"{type(error).__name__}: {error}")


async def in_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a function in a thread of its own. Raises: what it raises; StoreUnavailable where none can be started."""
    outcome: asyncio.Future[T] = asyncio.get_running_loop().create_future()

    def call() -> bool:
        try:
            result = function(*args, **kwargs)
        except BaseException as error:
            tell(outcome.get_loop(), _settle, outcome, None, answer(error))
        else:
            tell(outcome.get_loop(), _settle, outcome, result, None)
        return False

    BackgroundThread("perdure-opening", call).start()
    return await outcome


def _settle(outcome: asyncio.Future[T], result: T, error: Exception | None) -> None:
    if outcome.cancelled():
        return
    if error is not None:
        outcome.set_exception(error)
    else:
        outcome.set_result(result)
