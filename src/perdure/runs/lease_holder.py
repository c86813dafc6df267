"""A holder of leases: one worker row, the attempts under it, and what they share.

A worker is one; `run_durable` outside a worker is one with a single run.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from functools import partial
from math import isfinite
from typing import TYPE_CHECKING

from perdure.core.clock import Clock
from perdure.core.failures import is_expected
from perdure.core.ids import boot_id, new_worker_id
from perdure.core.manifest import Outcome
from perdure.core.observe import Observer
from perdure.core.records import Lease, Loaded, RunRecord, RunStatus, StepRecord
from perdure.core.values import Value
from perdure.errors import (
    LeaseLost,
    PerdureError,
    RunStateWrong,
    SettingInvalid,
    StoreClosed,
    StoreError,
    WorkerExpired,
)
from perdure.runs.attempt import Attempt
from perdure.runs.attempt_end import Settled, settle
from perdure.runs.background import Background
from perdure.runs.context import Context
from perdure.runs.halting import Halt, Unwind
from perdure.runs.heartbeat import Heartbeat
from perdure.runs.insisting import insist
from perdure.runs.pool import Pool
from perdure.runs.telling import Telling
from perdure.runs.worker_row import worker_row
from perdure.stores.port import PutStep, RegisterWorker, ReleaseRun, RetireWorker, Store

if TYPE_CHECKING:
    from perdure.runs.protocols import StepInfo
    from perdure.runs.workflow import Workflow

SHOW_AFTER = 0.1
IDLE_TICK_AFTER = 1.0
REGISTER_AGAIN_AFTER = 1.0


_log = logging.getLogger("perdure.worker")
_LEFT: dict[Settled, RunStatus] = {"suspended": "suspended", "released": "queued"}

Ended = Callable[[Attempt, Settled], None]


def checked_lease(lease_for: float) -> float:
    """A lease's length in seconds. Raises: SettingInvalid."""
    if not (isfinite(lease_for) and lease_for > 0):
        raise SettingInvalid("lease_for", f"a finite time above 0, not {lease_for}")
    return lease_for


class LeaseHolder:
    """One worker's row and lease, kept alive by a thread, and the attempts that run under it."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        *,
        worker_id: str | None = None,
        lease_for: float = 30.0,
        queues: tuple[str, ...] = (),
        observer: Observer | None = None,
        default_outcome: Outcome | None = None,
        on_ended: Ended | None = None,
        on_held: Callable[[], None] | None = None,
    ) -> None:
        self.store = store
        self.clock = clock
        self.worker_id = worker_id or new_worker_id()
        self.lease_for = checked_lease(lease_for)
        self.queues = queues
        self._telling = Telling(observer)
        self.default_outcome = default_outcome
        self.cancel_for = 5.0
        self.boot_id = boot_id()
        self.pool = Pool(clock=clock)
        self.attempts: dict[str, Attempt] = {}
        self.lease_until = 0.0
        self.ticked_after = clock.elapsed()
        self._on_ended = on_ended
        self._on_held = on_held
        self._is_registered = False
        self._is_leaving = False
        self._leaving: asyncio.Task[None] | None = None
        self._left_running: dict[str, Attempt] = {}
        self._waiting: set[str] = set()
        self._stops: dict[str, Callable[[], None]] = {}
        self._fresh: list[Attempt] = []
        self._timer: Value = None
        self._loop = asyncio.get_running_loop()
        self._background = Background(self._loop, lambda: self.worker_id)
        self.registering = False
        self._heartbeat = Heartbeat(self, self._loop)

    # The lease.

    async def open(self) -> None:
        """Register the worker and begin to renew its lease.

        Raises: StoreUnavailable, and the worker is not registered.
        """
        await self.register()
        try:
            self._heartbeat.start()
        except StoreError:
            await self._retire(self.worker_id)  # nobody would renew it
            raise
        self._tick()

    async def register(self) -> None:
        """Add this worker's row."""
        now, lease_until = self.clock.now(), self.clock.lease_now() + self.lease_for
        worker = worker_row(self.worker_id, self.boot_id, self.queues, lease_until=lease_until, at=now)
        await self.store.commit(RegisterWorker(worker=worker))
        self.lease_until = lease_until
        self._is_registered = True

    def holds(self) -> bool:
        """Whether this worker's own lease still runs, by this machine's clock."""
        return self.clock.lease_now() < self.lease_until

    def expired(self, worker_id: str) -> None:
        """The lease has ended: every attempt is lost, and the worker takes a new id.

        Shape: `worker_id` is whose lease it was: the heartbeat may say it several times, and late.
        """
        if worker_id != self.worker_id or self.registering:
            return
        for attempt in tuple(self.attempts.values()):
            attempt.stop(Halt("lost", f"worker {worker_id} has expired"))
        self.registering = True  # before the new id is there to be seen: the heartbeat asks the other way round
        self.worker_id = new_worker_id()
        self.spawn(self._register_again(worker_id))

    async def _register_again(self, expired: str) -> None:
        """Register under the new id, then take back the row and the lock of the one that has expired."""
        try:
            while not await self._registered():
                await self.pause(REGISTER_AGAIN_AFTER)
        finally:
            self.registering = False
        await self._retire(expired)

    async def _registered(self) -> bool:
        try:
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

    async def _retire(self, worker_id: str) -> None:
        try:
            await self.store.commit(RetireWorker(worker_id=worker_id, at=self.clock.now()))
        except StoreError as error:
            _log.warning("worker %s could not deregister: %s", worker_id, error)

    @property
    def is_busy(self) -> bool:
        """Whether an attempt runs, but for those that only hold their run until a step's function has ended."""
        return any(not attempt.is_held for attempt in self.attempts.values())

    async def close(self) -> None:
        """Stop renewing, and remove the worker's row: at once, or when the last run that is held has ended.

        Safe twice.
        """
        self._is_leaving = True
        if not self.attempts:
            await self._leave()

    async def abandon(self) -> None:
        """Stop renewing, also where runs are held: their leases stay until the worker's ends. Safe twice."""
        if self.attempts:
            self._is_leaving = False
            self._heartbeat.stop()
            _log.warning("worker %s: %d runs stay held until its lease ends", self.worker_id, len(self.attempts))
            for attempt in tuple(self.attempts.values()):
                attempt.stop(Halt("lost", "its worker was left while a step's function goes on"))
            await self._let_go()

    async def _leave(self) -> None:
        self._heartbeat.stop()
        await self._let_go()
        if self._is_registered:  # else the row of this id, where there is one, is another's
            await self._retire(self.worker_id)

    async def _let_go(self) -> None:
        self.pool.close()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        await self._background.end()
        for stop in self._stops.values():
            stop()
        self._stops.clear()

    # Attempts.

    def begin(self, loaded: Loaded, workflow: Workflow[..., Value]) -> None:
        """Begin an attempt of a run that was leased to this worker; when no function of an earlier one runs here."""
        earlier = self._left_running.get(loaded.run.run_id)
        if earlier is None:
            self._begin(loaded, workflow)
        else:
            self._waiting.add(loaded.run.run_id)
            self.spawn(self._begin_after(earlier, loaded, workflow))

    async def _begin_after(self, earlier: Attempt, loaded: Loaded, workflow: Workflow[..., Value]) -> None:
        run_id = loaded.run.run_id
        try:
            await earlier.effects.ended()
            now = await self.store.runs.load(run_id)
        finally:
            self._waiting.discard(run_id)  # where it does not begin, it is a stray, and given back as one
        if now is not None and (now.run.token, now.run.worker_id) == (loaded.run.token, loaded.run.worker_id):
            self._begin(now, workflow)

    def _begin(self, loaded: Loaded, workflow: Workflow[..., Value]) -> None:
        attempt = Attempt(self, loaded, workflow, Context, self.ended)
        run_id = loaded.run.run_id
        if not self.attempts and self._timer is not None:
            self._timer.cancel()
            self._timer = self.clock.call_after(SHOW_AFTER, self._tick)
        self.attempts[run_id] = attempt
        self._fresh.append(attempt)
        if run_id not in self._stops:
            self._stops[run_id] = self.store.listen(f"run:{run_id}", partial(self._news, run_id))
        self._telling.run_started(run_id, workflow.name, loaded.run.token)
        attempt.start()
        if loaded.run.status == "cancelling":
            attempt.stop(Halt("cancel", loaded.run.cancel_reason or ""))

    def ended(self, attempt: Attempt) -> None:
        """The attempt has no task left."""
        if attempt.halt is None:
            self._done(attempt, "ended")
        else:
            self.spawn(self._settle(attempt)).add_done_callback(partial(self._settling_ended, attempt))

    async def _settle(self, attempt: Attempt) -> None:
        settled: Settled = "lost"
        try:
            if attempt.halt is not None and attempt.halt.kind == "release":
                await attempt.effects_ended(self._held)
            settled = await settle(attempt)
            if settled == "again":
                loaded = await attempt.read(lambda store: store.runs.load(attempt.run.run_id))
                if loaded is not None and loaded.run.token == attempt.lease.token:
                    self._begin(loaded, attempt.workflow)
                    return
        except Unwind:
            settled = "lost"
        except Exception:
            _log.exception("run %s could not be settled", attempt.run.run_id)
            settled = "lost"
        self._done(attempt, settled)

    def _settling_ended(self, attempt: Attempt, task: asyncio.Task[Value]) -> None:
        if task.cancelled():
            self._done(attempt, "lost")  # whether its end has landed is not known; where it has not, it is a stray

    def _held(self) -> None:
        if self._on_held is not None:
            self._on_held()

    def _done(self, attempt: Attempt, settled: Settled) -> None:
        run_id = attempt.run.run_id
        if attempt.effects:
            self._left_running[run_id] = attempt
            self.spawn(self._forget(attempt))
        if self.attempts.get(run_id) is attempt:
            del self.attempts[run_id]
            stop = self._stops.pop(run_id, None)
            if stop is not None:
                stop()
        self._telling.run_ended(run_id, attempt.workflow.name, _LEFT.get(settled, attempt.status))
        if self._on_ended is not None:
            self._on_ended(attempt, settled)
        if self._is_leaving and not self.attempts and self._leaving is None:
            self._leaving = self._loop.create_task(self._leave())

    async def _forget(self, attempt: Attempt) -> None:
        await attempt.effects.ended()
        if self._left_running.get(attempt.run.run_id) is attempt:
            del self._left_running[attempt.run.run_id]

    def _news(self, run_id: str) -> None:
        attempt = self.attempts.get(run_id)
        if attempt is not None and attempt.halt is None and not attempt.ending:
            self.spawn(self._look(attempt))

    async def _look(self, attempt: Attempt) -> None:
        try:
            await attempt.look()
        except Unwind:
            return  # the lease is lost, and the attempt knows

    def executing(self) -> frozenset[str]:
        """The runs that are really being executed; from any thread."""
        return frozenset((*self.attempts, *self._waiting))

    def stray(self, run_ids: list[str]) -> None:
        """Give back what names this worker and is not executed by it."""
        self.spawn(self._release_strays(run_ids))

    async def _release_strays(self, run_ids: list[str]) -> None:
        """Give back runs that name this worker but that it does not execute."""
        for run_id in run_ids:
            run = await self.store.runs.get(run_id)
            if run is None or run.worker_id != self.worker_id or run_id in self.executing():
                continue
            lease = Lease(run_id, self.worker_id, run.token)
            try:
                await self.store.commit(ReleaseRun(run_id=run_id, at=self.clock.now()), lease=lease)
            except (LeaseLost, RunStateWrong, WorkerExpired):
                continue
            _log.warning("run %s named this worker, which did not execute it; released", run_id)

    # The tick: one timer for all attempts.

    def _tick(self) -> None:
        now = self.ticked_after = self.clock.elapsed()
        fresh, self._fresh = self._fresh, []
        if any(self.attempts.get(attempt.run.run_id) is attempt for attempt in fresh):
            self.spawn(self._look_at(fresh))
        for attempt in self.attempts.values():
            for step in attempt.running.values():
                if not step.recorded and now - step.began_after > SHOW_AFTER:
                    step.recorded = True
                    self.spawn(self._show(attempt, step))
        self._timer = self.clock.call_after(SHOW_AFTER if self.attempts else IDLE_TICK_AFTER, self._tick)

    async def _look_at(self, fresh: list[Attempt]) -> None:
        """What came between the claim and the listening: one read for all."""
        begun = {attempt.run.run_id: attempt for attempt in fresh}
        try:
            inboxes = await insist(self, self.worker_id, partial(self.store.runs.inboxes, tuple(begun)), _log_loss)
        except Unwind:
            return  # the lease is lost, and with it every attempt
        for run_id, attempt in begun.items():
            if self.attempts.get(run_id) is attempt and inboxes.get(run_id) != attempt.inbox:
                self._news(run_id)

    async def _show(self, attempt: Attempt, step: StepInfo) -> None:
        """A step that takes a while shows as running, and its attempt counts."""
        if attempt.running.get(step.position) is not step:
            return  # it has ended in the meantime, and what it wrote then stays
        try:
            await self.store.commit(PutStep(step.run_id, step.record("running")), lease=attempt.lease)
        except PerdureError:
            return  # it has ended meanwhile, or its lease has: the step's own commit finds out

    # What attempts share.

    async def pause(self, seconds: float) -> None:
        """Wait, by the clock."""
        over: asyncio.Future[None] = self._loop.create_future()
        timer = self.clock.call_after(seconds, lambda: over.done() or over.set_result(None))
        try:
            await over
        finally:
            timer.cancel()

    def spawn(self, work: Coroutine[Value, Value, Value]) -> asyncio.Task[Value]:
        """Run something in the background of this holder; what it raises is logged."""
        return self._background.start(work)

    def raised(self, run: RunRecord, error: BaseException) -> None:
        """A workflow raised: visible by default, with a traceback where nobody foresaw it."""
        trace = None if is_expected(error) else error
        _log.warning("run %s (%s) failed: %r", run.run_id, run.workflow, error, exc_info=trace)

    def step_ended(self, run_id: str, record: StepRecord) -> None:
        """Tell the observer of a step's end."""
        self._telling.step_ended(run_id, record)


def _log_loss(halt: Halt) -> None:
    _log.warning("a worker can't look for news: %s", halt.reason)
