"""The reaper: takes over from workers that died, and seals runs whose owner is deaf to a cancel."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from perdure.errors import PerdureError, StoreClosed
from perdure.stores.port import SealRun, TakeOver

if TYPE_CHECKING:
    from perdure.runs.lease_holder import LeaseHolder

EVERY = 0.5
MAX_TAKEOVERS = 5

_log = logging.getLogger("perdure.worker")


class Reaper:
    """Looks for the dead when its worker starts, and then twice a second. One query, however many runs wait."""

    def __init__(self, holder: LeaseHolder) -> None:
        self._holder = holder
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Look once, then go on in the background. Safe twice."""
        if self._task is not None:
            return
        await self.reap()
        self._task = asyncio.get_running_loop().create_task(self._serve())

    async def stop(self) -> None:
        """Stop looking. Safe twice and before start."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def reap(self) -> list[str]:
        """Take over from whoever is dead now; the runs that were taken."""
        holder, taken = self._holder, list[str]()
        clock, store = holder.clock, holder.store
        for worker, proven in await store.workers.dead(clock.lease_now(), holder.boot_id):
            if worker.worker_id == holder.worker_id:
                continue
            take = TakeOver(
                worker_id=worker.worker_id,
                at=clock.now(),
                lease_now=clock.lease_now(),
                boot_id=holder.boot_id,
                proven=proven,
                registered=worker.started_at,
                max_takeovers=MAX_TAKEOVERS,
            )
            (run_ids,) = await store.commit(take)
            if run_ids:
                how = "died" if proven else "let its lease end"
                _log.warning("worker %s %s; %d runs are queued again", worker.worker_id, how, len(run_ids))
            taken += run_ids
        for run_id in await store.runs.overdue(clock.now()):
            await store.commit(SealRun(run_id=run_id, at=clock.now()))
        return taken

    async def _serve(self) -> None:
        while True:
            await self._holder.pause(EVERY)
            try:
                await self.reap()
            except StoreClosed:
                return
            except PerdureError as error:
                _log.warning("can't look for dead workers: %s", error)
            except Exception:  # a fault of ours: nobody would be taken over from any more
                _log.exception("can't look for dead workers")
