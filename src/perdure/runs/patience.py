"""Waiting for what must come to its end, whoever is cancelled meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


async def wait_patiently(future: asyncio.Future[None], on_cancel: Callable[[], object] = bool) -> None:
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
        raise cancelled
