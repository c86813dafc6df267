"""Stopping a run: a fact in the store, then a wait that has an end."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from perdure.core.clock import Clock
from perdure.core.records import RunRecord
from perdure.core.states import ENDED
from perdure.errors import RunNotFound
from perdure.stores.port import CancelRun, SealRun, Store


async def stop_run(store: Store, clock: Clock, run_id: str, reason: str, within: float) -> RunRecord:
    """Cancel a run; where it has an owner, wait for it until the deadline, then seal the run without it.

    Raises: RunNotFound.
    """
    now = clock.now()
    cancel = CancelRun(run_id=run_id, at=now, cancel_by=now + timedelta(seconds=within), reason=reason)
    ended = asyncio.Event()
    run: RunRecord
    watch = store.listen(f"run:{run_id}", ended.set)
    try:
        (run,) = await store.commit(cancel)
        deadline = run.cancel_by or now
        timer = clock.call_after((deadline - now).total_seconds(), ended.set)
        try:
            while run.status not in ENDED and clock.now() < deadline:
                await ended.wait()
                ended.clear()
                run = await _get(store, run_id)
        finally:
            timer.cancel()
        if run.status not in ENDED:
            (run,) = await store.commit(SealRun(run_id=run_id, at=max(deadline, clock.now())))
        return run
    finally:
        watch()


async def _get(store: Store, run_id: str) -> RunRecord:
    run = await store.runs.get(run_id)
    if run is None:
        raise RunNotFound(run_id)
    return run
