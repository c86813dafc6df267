"""Recovery: takes over from workers that died, seals runs whose owner does not hear a cancel, cancels children."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING

from perdure.core.operations import SealRun, TakeOver
from perdure.errors import RunNotFound, StoreClosed
from perdure.runs.access import Access
from perdure.runs.failure_log import FailureLog
from perdure.runs.observing import in_short
from perdure.runs.stopping import cancel_children

if TYPE_CHECKING:
    from perdure.runs.lease_holder import LeaseHolder
    from perdure.stores.port import DeadWorker

EVERY = 0.5

_log = logging.getLogger("perdure.worker")


class Recovery:
    """Looks for the dead when its worker starts, and then twice a second. One query, however many runs wait."""

    def __init__(self, holder: LeaseHolder) -> None:
        self._holder = holder
        self._failures = FailureLog(holder.clock, holder.lease_for)
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Look once, then go on in the background. Safe twice. Raises: StoreClosed."""
        if self._task is not None:
            return
        await self._look()
        self._task = asyncio.get_running_loop().create_task(self._serve())

    async def stop(self) -> None:
        """Stop looking. Safe twice and before start."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def recover(self) -> list[tuple[str | None, str]]:
        """Take over from whoever is dead now; the runs that were taken."""
        holder, taken = self._holder, list[tuple[str | None, str]]()
        clock, store = holder.clock, holder.store
        for dead in await store.workers.dead():
            worker = dead.worker
            if worker.incarnation == holder.incarnation:
                continue
            taken += await self._take_over(dead)
        for tenant, run_id in await store.runs.overdue():
            with suppress(RunNotFound):  # it was sealed and deleted since: the others are looked at all the same
                await store.execute(SealRun(tenant=tenant, run_id=run_id, at=clock.now()))
        for tenant, run_id in await store.runs.cancelling_children():
            await cancel_children(Access(store=store, clock=clock, tenant=tenant), run_id, holder.cancel_for)
        return taken

    async def _take_over(self, dead: DeadWorker) -> list[tuple[str | None, str]]:
        holder, worker, taken = self._holder, dead.worker, list[tuple[str | None, str]]()
        take = TakeOver(worker_id=worker.worker_id, incarnation=worker.incarnation, at=holder.clock.now())
        while True:
            keys: tuple[tuple[str | None, str], ...] = await holder.store.execute(take)
            taken += keys
            if len(keys) < take.limit:
                break
        if taken:
            how = "died" if dead.proven else "let its lease end"
            _log.warning("worker %s %s; %s are queued again", worker.worker_id, how, in_short(taken))
        return taken

    async def _serve(self) -> None:
        while True:
            await self._holder.pause(EVERY)
            try:
                await self._look()
            except StoreClosed:
                return

    async def _look(self) -> None:
        try:
            await self.recover()
        except StoreClosed:
            raise
        except Exception as error:  # a fault of ours too: no run would be taken over any more
            self._failures.failed("can't look for dead workers", error)
        else:
            self._failures.succeeded("looks for dead workers again")
