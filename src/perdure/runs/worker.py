"""A worker: claims what is due, executes it, takes over from the dead, and stops politely."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial

from perdure.core import suspicion, topics
from perdure.core.clock import Clock, SystemClock, Timer
from perdure.core.ids import new_id
from perdure.core.observe import Observer
from perdure.core.operations import Claim, ClaimedRun
from perdure.core.records import RunRecord
from perdure.core.values import Value
from perdure.errors import SettingInvalid, StoreClosed, WorkerExpired
from perdure.runs.attempt import Attempt
from perdure.runs.attempt_end import EndedAs
from perdure.runs.claim_pause import ClaimPause
from perdure.runs.failure_log import FailureLog
from perdure.runs.halting import Halt
from perdure.runs.heartbeat import STALL_LIMIT
from perdure.runs.lease_holder import LeaseHolder
from perdure.runs.opening import open_with_retries
from perdure.runs.options import checked_number, checked_queues
from perdure.runs.parked import Parked
from perdure.runs.recovery import Recovery
from perdure.runs.shielding import TRIES, wait_shielded
from perdure.runs.workflow import Workflows
from perdure.stores.port import Store

CLAIM = 250  # enough for commits to be shared, few enough to leave some for other workers, and the loop some time
CLAIM_AGAIN_AFTER = 1.0
TRIAL_LOOK_AFTER = 0.05
REGISTERING_FOR = 0.1
LOOK_AGAIN_AFTER = 30.0
"""A timer counts elapsed seconds; the instant may come sooner: a clock is set, and a machine that slept counts none."""

_log = logging.getLogger("perdure.worker")


class Worker:
    """Executes the runs of some queues, in this process.

    Shape: `queues` maps a queue's name to how many of its runs may run at once over all workers of the store, None
    for no limit; `slots` bounds the runs of this worker.
    Units: `lease_for`, `stall_limit` and `grace` in seconds. A worker whose process is known to live keeps its runs
    for `stall_limit` after its last renewal, however its lease ended: a step may hold the interpreter for long.
    `on_parked` is told of each run with whose journal the code here does not agree.
    """

    def __init__(
        self,
        store: Store,
        workflows: Workflows,
        *,
        queues: Mapping[str, int | None] | None = None,
        slots: int = 1000,
        lease_for: float = 30.0,
        stall_limit: float = STALL_LIMIT,
        grace: float = 10.0,
        clock: Clock | None = None,
        worker_id: str | None = None,
        observer: Observer | None = None,
        on_parked: Callable[[RunRecord], None] | None = None,
    ) -> None:
        self.workflows = workflows
        self.queues = checked_queues(queues or {"default": None})
        checked_number("slots", slots, least=1)
        if not grace >= 0:
            raise SettingInvalid("grace", f"a time of at least 0, not {grace}")
        self._slots = slots
        self._grace = grace
        self._on_parked = on_parked
        self._clock = clock or SystemClock()
        self._stopping = False
        self._at_once = False
        self._news = asyncio.Event()
        self._idle = asyncio.Event()
        self._changing = asyncio.Lock()
        self._timer: Timer | None = None
        self._task: asyncio.Task[None] | None = None
        self._ending: asyncio.Task[None] | None = None
        self._stops: list[Value] = []
        self._store = store
        self._holder_for = partial(
            LeaseHolder,
            store,
            self._clock,
            lease_for=lease_for,
            stall_limit=stall_limit,
            queues=tuple(self.queues),
            observer=observer,
            on_ended=self._ended,
            on_held=self._end_when_idle,
        )
        self._given_id = worker_id
        self._use(self._holder_for(worker_id=worker_id))

    def _use(self, holder: LeaseHolder) -> None:
        self.holder = holder
        self._recovery = Recovery(holder)
        self._failures = FailureLog(holder.clock, holder.lease_for)
        self._parked = Parked(holder)
        self._claim_pause = ClaimPause(holder, self._news.set)
        self._claim_id: str | None = None
        self._is_used = False

    @property
    def worker_id(self) -> str:
        """This worker's id; a new one when its lease has ended."""
        return self.holder.worker_id

    async def start(self) -> None:
        """Register and begin to work. Safe twice, and after a stop.

        A store that is unavailable is waited for, with a warning in the log each second; a stop meanwhile ends that.
        Raises: any other StoreError, and it has not started.
        """
        async with self._changing:
            if self._task is not None:
                return
            if self._is_used:
                self._use(self._holder_for(worker_id=None if self.holder.attempts else self._given_id))
            self._is_used = True
            self._idle.clear()
            try:
                if not await open_with_retries(self.holder, lambda: self._stopping):
                    await self._close()
                    return
                self._stops = [self._store.listen(topics.queue(name), self._news.set) for name in self.queues]
                await self._recovery.start()
            except BaseException:
                await self._close()
                raise
            self._task = asyncio.get_running_loop().create_task(self._claim_all())

    async def stop(self, *, at_once: bool = False) -> None:
        """Claim nothing new, let the runs end within the grace time, release the rest.

        A run whose step's function goes on all the same (in a thread, or ignoring its cancellation) stays held, also
        after this returns, and is released when the function has ended. Safe twice, before start, and meanwhile: each
        call returns when it is done. One with `at_once`, or whose task is cancelled, lets the others wait no longer.
        """
        cancelled: asyncio.CancelledError | None = None
        for _ in range(TRIES):
            if self._task is None and not self._changing.locked():
                break
            if self._ending is None or self._ending.done():
                self._stopping = True
                self._ending = asyncio.get_running_loop().create_task(self._stop())
            if at_once or cancelled is not None:
                self._hurry()
            ending = self._ending
            try:
                await wait_shielded(ending, self._hurry)
            except asyncio.CancelledError as error:
                cancelled = error
            if not ending.cancelled():  # else the end of the loop cancelled it before it began
                ending.result()
                break
        if cancelled is not None:
            raise cancelled

    async def abandon(self) -> None:
        """After a stop: hold what is held no longer than its lease lasts, since the store is about to be closed."""
        await self.holder.abandon()

    async def _stop(self) -> None:
        try:
            async with self._changing:
                if self._task is None:
                    return
                task = self._task
                self._news.set()
                self._end_when_idle()
                self.holder.end_attempts()
                timer = self._clock.call_after(0 if self._at_once else self._grace, self._release)
                await self._all_gone()
                timer.cancel()
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                await self._close()
                self._task = None  # only now: a stop that a signal handler broke off can be asked for again
        finally:
            self._stopping = self._at_once = False
            self._ending = None

    async def _all_gone(self) -> None:
        while not self._idle.is_set():
            try:
                await self._idle.wait()
            except asyncio.CancelledError:  # the loop ends: what is left is released, and that has an end
                self._hurry()

    async def _close(self) -> None:
        self._arm()
        for stop in self._stops:
            stop()
        self._stops = []
        await self._recovery.stop()
        await self.holder.close()

    def _hurry(self) -> None:
        self._at_once = True
        self._release()

    async def _claim_all(self) -> None:
        try:
            await self._claim_until_stopped()
        except asyncio.CancelledError:
            if not self._stopping:
                _log.warning("worker %s was cancelled from outside; it claims nothing more", self.worker_id)
            raise

    async def _claim_until_stopped(self) -> None:
        while not self._stopping:
            try:
                with self.holder.claiming():
                    claimed = await self._claim()
            except WorkerExpired:
                await self.holder.pause(REGISTERING_FOR)  # the holder renews its lease, or registers again
                continue
            except StoreClosed:
                return
            except Exception as error:  # a fault of ours too: a worker that lives on and does nothing would be worse
                self._failures.failed(f"worker {self.worker_id} can't claim", error)
                await self.holder.pause(CLAIM_AGAIN_AFTER)
                continue
            self._failures.succeeded(f"worker {self.worker_id} claims again")
            if not claimed:
                await self._news.wait()

    async def _claim(self) -> int:
        """Claim and begin what is due; how many. When none, a timer is set for the next."""
        self._news.clear()
        places = min(CLAIM, self._slots - len(self.holder.attempts))
        if places <= 0:
            return 0
        now, names = self._clock.now(), self.workflows.names()
        if await self._claim_pause.check(tuple(self.queues), names):
            return 0
        claimed = await self._lease(names, places, now)
        if not claimed:
            parked = await self._parked.untried(tuple(self.queues), names, places)
            claimed = await self._lease(names, places, now, parked) if parked else ()
        await self._begin(claimed)
        if not claimed:
            due_at = await self._store.queues.next_due(tuple(self.queues), names, now)
            self._arm(due_at, self._parked.look_in)
        return len(claimed)

    async def _lease(
        self, names: tuple[str, ...], places: int, now: datetime, parked: tuple[tuple[str | None, str], ...] = ()
    ) -> tuple[ClaimedRun, ...]:
        # a claim whose answer was lost is made again under the same id: what it has leased comes with the answer then
        self._claim_id = self._claim_id or new_id("claim")
        claimed: tuple[ClaimedRun, ...] = await self._store.execute(
            Claim(
                worker_id=self.worker_id,
                incarnation=self.holder.incarnation,
                claim_id=self._claim_id,
                queues=tuple(self.queues.items()),
                workflows=names,
                limit=places,
                at=now,
                parked=parked,
            )
        )
        self._claim_id = None
        return claimed

    async def _begin(self, claimed: tuple[ClaimedRun, ...]) -> None:
        known = list[ClaimedRun]()
        for one in claimed:
            if self._stopping or one.run.workflow not in self.workflows:
                self.holder.spawn(self.holder.give_back_claimed(one.run))
            else:
                known.append(one)
        begun = [(one, self.workflows.get(one.run.workflow)) for one in known]
        await self.holder.begin_all(begun, lambda: not self._stopping)
        if any(suspicion.is_suspect(one.run) for one in known):
            self._clock.call_after(TRIAL_LOOK_AFTER, self._look_at_trial)

    def _look_at_trial(self) -> None:
        """Claim again soon: while a suspect is on trial nothing is given out, and its end is news to nobody else."""
        self._news.set()
        if any(suspicion.is_suspect(attempt.run) for attempt in self.holder.attempts.values()):
            self._clock.call_after(TRIAL_LOOK_AFTER, self._look_at_trial)

    def _arm(self, due_at: datetime | None = None, within: float | None = None) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        after = [] if within is None else [within]
        if due_at is not None:
            after += [LOOK_AGAIN_AFTER, (due_at - self._clock.now()).total_seconds()]
        if after:
            self._timer = self._clock.call_after(max(0.0, min(after)), self._news.set)

    def _ended(self, attempt: Attempt, ended_as: EndedAs) -> None:
        if ended_as == "parked":
            self._parked.note(attempt.run)
            if self._on_parked is not None:
                self._on_parked(attempt.run)
        held = len(self.holder.attempts)
        if held == self._slots - 1 or (not held and self._claim_pause.is_under_way):
            self._news.set()  # a place is free again
        self._end_when_idle()

    def _end_when_idle(self) -> None:
        if self._stopping and not self.holder.is_busy:
            self._idle.set()

    def _release(self) -> None:
        for attempt in tuple(self.holder.attempts.values()):
            attempt.stop(Halt("release", "the worker stops"))
        self._end_when_idle()
