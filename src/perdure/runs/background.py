"""Tasks that a lease holder runs beside its attempts."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine

from perdure.core.values import Value
from perdure.runs.observing import log_safely

_log = logging.getLogger("perdure.worker")


class Background:
    """Tasks that nobody awaits: what one raises is logged."""

    def __init__(self, loop: asyncio.AbstractEventLoop, worker_id: Callable[[], str]) -> None:
        self._loop = loop
        self._worker_id = worker_id
        self._tasks: set[asyncio.Task[Value]] = set()

    def __len__(self) -> int:
        return len(self._tasks)

    def start(self, work: Coroutine[Value, Value, Value]) -> asyncio.Task[Value]:
        """Run it in a task of its own."""
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    async def end(self) -> None:
        """Cancel what still runs, and wait for its end."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _ended(self, task: asyncio.Task[Value]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            error, what = task.exception(), getattr(task.get_coro(), "__qualname__", "a background task")
            log_safely(lambda: _log.error("worker %s: %s failed", self._worker_id(), what, exc_info=error))
