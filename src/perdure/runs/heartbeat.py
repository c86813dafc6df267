"""The heartbeat: a thread with proof of work, so that neither a busy loop loses a lease nor a dead one keeps it.

It renews the worker's one row, at a third of the lease, with the runs that are really being executed. A loop that has
not ticked for `STALL_LIMIT` stops it. A renewal that fails is tried again until the lease has really ended; then the
worker's attempts are cancelled, and it takes a new id.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from typing import Protocol

from perdure.core.clock import Clock
from perdure.errors import PerdureError, StoreClosed, StoreForked, WorkerExpired
from perdure.stores.background import BackgroundThread, tell
from perdure.stores.port import RenewWorker, Store

STALL_LIMIT = 120.0

_log = logging.getLogger("perdure.worker")


class RenewedLease(Protocol):
    """Whose lease is kept alive; units as in `LeaseHolder`."""

    store: Store
    clock: Clock
    worker_id: str
    registering: bool
    lease_for: float
    lease_until: float
    ticked_after: float

    def executing(self) -> frozenset[str]:
        """The runs that are really being executed."""
        ...

    def holds(self) -> bool:
        """Whether the lease still runs."""
        ...

    def expired(self, worker_id: str) -> None:
        """The lease that the worker had under this id has ended; called on the loop."""
        ...

    def stray(self, run_ids: list[str]) -> None:
        """These runs name the worker, which does not execute them; called on the loop."""
        ...


class Heartbeat:
    """Keeps one holder's lease alive; start twice, stop twice, stop before start: all safe."""

    def __init__(self, holder: RenewedLease, loop: asyncio.AbstractEventLoop) -> None:
        self._holder = holder
        self._loop = loop
        self._stop = threading.Event()
        self._strays: set[str] = set()
        self._pause = holder.lease_for / 3
        self._thread = BackgroundThread("perdure-heartbeat", self._serve)
        self._is_started = False

    def start(self) -> None:
        """Begin to renew. Safe twice; not again after a stop.

        Raises: StoreUnavailable where no thread can be started.
        """
        if not (self._is_started or self._stop.is_set()):
            self._thread.start()
            self._is_started = True

    def stop(self) -> None:
        """Stop renewing."""
        self._stop.set()

    def beat(self) -> bool:
        """Renew once; false where the lease is gone. From any thread but the loop's."""
        holder = self._holder
        worker_id = holder.worker_id
        if holder.registering:
            return True  # there is nothing to renew yet
        try:
            return self._renew(worker_id)
        except Exception:  # a fault of ours: a lease that nobody renews, and nobody declares lost, would be worse
            _log.exception("worker %s could not renew", worker_id)
            self._pause = holder.lease_for / 30
            return holder.holds()

    def _renew(self, worker_id: str) -> bool:
        holder = self._holder
        clock = holder.clock
        if self._loop.is_closed():
            self._stop.set()  # nobody executes anything any more: what it held goes to others when its lease ends
            return True
        if clock.elapsed() - holder.ticked_after > STALL_LIMIT:
            _log.error("the event loop has not run for %.0f s; worker %s is not renewed", STALL_LIMIT, worker_id)
            return True
        lease_now = clock.lease_now()
        lease_until = lease_now + holder.lease_for
        renewal = RenewWorker(
            worker_id=worker_id,
            lease_until=lease_until,
            lease_now=lease_now,
            at=clock.now(),
            executing=holder.executing(),
        )
        try:
            strays = set(holder.store.renew(renewal))
        except WorkerExpired:
            return False
        except (StoreClosed, StoreForked):
            self._stop.set()
            return True
        except PerdureError as error:
            self._pause = holder.lease_for / 30  # soon: what is left of the lease may be short
            _log.warning("worker %s could not renew: %s", worker_id, error)
            return holder.holds()
        holder.lease_until = lease_until
        self._pause = holder.lease_for / 3
        self._release(strays)
        return True

    def _release(self, strays: set[str]) -> None:
        # twice in a row: a claim whose news is still on its way to the loop is no stray
        again = sorted(strays & self._strays)
        self._strays = strays
        if again:
            self._call(lambda: self._holder.stray(again))

    def _serve(self) -> bool:
        holder = self._holder
        if holder.clock.wait(self._stop, self._pause):
            return False
        worker_id = holder.worker_id
        if not self.beat() and not self._stop.is_set():
            self._call(lambda: holder.expired(worker_id))
        return True

    def _call(self, callback: Callable[[], object]) -> None:
        if not tell(self._loop, callback):
            self._stop.set()
