"""What follows when an attempt has unwound: the commit that its halt stands for."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from perdure.core.positions import CANCEL_BRANCH
from perdure.errors import InboxMoved
from perdure.runs.branch import Branch
from perdure.runs.halting import Halt, Unwind
from perdure.runs.interrupts import is_of_signal
from perdure.stores.port import CancelRun, FinishRun, ReleaseRun, SuspendRun

if TYPE_CHECKING:
    from perdure.runs.attempt import Attempt

Settled = Literal["ended", "suspended", "released", "lost", "again"]

GIVE_UP_AFTER = 1.0

_log = logging.getLogger("perdure.runs")


async def settle(attempt: Attempt) -> Settled:
    """Commit what the halt stands for; `again` where the attempt must begin anew, with the lease that it has."""
    halt, run_id = attempt.halt, attempt.run.run_id
    if halt is None:
        return "ended"
    try:
        if halt.kind == "suspend":
            return await _suspend(attempt)
        if halt.kind == "release":
            await attempt.commit(ReleaseRun(run_id=run_id, at=attempt.now()))
            return "released"
        if halt.kind in {"diverged", "failed"}:
            failed = FinishRun(run_id=run_id, status="failed", at=attempt.now(), failure=halt.failure)
            await attempt.commit(*attempt.last("failed", halt.failure), failed)
            attempt.status = "failed"
            return "ended"
        if halt.kind == "cancel":
            await _clean_up(attempt, halt)
            now = attempt.now()
            # once more, for children that were started after the first: they are cancelled too
            again = CancelRun(
                run_id=run_id, at=now, cancel_by=now + timedelta(seconds=attempt.host.cancel_for), reason=halt.reason
            )
            cancelled = FinishRun(run_id=run_id, status="cancelled", at=now)
            await attempt.commit(*attempt.last("cancelled", None), again, cancelled)
            attempt.status = "cancelled"
            return "ended"
    except Unwind:
        return "lost"
    return "lost"


async def _suspend(attempt: Attempt) -> Settled:
    suspension = attempt.suspension
    try:
        await attempt.commit(
            SuspendRun(
                run_id=attempt.run.run_id,
                inbox=attempt.inbox,
                at=attempt.now(),
                due_at=suspension.due_at,
                waiting_for=suspension.names,
            )
        )
    except InboxMoved:
        return "again"
    return "suspended"


async def _clean_up(attempt: Attempt, halt: Halt) -> None:
    """Run what was registered with on_cancel, with the context usable again, within the cancel's time."""
    if not attempt.cleanups:
        return
    attempt.reopen()
    task = attempt.spawn(Branch(CANCEL_BRANCH), lambda: _each(attempt))
    if not await _ends(attempt, task, attempt.host.cancel_for):
        _log.warning("run %s: on_cancel did not end in time", attempt.run.run_id)
        attempt.ending = False
        attempt.stop(halt)
        await _ends(attempt, task, GIVE_UP_AFTER)


async def _ends(attempt: Attempt, task: asyncio.Task[None], within: float) -> bool:
    """Wait for a task, by the clock; whether it has ended."""
    over = asyncio.Event()
    timer = attempt.host.clock.call_after(within, over.set)
    task.add_done_callback(lambda _: over.set())
    await over.wait()
    timer.cancel()
    return task.done()


async def _each(attempt: Attempt) -> None:
    for cleanup in reversed(attempt.cleanups):
        try:
            await cleanup()
        except Unwind:
            raise
        except BaseException as error:  # whatever it raises is its own failure, and the others run
            task = asyncio.current_task()
            is_cut_off = attempt.halt is not None or task is None or task.cancelling() > 0
            if is_of_signal(error) or (is_cut_off and isinstance(error, asyncio.CancelledError | GeneratorExit)):
                raise
            _log.exception("run %s: an on_cancel function failed", attempt.run.run_id)
