"""Stopping a run: a fact in the store, then a wait that has an end."""

from __future__ import annotations

import asyncio
from functools import partial

from perdure.core import topics
from perdure.core.operations import CancelChildren, CancelRun, SealRun
from perdure.core.records import RunRecord
from perdure.core.states import ENDED
from perdure.errors import RunNotFound
from perdure.runs.access import Access
from perdure.stores.outages import read_again

SEAL_AGAIN_AFTER = 0.05
"""Units: seconds; the lease time of the store and the elapsed time here may differ by a little."""


async def stop_run(access: Access, run_id: str, reason: str, within: float) -> RunRecord:
    """Cancel a run; where it has an owner, wait for it until the deadline, then seal the run without it.

    Shape: time is counted from here on, so that no jump of a wall clock makes it longer. Its children are cancelled
    before this returns; where that is interrupted, a worker goes on with it.
    Units: `within` in seconds.
    Raises: RunNotFound.
    """
    store, clock, tenant = access.store, access.clock, access.tenant
    cancel = CancelRun(tenant=tenant, run_id=run_id, at=clock.now(), within=within, reason=reason)
    ended = asyncio.Event()
    stop_listening = store.listen(topics.run(tenant, run_id), ended.set)
    try:
        until = clock.elapsed() + within
        run: RunRecord = await store.execute(cancel)
        await cancel_children(access, run_id, within)
        while run.status not in ENDED:
            left = until - clock.elapsed()
            timer = clock.call_after(max(left, SEAL_AGAIN_AFTER), ended.set)
            try:
                await ended.wait()
            finally:
                timer.cancel()
            ended.clear()
            if clock.elapsed() >= until:
                run = await store.execute(SealRun(tenant=tenant, run_id=run_id, at=clock.now()))
            else:
                run = await read_again(clock, partial(_get, access, run_id))
        await cancel_children(access, run_id, within)
        return run
    finally:
        stop_listening()


async def cancel_children(access: Access, run_id: str, within: float) -> None:
    """Cancel the children of a run that was cancelled, some in each commit."""
    clock, tenant = access.clock, access.tenant
    while await access.store.execute(CancelChildren(tenant=tenant, run_id=run_id, at=clock.now(), within=within)):
        continue


async def _get(access: Access, run_id: str) -> RunRecord:
    run = await access.store.runs.get(run_id, tenant=access.tenant)
    if run is None:
        raise RunNotFound(run_id)
    return run
