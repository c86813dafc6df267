"""A holder of leases: one worker row, the attempts under it, and what they share.

A worker is one; `run_durable` outside a worker is one with a single run.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Generator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from perdure.core import topics
from perdure.core.clock import Clock, Timer
from perdure.core.manifest import Outcome
from perdure.core.observe import Observer
from perdure.core.operations import ClaimedRun
from perdure.core.records import Journal, RunRecord, RunStatus, StepRecord
from perdure.core.values import Value
from perdure.errors import (
    StoreError,
)
from perdure.runs.access import Access
from perdure.runs.attempt import Attempt
from perdure.runs.attempt_end import EndedAs, end_attempt
from perdure.runs.attempt_main import run_main
from perdure.runs.attempt_tasks import RunKey, key_of
from perdure.runs.background import Background
from perdure.runs.context import Context
from perdure.runs.halting import HELD, Halt, Unwind
from perdure.runs.heartbeat import STALL_LIMIT, Heartbeat
from perdure.runs.journal_cache import JournalCache
from perdure.runs.journal_reading import read_journals
from perdure.runs.news import look
from perdure.runs.observing import ObserverCalls, in_short, log_raised
from perdure.runs.pool import Pool
from perdure.runs.stopping import cancel_children
from perdure.runs.tick import Tick
from perdure.runs.worker_lease import WorkerLease
from perdure.stores.port import Store

if TYPE_CHECKING:
    from perdure.runs.workflow import Workflow

_log = logging.getLogger("perdure.worker")
_LEFT: dict[EndedAs, RunStatus] = {"suspended": "suspended", "parked": "suspended", "released": "queued"}

LOOK_AFTER = 0.1
"""Units: seconds between two looks at whether anything of an attempt runs, while a worker stops."""

Ended = Callable[[Attempt, EndedAs], None]


class LeaseHolder(WorkerLease):
    """One worker's row and lease, kept alive by a thread, and the attempts that run under it."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        *,
        worker_id: str | None = None,
        lease_for: float = 30.0,
        stall_limit: float = STALL_LIMIT,
        queues: tuple[str, ...] = (),
        observer: Observer | None = None,
        default_outcome: Outcome | None = None,
        on_ended: Ended | None = None,
        on_held: Callable[[], None] | None = None,
    ) -> None:
        super().__init__(store, clock, worker_id=worker_id, lease_for=lease_for, stall_limit=stall_limit, queues=queues)
        self._observer_calls = ObserverCalls(observer)
        self.default_outcome = default_outcome
        self.cancel_for = 5.0
        self.pool = Pool(clock=clock)
        self.attempts: dict[RunKey, Attempt] = {}
        self.journals = JournalCache()
        self.ticked_after = clock.elapsed()
        self._on_ended = on_ended
        self._on_held = on_held
        self.is_leaving = False
        self._leaving: asyncio.Task[None] | None = None
        self._left_running: dict[RunKey, Attempt] = {}
        self.claim_began: float | None = None
        self._given_back = set[tuple[RunKey, int]]()
        self._waiting: set[RunKey] = set()
        self._stops: dict[RunKey, Callable[[], None]] = {}
        self._ends: Timer | None = None
        self.tick = Tick(self)
        self._background = Background(self.loop, lambda: self.worker_id)
        self._heartbeat = Heartbeat(self, self.loop)
        self.is_renewed = self._heartbeat.is_running

    # The lease.

    async def open(self) -> None:
        """Register the worker and begin to renew its lease.

        Raises: StoreUnavailable; it may be opened again, until it is closed.
        """
        self.registering = True  # the heartbeat has nothing to renew before
        self._heartbeat.start()  # first: a row that nobody would renew is not written
        await self.register()
        self.registering = False
        self.tick.start()

    def expired(self, incarnation: str) -> None:
        """Others have taken the runs: every attempt is lost, and the worker registers anew.

        Shape: `incarnation` is whose row is gone: the heartbeat may say it several times, and late.
        """
        if incarnation != self.incarnation or self.registering:
            return
        for attempt in tuple(self.attempts.values()):
            attempt.stop(Halt("lost", f"worker {self.worker_id} has expired"))
        self.registering = True  # before the new one is there to be seen: the heartbeat asks the other way round
        self.lease_until = float("-inf")
        self.renew_identity()
        self.spawn(self.register_again())

    @property
    def is_busy(self) -> bool:
        """Whether an attempt runs, but for those that only hold their run until a step's function has ended."""
        return any(not attempt.is_held for attempt in self.attempts.values())

    async def close(self) -> None:
        """Stop renewing, and remove the worker's row: at once, or when the last run that is held has ended.

        Safe twice.
        """
        self.is_leaving = True
        if not self.attempts:
            await self._leave()

    async def abandon(self) -> None:
        """Stop renewing, also where runs are held: their leases stay until the worker's ends. Safe twice."""
        if self.attempts:
            self.is_leaving = False
            self._heartbeat.stop()
            _log.warning("worker %s: %s stay held until its lease ends", self.worker_id, in_short(tuple(self.attempts)))
            for attempt in tuple(self.attempts.values()):
                attempt.stop(Halt("lost", "its worker was left while a step's function goes on"))
            await self._stop_background()

    async def _leave(self) -> None:
        self._heartbeat.stop()
        await self._stop_background()
        if self.is_registered or self.may_be_registered:  # else the row of this id, where there is one, is another's
            await self.retire()

    async def _stop_background(self) -> None:
        self.pool.close()
        self.tick.stop()
        if self._ends is not None:
            self._ends.cancel()
        await self._background.end()
        for stop in self._stops.values():
            stop()
        self._stops.clear()

    # Attempts.

    @contextmanager
    def claiming(self) -> Generator[None]:
        """While runs are claimed and begun: what names this worker meanwhile may be one of them, and no orphan."""
        self.claim_began = self.clock.elapsed()
        try:
            yield
        finally:
            self.claim_began = None

    async def begin_all(
        self, claimed: Sequence[tuple[ClaimedRun, Workflow[..., Value]]], may_begin: Callable[[], bool] = lambda: True
    ) -> None:
        """Begin attempts of runs that were leased to this worker; all is read before the first one begins.

        Shape: where `may_begin` says no by then, they are given back; one whose journal can't be read is an orphan.
        Raises: StoreError: none has begun, and each is an orphan.
        """
        incarnation = self.incarnation
        journals = await read_journals(self, [one.run for one, _ in claimed])
        if incarnation != self.incarnation:
            return  # the worker has expired meanwhile, and others take over
        for (one, workflow), journal in zip(claimed, journals, strict=True):
            if not may_begin():
                self.spawn(self.give_back_claimed(one.run))
            elif journal is not None and (key_of(one.run), one.run.token) not in self._given_back:
                self.begin(one, journal, workflow)

    async def give_back_claimed(self, run: RunRecord) -> None:
        """Give back a run that was claimed and is not begun."""
        await self.give_back(run)

    def begin(self, claimed: ClaimedRun, journal: Journal, workflow: Workflow[..., Value]) -> None:
        """Begin an attempt; when an earlier one has unwound here, and no function of it runs any more."""
        key = key_of(claimed.run)
        earlier = self.attempts.get(key) or self._left_running.get(key)
        if earlier is None:
            self._begin(claimed, journal, workflow)
        else:
            self._waiting.add(key)
            self.spawn(self._begin_after(earlier, claimed, workflow))

    async def _begin_after(self, earlier: Attempt, claimed: ClaimedRun, workflow: Workflow[..., Value]) -> None:
        run = claimed.run
        try:
            while self.attempts.get(key_of(run)) is earlier:
                await self.pause(LOOK_AFTER)
            await earlier.effects.ended()
            now = await self.store.runs.get(run.run_id, tenant=run.tenant)
            journals = await self.store.runs.journals([run])
        finally:
            self._waiting.discard(key_of(run))  # where it does not begin, it is an orphan, and given back as one
        if now is not None and (now.token, now.worker_id) == (run.token, run.worker_id):
            self._begin(ClaimedRun(now, claimed.manifest), journals[0], workflow)

    def _begin(self, claimed: ClaimedRun, journal: Journal, workflow: Workflow[..., Value]) -> None:
        attempt = Attempt(self, claimed, journal, workflow, Context, self.ended)
        run, key = claimed.run, key_of(claimed.run)
        self.tick.begun(attempt)
        self.attempts[key] = attempt
        if key not in self._stops:
            self._stops[key] = self.store.listen(topics.run(*key), partial(self.news, key))
        self._observer_calls.run_started(run.run_id, workflow.name, run.token)
        if run.status == "cancelling":
            attempt.cancel_at_frontier(run.cancel_reason or "")
        attempt.start(run_main)

    def ended(self, attempt: Attempt) -> None:
        """The attempt has no task left."""
        if attempt.halt is None:
            self._done(attempt, "ended")
        elif attempt.end_task is None:
            attempt.end_task = self.spawn(self._end(attempt))
            attempt.end_task.add_done_callback(partial(self._ending_ended, attempt))

    def go_on(self) -> None:
        """End each attempt of which nothing runs any more. Safe at any time.

        A signal handler may raise anywhere, also where the end of an attempt's last task is told on.
        """
        for attempt in tuple(self.attempts.values()):
            if attempt.end_task is None:
                attempt.leave_if_over()
            elif attempt.end_task.done():
                self._done(attempt, "lost")
        self._held()  # so whoever waits for their ends looks again

    def end_attempts(self) -> None:
        """From now on see to it that each attempt ends, until the last has. Safe twice."""
        if self._ends is not None:
            self._ends.cancel()
        self._ends = self.clock.call_after(LOOK_AFTER, self.end_attempts)
        self.go_on()

    async def _end(self, attempt: Attempt) -> None:
        ended_as: EndedAs = "lost"
        try:
            if attempt.halt is not None and attempt.halt.kind in HELD:
                await attempt.effects_ended(self._held)
            ended_as = await end_attempt(attempt)
            if ended_as == "again" and await self._begin_again(attempt):
                return
        except Unwind:
            ended_as = "lost"
        except Exception:
            _log.exception("run %s: its attempt could not be ended", attempt.run_id)
            ended_as = "lost"
        if ended_as == "suspended":
            self.journals.keep(attempt.run, attempt.journal())
        if attempt.status == "cancelled":
            self.spawn(self._cancel_children(attempt.run))
        self._done(attempt, ended_as)

    async def _begin_again(self, attempt: Attempt) -> bool:
        """Begin anew with the lease that the attempt has; false where it has none any more."""
        run_id, tenant = attempt.run_id, attempt.run.tenant
        run = await attempt.read(lambda store: store.runs.get(run_id, tenant=tenant))
        if run is None or run.token != attempt.lease.token or attempt.is_lost:
            return False
        journals = await attempt.read(lambda store: store.runs.journals([run]))
        self._begin(ClaimedRun(run, attempt.encoded_manifest), journals[0], attempt.workflow)
        return True

    async def _cancel_children(self, run: RunRecord) -> None:
        access = Access(store=self.store, clock=self.clock, tenant=run.tenant)
        try:
            await cancel_children(access, run.run_id, self.cancel_for)
        except StoreError as error:
            _log.warning("run %s: its children are cancelled later: %s", run.run_id, error)

    def _ending_ended(self, attempt: Attempt, task: asyncio.Task[Value]) -> None:
        is_broken_off = task.cancelled() or task.exception() is not None
        if is_broken_off and self.attempts.get(attempt.key) is attempt:
            self._done(attempt, "lost")  # whether its end has landed is not known; where it has not, it is an orphan

    def _held(self) -> None:
        if self._on_held is not None:
            self._on_held()

    def _done(self, attempt: Attempt, ended_as: EndedAs) -> None:
        run_id, key = attempt.run_id, attempt.key
        if attempt.effects:
            self._left_running[key] = attempt
            self.spawn(self._forget(attempt))
        if self.attempts.get(key) is attempt:
            del self.attempts[key]
            stop = self._stops.pop(key, None)
            if stop is not None:
                stop()
        self._observer_calls.run_ended(run_id, attempt.workflow.name, _LEFT.get(ended_as, attempt.status))
        if self._on_ended is not None:
            self._on_ended(attempt, ended_as)
        if self.is_leaving and not self.attempts and self._leaving is None:
            self._leaving = self.loop.create_task(self._leave())

    async def _forget(self, attempt: Attempt) -> None:
        await attempt.effects.ended()
        if self._left_running.get(attempt.key) is attempt:
            del self._left_running[attempt.key]

    def news(self, key: RunKey) -> None:
        """Something may have come into the inbox of a run: its attempt looks."""
        attempt = self.attempts.get(key)
        if attempt is not None and attempt.halt is None and (attempt.cleaning_up or not attempt.ending):
            self.spawn(self._look(attempt))

    async def _look(self, attempt: Attempt) -> None:
        try:
            await look(attempt)
        except Unwind:
            return  # the lease is lost, and the attempt knows

    def executing(self) -> frozenset[RunKey]:
        """The runs that are really being executed; from any thread."""
        return frozenset((*self.attempts, *self._waiting))

    def orphan(self, keys: list[RunKey]) -> None:
        """Give back what names this worker and is not executed by it."""
        self.spawn(self._release_orphans(keys))

    async def _release_orphans(self, keys: list[RunKey]) -> None:
        for tenant, run_id in keys:
            run = await self.store.runs.get(run_id, tenant=tenant)
            if run is None or run.worker_id != self.worker_id or (tenant, run_id) in self.executing():
                continue
            self._given_back.add(((tenant, run_id), run.token))  # so that nothing begins it under this token
            if await self.give_back(run):
                _log.warning("run %s named this worker, which did not execute it; released", run_id)

    # What attempts share.

    def spawn(self, work: Coroutine[Value, Value, Value]) -> asyncio.Task[Value]:
        """Run something in the background of this holder; what it raises is logged."""
        return self._background.start(work)

    def raised(self, run: RunRecord, error: BaseException) -> None:
        """A workflow raised: visible by default, with a traceback where nobody foresaw it."""
        log_raised(run, error)

    def step_ended(self, run_id: str, record: StepRecord) -> None:
        """Tell the observer of a step's end."""
        self._observer_calls.step_ended(run_id, record)
