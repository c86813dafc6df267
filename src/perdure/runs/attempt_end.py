"""What follows when an attempt has unwound: the commit that its halt stands for."""

from __future__ import annotations

import asyncio
import inspect
import logging
from typing import TYPE_CHECKING, Literal

from perdure.core.annotations import name_of
from perdure.core.failures import class_name
from perdure.core.guarding import is_of
from perdure.core.operations import FinishRun, ReleaseRun, SuspendRun
from perdure.core.positions import CANCEL_BRANCH
from perdure.errors import InboxMoved
from perdure.runs.branch import Branch
from perdure.runs.halting import Halt, Unwind
from perdure.runs.interrupts import is_of_signal, shielded
from perdure.runs.news import is_woken
from perdure.runs.observing import log_safely

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from perdure.core.failures import Failure
    from perdure.runs.attempt import Attempt

EndedAs = Literal["ended", "suspended", "parked", "released", "lost", "again"]

GIVE_UP_AFTER = 1.0

_log = logging.getLogger("perdure.runs")


async def end_attempt(attempt: Attempt) -> EndedAs:
    """Commit what the halt stands for; `again` where the attempt must begin anew, with the lease that it has."""
    halt = attempt.halt
    if halt is None:
        return "ended"
    try:
        if halt.kind == "suspend":
            return await _suspend(attempt)
        if halt.kind == "diverged" and attempt.halt_at_frontier is None:
            return await _suspend(attempt, parked=halt.failure)
        if halt.kind == "release":
            await attempt.commit(ReleaseRun(at=attempt.now()))
            return "released"
        if halt.kind == "failed":
            await attempt.finish(FinishRun(status="failed", at=attempt.now(), failure=halt.failure))
            return "ended"
        if halt.kind in {"cancel", "diverged"}:  # what diverges on the way to its cleanups ends without them
            if halt.kind == "cancel":
                await _clean_up(attempt, halt)
            await attempt.finish(FinishRun(status="cancelled", at=attempt.now()))
            return "ended"
    except Unwind:
        return "lost"
    return "lost"


async def _suspend(attempt: Attempt, parked: Failure | None = None) -> EndedAs:
    """Give the lease back; what came in meanwhile and is not awaited is no reason to begin anew."""
    suspension = attempt.suspension
    while True:
        suspend = SuspendRun(
            inbox=attempt.inbox,
            at=attempt.now(),
            due_at=None if parked else suspension.due_at,
            waiting_for=() if parked else suspension.keys,
            cleans_up=attempt.cleans_up,
            parked=parked,
        )
        try:
            await attempt.commit(suspend)
        except InboxMoved:
            if await is_woken(attempt):
                return "again"
        else:
            return "parked" if parked else "suspended"


async def _clean_up(attempt: Attempt, halt: Halt) -> None:
    """Run what was registered with on_cancel, with the context usable again, within the cancel's time."""
    if not attempt.cleanups:
        return
    attempt.reopen()
    left = list(attempt.cleanups)
    task = attempt.spawn(Branch(CANCEL_BRANCH), lambda: _each(attempt, left))
    if not await _ends(attempt, task, attempt.host.cancel_for):
        names = ", ".join(shielded(lambda: name_of(cleanup), class_name) for cleanup in reversed(left))  # noqa: B023 - called at once
        _log.warning("run %s: its on_cancel functions did not end in time: %s", attempt.run_id, names)
        attempt.ending = False
        attempt.stop(halt)
        await _ends(attempt, task, GIVE_UP_AFTER)
    attempt.cleaning_up = False


async def _ends(attempt: Attempt, task: asyncio.Task[None], within: float) -> bool:
    """Wait for a task, by the clock; whether it has ended."""
    over = asyncio.Event()
    timer = attempt.host.clock.call_after(within, over.set)
    task.add_done_callback(lambda _: over.set())
    await over.wait()
    timer.cancel()
    return task.done()


async def _each(attempt: Attempt, left: list[Callable[[], Awaitable[object]]]) -> None:
    while left:
        cleanup = left[-1]
        try:
            made: object = cleanup()
            if inspect.isawaitable(made):
                await made
        except Unwind:
            raise
        except BaseException as error:  # whatever it raises is its own failure, and the others run
            task = asyncio.current_task()
            is_cut_off = attempt.halt is not None or task is None or task.cancelling() > 0
            if is_of_signal(error) or (is_cut_off and is_of(error, asyncio.CancelledError, GeneratorExit)):
                raise
            log_safely(
                lambda: _log.exception("run %s: its on_cancel function %s failed", attempt.run_id, name_of(cleanup))  # noqa: B023 - called at once
            )
        left.pop()
