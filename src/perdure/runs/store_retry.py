"""Asking the store for one attempt, again and again while it can't be reached.

A commit whose effect has returned lands, or is refused, whatever happens to the task that awaits it and however long
the store is away: only another owner ends it. To land a commit twice is to land it once, so an unknown outcome is
answered by landing the same commit again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from perdure.core.operations import PutStep
from perdure.core.records import Lease
from perdure.core.values import Value
from perdure.errors import LeaseLost, StoreClosed, StoreError, StoreForked, StoreReplaced, StoreUnavailable
from perdure.runs.halting import Halt, Unwind
from perdure.runs.protocols import StoreUser, named
from perdure.runs.shielding import wait_shielded

AGAIN_AFTER = 0.05
AGAIN_AT_LEAST_EVERY = 1.0
R = TypeVar("R")

_LOST = (LeaseLost, StoreClosed, StoreForked, StoreReplaced)

_log = logging.getLogger("perdure.runs")


async def retry_unavailable(who: StoreUser, ask: Callable[..., Awaitable[R]], *given: Value) -> R:
    """What the store answers. Shape: `given` is what it is asked for: a lease and what is committed, or what is read.

    Raises: Unwind where the lease is lost, and who asks was told before; CancelledError where the task was cancelled: a
    commit has landed then, or was refused.
    """
    cancelled: asyncio.CancelledError | None = None
    asking = ask(*given)
    try:
        return await asking
    except _LOST as error:  # none of them is a fault of the run's
        raise _lost(who, error) from None
    except StoreUnavailable as error:
        first = error
    except asyncio.CancelledError as error:
        failure = _failure_of(asking)
        if failure is None:
            raise
        first, cancelled = failure, error
    again = asyncio.ensure_future(_again(who, ask, given, first))
    await wait_shielded(again)
    if cancelled is not None:
        raise cancelled
    return again.result()


def _failure_of(asking: Awaitable[Value]) -> StoreUnavailable | None:
    """How a commit failed of which a cancelled task does not hear, for its cancellation came first."""
    if not isinstance(asking, asyncio.Future) or not asking.done() or asking.cancelled():
        return None
    error = asking.exception()
    return error if isinstance(error, StoreUnavailable) else None


async def _again(who: StoreUser, ask: Callable[..., Awaitable[R]], given: tuple[Value, ...], error: StoreError) -> R:
    pause = AGAIN_AFTER
    steps = [f"{named(one.step)} is {one.step.status}" for one in given if isinstance(one, PutStep)]
    what = f" that {', '.join(steps)}" if steps else ""
    _log.warning(
        "run %s: %s; %s%s again", who.run_id, error, "committing" if isinstance(given[0], Lease) else "reading", what
    )
    while not who.is_given_up:
        await who.host.pause(pause)
        pause = min(pause * 2, AGAIN_AT_LEAST_EVERY)
        try:
            return await ask(*given)
        except _LOST as lost:
            raise _lost(who, lost) from None
        except StoreUnavailable as again:
            error = again
    raise _lost(who, error)


def _lost(who: StoreUser, error: StoreError | LeaseLost) -> Unwind:
    if isinstance(error, StoreReplaced):
        _log.error("run %s: %s", who.run_id, error)  # nobody but the log says why the run stopped
    halt = Halt("lost", str(error))
    who.stop(halt)
    return Unwind(halt)
