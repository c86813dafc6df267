"""Asking the store for one attempt: again and again while it can't be reached and the lease lasts."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from perdure.errors import LeaseLost, StoreClosed, StoreError, StoreForked, StoreReplaced, StoreUnavailable
from perdure.runs.halting import Halt, Unwind
from perdure.runs.protocols import LeaseTerm

AGAIN_AFTER = 0.05
AGAIN_AT_LEAST_EVERY = 1.0
R = TypeVar("R")

_LOST = (LeaseLost, StoreClosed, StoreForked, StoreReplaced)

_log = logging.getLogger("perdure.runs")


async def insist(host: LeaseTerm, who: str, ask: Callable[[], Awaitable[R]], lose: Callable[[Halt], object]) -> R:
    """What the store answers. Raises: Unwind where the lease is lost, and `lose` is told before."""
    pause = AGAIN_AFTER
    while True:
        try:
            return await ask()
        except _LOST as error:  # none of them is a fault of the run's
            if isinstance(error, StoreReplaced):
                _log.error("for %s: %s", who, error)  # nobody but the log says why the run stopped
            lost: StoreError | LeaseLost = error
            break
        except StoreUnavailable as error:
            if not host.holds():
                lost = error
                break
            _log.warning("for %s: %s; trying again in %.2f s", who, error, pause)
        await host.pause(pause)
        pause = min(pause * 2, AGAIN_AT_LEAST_EVERY)
    halt = Halt("lost", str(lost))
    lose(halt)
    raise Unwind(halt)
