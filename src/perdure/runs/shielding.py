"""Waiting for what must come to its end, whoever is cancelled meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine

from perdure.core.values import Value

TRIES = 3
"""The end of a loop cancels once; what is cancelled again and again is not to be done."""


async def wait_shielded(future: asyncio.Future[Value], on_cancel: Callable[[], object] = bool) -> None:
    """Wait until it is done, also where the waiting task is cancelled: `on_cancel` is told, and may hurry it.

    Raises: CancelledError when it is done, where the task was cancelled; else nothing of what it raised.
    """
    cancelled: asyncio.CancelledError | None = None
    while not future.done():
        try:
            await asyncio.wait((future,))
        except asyncio.CancelledError as error:
            cancelled = error
            on_cancel()
    if cancelled is not None:
        if not future.cancelled():
            future.exception()  # who is cancelled does not ask: nothing is to be said of what nobody asks for
        raise cancelled


async def run_to_its_end(work: Callable[[], Coroutine[Value, Value, None]]) -> None:
    """Do what must be done, also where the end of the loop cancels it before it has begun: then it begins again.

    Raises: what it raises; CancelledError when it is done, where the waiting task was cancelled.
    """
    cancelled: asyncio.CancelledError | None = None
    for _ in range(TRIES):
        doing = asyncio.get_running_loop().create_task(work())
        try:
            await wait_shielded(doing)
        except asyncio.CancelledError as error:
            cancelled = error
        if not doing.cancelled():
            doing.result()
            break
    if cancelled is not None:
        raise cancelled
