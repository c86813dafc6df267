"""The heartbeat: a thread with proof of work, so that neither a busy loop loses a lease nor a dead one keeps it.

It renews the worker's one row, at a third of the lease, with the runs that are really being executed. A loop that has
not ticked for the worker's stall limit stops it. A renewal that fails is tried again, however long the store is away:
soon while there is something left of the lease, less often afterwards. The lease goes on where nobody has taken over
meanwhile. Where somebody has, the worker's attempts are lost, and it registers anew.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from typing import Protocol

from perdure.core.clock import Clock
from perdure.core.operations import RenewWorker
from perdure.errors import PerdureError, StoreClosed, StoreForked, WorkerExpired
from perdure.runs.failure_log import FailureLog
from perdure.stores.background import BackgroundThread, tell
from perdure.stores.port import Store

STALL_LIMIT = 120.0

_log = logging.getLogger("perdure.worker")


class RenewedLease(Protocol):
    """Whose lease is kept alive; units as in `LeaseHolder`."""

    store: Store
    clock: Clock
    worker_id: str
    incarnation: str
    registering: bool
    lease_for: float
    stall_limit: float
    ticked_after: float
    claim_began: float | None

    def executing(self) -> frozenset[tuple[str | None, str]]:
        """The runs that are really being executed."""
        ...

    def renewed(self, sent: float) -> None:
        """The lease lasts from this lease time on; called on the loop."""
        ...

    def expired(self, incarnation: str) -> None:
        """The row of this incarnation is gone; called on the loop."""
        ...

    def orphan(self, keys: list[tuple[str | None, str]]) -> None:
        """These runs name the worker, which does not execute them; called on the loop."""
        ...


class Heartbeat:
    """Keeps one holder's lease alive; start twice, stop twice, stop before start: all safe."""

    def __init__(self, holder: RenewedLease, loop: asyncio.AbstractEventLoop) -> None:
        self._holder = holder
        self._loop = loop
        self._stop = threading.Event()
        self._orphans: dict[tuple[str | None, str], float] = {}
        self._beat = 0
        self._pause = holder.lease_for / 3
        self._failures = FailureLog(holder.clock, holder.lease_for)
        self._thread = BackgroundThread("perdure-heartbeat", self._serve)
        self._is_started = False

    def start(self) -> None:
        """Begin to renew. Safe twice; not again after a stop.

        Raises: StoreUnavailable where no thread can be started.
        """
        if not (self._is_started or self._stop.is_set()):
            self._thread.start()
            self._is_started = True

    def is_running(self) -> bool:
        """Whether it renews."""
        return self._is_started and not self._stop.is_set()

    def stop(self) -> None:
        """Stop renewing."""
        self._stop.set()

    def beat(self) -> bool:
        """Renew once; false where the row is gone. From any thread but the loop's."""
        holder = self._holder
        incarnation = holder.incarnation
        if holder.registering:
            return True  # there is nothing to renew yet
        try:
            return self._renew(incarnation)
        except Exception as error:  # a fault of ours: a lease that nobody renews would be worse
            self._failed(error)
            return True

    def _renew(self, incarnation: str) -> bool:
        holder = self._holder
        clock, worker_id = holder.clock, holder.worker_id
        if self._loop.is_closed():
            self._stop.set()  # nobody executes anything any more: what it held goes to others when its lease ends
            return True
        if clock.elapsed() - holder.ticked_after > holder.stall_limit:
            _log.error("the event loop has not run for %.0f s; worker %s is not renewed", holder.stall_limit, worker_id)
            return True
        sent = clock.lease_now()
        self._beat += 1
        renewal = RenewWorker(
            worker_id=worker_id,
            incarnation=incarnation,
            beat=self._beat,
            lease_for=holder.lease_for,
            at=clock.now(),
            executing=holder.executing(),
        )
        try:
            orphans = set(holder.store.renew(renewal))
        except WorkerExpired:
            return False
        except (StoreClosed, StoreForked):
            self._stop.set()
            return True
        except PerdureError as error:
            self._failed(error)
            return True
        self._call(lambda: holder.renewed(sent))
        self._succeeded()
        self._release(orphans)
        return True

    def _failed(self, error: Exception) -> None:
        """The next try comes soon while the lease lasts, for what is left of it may be short."""
        holder = self._holder
        self._failures.failed(f"worker {holder.worker_id} could not renew", error)
        lasts = holder.clock.elapsed() - (self._failures.since or 0.0) < holder.lease_for
        self._pause = holder.lease_for / (30 if lasts else 6)

    def _succeeded(self) -> None:
        self._failures.succeeded(f"worker {self._holder.worker_id} renews again")
        self._pause = self._holder.lease_for / 3

    def _release(self, orphans: set[tuple[str | None, str]]) -> None:
        # seen before, and before the claim under way: what that one has claimed is still on its way to the loop
        now, claim_began = self._holder.clock.elapsed(), self._holder.claim_began
        again = [key for key in orphans if self._orphans.get(key, now) < (now if claim_began is None else claim_began)]
        again.sort(key=str)
        self._orphans = {key: self._orphans.get(key, now) for key in orphans}
        if again:
            self._call(lambda: self._holder.orphan(again))

    def _serve(self) -> bool:
        holder = self._holder
        if holder.clock.wait(self._stop, self._pause):
            return False
        incarnation = holder.incarnation
        if not self.beat() and not self._stop.is_set():
            self._call(lambda: holder.expired(incarnation))
        return True

    def _call(self, callback: Callable[[], object]) -> None:
        if not tell(self._loop, callback):
            self._stop.set()
