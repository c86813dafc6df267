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
from perdure.stores.port import CancelRun, FinishRun, ReleaseRun, SuspendRun

if TYPE_CHECKING:
    from perdure.runs.execution import Execution

Settled = Literal["ended", "suspended", "released", "lost", "again"]

GIVE_UP_AFTER = 1.0

_log = logging.getLogger("perdure.runs")


async def settle(execution: Execution) -> Settled:
    """Commit what the halt stands for; `again` where the attempt must begin anew, with the lease that it has."""
    halt, run_id = execution.halt, execution.run.run_id
    if halt is None:
        return "ended"
    try:
        if halt.kind == "suspend":
            return await _suspend(execution)
        if halt.kind == "release":
            await execution.commit(ReleaseRun(run_id=run_id, at=execution.now()))
            return "released"
        if halt.kind == "diverged":
            failed = FinishRun(run_id=run_id, status="failed", at=execution.now(), failure=halt.failure)
            await execution.commit(*execution.last("failed", halt.failure), failed)
            execution.status = "failed"
            return "ended"
        if halt.kind == "cancel":
            await _clean_up(execution, halt)
            now = execution.now()
            # once more, for children that were started after the first: they are cancelled too
            again = CancelRun(
                run_id=run_id, at=now, cancel_by=now + timedelta(seconds=execution.host.cancel_for), reason=halt.reason
            )
            cancelled = FinishRun(run_id=run_id, status="cancelled", at=now)
            await execution.commit(*execution.last("cancelled", None), again, cancelled)
            execution.status = "cancelled"
            return "ended"
    except Unwind:
        return "lost"
    return "lost"


async def _suspend(execution: Execution) -> Settled:
    suspension = execution.suspension
    try:
        await execution.commit(
            SuspendRun(
                run_id=execution.run.run_id,
                inbox=execution.inbox,
                at=execution.now(),
                due_at=suspension.due_at,
                waiting_for=suspension.names,
            )
        )
    except InboxMoved:
        return "again"
    return "suspended"


async def _clean_up(execution: Execution, halt: Halt) -> None:
    """Run what was registered with on_cancel, with the context usable again, within the cancel's time."""
    if not execution.cleanups:
        return
    execution.reopen()
    task = execution.spawn(Branch(CANCEL_BRANCH), lambda: _each(execution))
    if not await _ends(execution, task, execution.host.cancel_for):
        _log.warning("run %s: on_cancel did not end in time", execution.run.run_id)
        execution.ending = False
        execution.stop(halt)
        await _ends(execution, task, GIVE_UP_AFTER)


async def _ends(execution: Execution, task: asyncio.Task[None], within: float) -> bool:
    """Wait for a task, by the clock; whether it has ended."""
    over = asyncio.Event()
    timer = execution.host.clock.call_after(within, over.set)
    task.add_done_callback(lambda _: over.set())
    await over.wait()
    timer.cancel()
    return task.done()


async def _each(execution: Execution) -> None:
    for cleanup in reversed(execution.cleanups):
        try:
            await cleanup()
        except Exception:
            _log.exception("run %s: an on_cancel function failed", execution.run.run_id)
