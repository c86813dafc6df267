"""An event loop in a thread of its own, so that the main thread belongs to the person at the terminal.

So a line can be edited, and Ctrl-C be felt at once, while turns, timers and heartbeats go on.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from types import TracebackType
from typing import Self, TypeVar

from perdure.core.values import Value

T = TypeVar("T")


class Background:
    """A running event loop; what is still running at the end is cancelled."""

    def __init__(self) -> None:
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="perdure-chat", daemon=True)
        self._loop: asyncio.AbstractEventLoop
        self._over: asyncio.Event

    def submit(self, work: Coroutine[Value, Value, T]) -> Future[T]:
        """Begin something on the loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def call(self, work: Coroutine[Value, Value, T]) -> T:
        """Do something on the loop, and wait for what comes of it."""
        return self.submit(work).result()

    async def _serve(self) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        self._ready.set()
        await self._over.wait()

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()
