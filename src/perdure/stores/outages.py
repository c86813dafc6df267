"""Reading for somebody who waits: an outage of the store is waited out."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from perdure.core.clock import Clock, pause
from perdure.errors import StoreUnavailable

AGAIN_AFTER = 0.05
AGAIN_AT_LEAST_EVERY = 1.0
"""Units: seconds; the pause doubles from the first to the second."""
R = TypeVar("R")

_log = logging.getLogger("perdure.stores")


async def read_again(clock: Clock, ask: Callable[[], Awaitable[R]]) -> R:
    """What the store answers; asks again while it can't be reached, for who waits has no lease that would end.

    Raises: what asking raises, but for StoreUnavailable.
    """
    after = AGAIN_AFTER
    while True:
        try:
            return await ask()
        except StoreUnavailable as error:
            if after == AGAIN_AFTER:
                _log.warning("the store can't be read: %s; trying again", error)
            await pause(clock, after)
            after = min(after * 2, AGAIN_AT_LEAST_EVERY)
