"""Parked runs: each worker process tries each of them once, with the code that it has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.core.ids import new_id
from perdure.core.operations import ClaimedRun, TakeRun
from perdure.core.records import RunRecord
from perdure.errors import LeaseHeld, RunNotFound, RunStateWrong

if TYPE_CHECKING:
    from perdure.runs.lease_holder import LeaseHolder
    from perdure.runs.workflow import Workflows

LOOK_EVERY = 5.0
"""Units: seconds between two looks for parked runs; the first one comes when the worker has nothing to do."""


class Parked:
    """What this worker has tried: a run, with the token under which it was parked."""

    def __init__(self, holder: LeaseHolder, workflows: Workflows) -> None:
        self._holder = holder
        self._workflows = workflows
        self._tried: set[tuple[str | None, str]] = set()
        self._looked_after = float("-inf")

    def note(self, run: RunRecord) -> None:
        """This process has parked it: its code does not agree."""
        self._tried.add((run.tenant, run.run_id))

    async def try_once(self, limit: int) -> int:
        """Take parked runs that were not tried here; how many have begun. Raises: WorkerExpired, StoreUnavailable."""
        holder = self._holder
        now = holder.clock.elapsed()
        if now - self._looked_after < LOOK_EVERY:
            return 0
        self._looked_after = now
        begun = 0
        for run in await holder.store.runs.parked(self._workflows.names()):
            if begun < limit and (run.tenant, run.run_id) not in self._tried:
                self.note(run)
                begun += await self._take(run)
        return begun

    async def _take(self, run: RunRecord) -> bool:
        holder = self._holder
        take = TakeRun(
            tenant=run.tenant,
            run_id=run.run_id,
            worker_id=holder.worker_id,
            incarnation=holder.incarnation,
            claim_id=new_id("claim"),
            at=holder.clock.now(),
        )
        try:
            claimed: ClaimedRun = await holder.store.execute(take)
        except (RunNotFound, RunStateWrong, LeaseHeld):
            return False  # somebody else was first
        await holder.begin_all([(claimed, self._workflows.get(run.workflow))])
        return True
