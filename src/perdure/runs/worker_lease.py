"""A worker's row in the store and the lease that goes with it: registered, renewed, given up."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from math import isfinite

from perdure.core.clock import Clock
from perdure.core.ids import new_id, new_worker_id, start_token
from perdure.core.operations import RegisterWorker, ReleaseRun, RetireWorker
from perdure.core.records import Lease, RunRecord
from perdure.errors import (
    LeaseLost,
    PerdureError,
    RunStateWrong,
    SettingInvalid,
    StoreClosed,
    StoreError,
    StoreUnavailable,
)
from perdure.runs import worker_ids
from perdure.stores.port import Store

REGISTER_AGAIN_AFTER = 1.0

_log = logging.getLogger("perdure.worker")


def checked_lease(lease_for: float) -> float:
    """A lease's length in seconds. Raises: SettingInvalid."""
    if not (isfinite(lease_for) and lease_for > 0):
        raise SettingInvalid("lease_for", f"a finite time above 0, not {lease_for}")
    return lease_for


class WorkerLease:
    """One worker's row, and until when its lease lasts by this machine's clock."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        *,
        worker_id: str | None,
        lease_for: float,
        stall_limit: float,
        queues: tuple[str, ...],
    ) -> None:
        self.store = store
        self.clock = clock
        self.worker_id = worker_id or new_worker_id()
        self.incarnation = new_id("worker")
        self.lease_for = checked_lease(lease_for)
        self.stall_limit = stall_limit
        self.queues = queues
        self.lease_until = float("-inf")
        self.registering = False
        self.is_registered = self.may_be_registered = False
        self.is_renewed: Callable[[], bool] = bool
        self._is_joining = False
        self._gone: RetireWorker | None = None
        self.loop = asyncio.get_running_loop()
        self._is_held = asyncio.Event()

    async def register(self) -> None:
        """Add this worker's row. Raises: SettingInvalid where another worker that lives has its id."""
        sent = self.clock.lease_now()
        worker_ids.take(self)
        self._is_joining = True
        try:
            while await self.store.execute(_registration(self)):
                pass  # an earlier worker of this id has runs still; each time some of them are taken over
            self.is_registered = True
            self.renewed(sent)
        except (asyncio.CancelledError, StoreUnavailable):
            self.may_be_registered = True  # it may have landed, and nobody heard of it
            raise
        finally:
            self._is_joining = False
            if not self.is_registered:
                worker_ids.give_back(self)

    @property
    def lives(self) -> bool:
        """Whether it may execute runs: its lease is renewed, or has not ended yet."""
        return self._is_joining or self.is_renewed() or self.holds()

    def renew_identity(self) -> None:
        """Be another worker from now on: the row of this one is gone, and does not come back.

        What this process holds for it, such as the lock that proves its life, is given back with the next registration.
        """
        self._gone = self._retirement()
        self.incarnation = new_id("worker")
        self.worker_id = new_worker_id()

    def renewed(self, sent: float) -> None:
        """The lease lasts from when its renewal was sent."""
        self.lease_until = sent + self.lease_for
        self._is_held.set()

    def holds(self) -> bool:
        """Whether this worker's own lease still runs, by this machine's clock."""
        return self.clock.lease_now() < self.lease_until

    async def until_held(self) -> None:
        """Wait for the next renewal. An attempt whose lease is lost is cancelled here."""
        while not self.holds():
            self._is_held.clear()
            await self._is_held.wait()

    async def register_again(self) -> None:
        """Register until it has succeeded, or the store is closed."""
        try:
            while not await self._registered():
                await self.pause(REGISTER_AGAIN_AFTER)
        finally:
            self.registering = False

    async def _registered(self) -> bool:
        try:
            await self._retire_gone()
            await self.register()
        except StoreClosed:
            return True  # there is nothing to register with any more
        except PerdureError as error:
            _log.warning("worker %s can't register: %s", self.worker_id, error)
            return False
        except Exception:  # a fault of ours: a worker that lives on and is not registered would be worse
            _log.exception("worker %s can't register", self.worker_id)
            return False
        return True

    async def retire(self) -> None:
        """Remove this worker's row; where that fails, its lease ends by itself."""
        try:
            await self._retire_gone()
            await self._retire(self._retirement())
        except StoreClosed:
            return  # whoever closed it has not waited for this; the lease ends by itself
        except StoreError as error:
            _log.warning("worker %s could not deregister: %s", self.worker_id, error)
        worker_ids.give_back(self)

    async def give_back(self, run: RunRecord) -> bool:
        """Release a run that is leased to this worker and that it does not execute; whether it was."""
        try:
            await self.store.commit(Lease(run.tenant, run.run_id, run.token), ReleaseRun(at=self.clock.now()))
        except (LeaseLost, RunStateWrong, StoreError) as error:
            _log.warning("run %s could not be given back: %s", run.run_id, error)
            return False
        return True

    async def _retire_gone(self) -> None:
        if self._gone is not None:
            await self._retire(self._gone)
            self._gone = None

    async def _retire(self, retirement: RetireWorker) -> None:
        while await self.store.execute(retirement):
            pass  # runs still name it; each time some of them are given back

    def _retirement(self) -> RetireWorker:
        return RetireWorker(worker_id=self.worker_id, incarnation=self.incarnation, at=self.clock.now())

    async def pause(self, seconds: float) -> None:
        """Wait, by the clock."""
        over: asyncio.Future[None] = self.loop.create_future()
        timer = self.clock.call_after(seconds, lambda: over.done() or over.set_result(None))
        try:
            await over
        finally:
            timer.cancel()


def _registration(holder: WorkerLease) -> RegisterWorker:
    """How a worker of this process registers."""
    pid = os.getpid()
    return RegisterWorker(
        worker_id=holder.worker_id,
        incarnation=holder.incarnation,
        at=holder.clock.now(),
        lease_for=holder.lease_for,
        stall_limit=holder.stall_limit,
        host=os.uname().nodename,
        pid=pid,
        process_token=start_token(pid),
        queues=holder.queues,
    )
