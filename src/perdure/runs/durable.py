"""run_durable: one run, driven to its end by whoever calls, without an App."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from typing import Generic, TypeVar

import msgspec

from perdure.core import topics
from perdure.core.clock import Clock, SystemClock, seconds
from perdure.core.given import given_id, given_record_of, in_words
from perdure.core.ids import new_id
from perdure.core.manifest import Manifest, Outcome
from perdure.core.observe import Observer
from perdure.core.operations import ClaimedRun, TakeRun
from perdure.core.records import RunRecord, StepRecord
from perdure.core.states import ENDED
from perdure.core.values import Value, convert
from perdure.errors import InputError, LeaseLost, RunStateWrong, WorkerExpired
from perdure.runs.access import Access
from perdure.runs.attempt import Attempt
from perdure.runs.attempt_end import EndedAs
from perdure.runs.halting import Halt
from perdure.runs.handles import Run, outcome_of
from perdure.runs.lease_holder import LeaseHolder
from perdure.runs.replaying import replay
from perdure.runs.shielding import run_to_its_end, wait_shielded
from perdure.runs.starting import creation
from perdure.runs.stopping import stop_run
from perdure.runs.worker import LOOK_AGAIN_AFTER, REGISTERING_FOR
from perdure.runs.worker_lease import checked_lease
from perdure.runs.workflow import Workflow
from perdure.stores.port import Store, Watch

R = TypeVar("R")


class Durable(msgspec.Struct, Generic[R], frozen=True):
    """What `run_durable` gives back: the function's result, the run's record, and its steps."""

    result: R
    record: RunRecord
    steps: list[StepRecord]


async def run_durable(
    *,
    run_id: str,
    store: Store,
    task: Callable[..., Awaitable[R]],
    manifest: Manifest,
    worker_id: str | None = None,
    lease_for: timedelta | float = 30.0,
    signal: asyncio.Event | None = None,
    default_outcome: Outcome | None = None,
    clock: Clock | None = None,
    observer: Observer | None = None,
) -> Durable[R]:
    """Run a function once, under an id; with the same id it goes on where it was.

    Shape: `task(ctx)`, or `task(ctx, input)` with the manifest's input as its second parameter's annotation says. A
    completed run is replayed without effects, and its record stays as it is; a failed one is restarted: the steps
    that it failed with are tried again, as `Run.restart` says. Setting `signal` cancels the run. While the run waits it
    holds no lease, and this call only waits with it. A `worker_id` is that of one call or worker at a time.
    Units: `lease_for` is a timedelta, or seconds.
    Raises: what the function raises; RunInputMismatch, LeaseHeld, LeaseLost, RunCancelled, Divergence; SettingInvalid
    where another worker that lives has the `worker_id`; InputError before anything changed.
    """
    clock = clock or SystemClock()
    given_record_of("manifest", manifest, Manifest)
    given_id("worker_id", worker_id)
    if default_outcome is not None:
        given_record_of("default_outcome", default_outcome, Outcome)
    if signal is not None and not isinstance(signal, asyncio.Event):  # pyright: ignore[reportUnnecessaryIsInstance] - users
        raise InputError("signal", f"an asyncio.Event, not {in_words(signal)}")
    workflow = TaskWorkflow(task, name=manifest.task.id)
    workflow.check(manifest.input)
    lease = checked_lease(seconds(lease_for, "lease_for"))
    access = Access(store=store, clock=clock, tenant=manifest.tenant)
    run: RunRecord = await store.execute(creation(workflow, manifest, run_id=run_id, at=clock.now()))
    error: BaseException | None = None
    if run.status in {"completed", "cancelled"}:
        await replay(store, clock, run, workflow)
    else:
        if run.status == "failed":
            with suppress(RunStateWrong):  # somebody else was first: the lease decides
                await Run[Value](access, run_id).restart()
        driver = _Driver(access, workflow, lease, worker_id, default_outcome, observer)
        run, error = await driver.drive(run_id, signal)
    if error is not None:
        raise error
    return Durable(outcome_of(run, workflow.returns), run, await store.steps.list(run_id, tenant=access.tenant))


class TaskWorkflow(Workflow[..., R]):
    """A function as `run_durable` calls it: with the manifest's input as one argument, or with none."""

    def restored(self, stored: Value) -> tuple[tuple[Value, ...], dict[str, Value]]:
        return self.check(stored), {}

    def check(self, stored: Value) -> tuple[Value, ...]:
        """The input as the function takes it; none counts as its default. Raises: InputError where it does not fit."""
        parameters = self.arguments.parameters
        if not parameters or (stored is None and parameters[0].default is not inspect.Parameter.empty):
            return ()
        return (convert(stored, self.arguments.types[0], "input"),)


class _Driver:
    """A holder with one run, which it takes again and again until the run has ended."""

    def __init__(
        self,
        access: Access,
        workflow: Workflow[..., Value],
        lease_for: float,
        worker_id: str | None,
        default_outcome: Outcome | None,
        observer: Observer | None,
    ) -> None:
        self._access = access
        self._store = access.store
        self._clock = access.clock
        self._workflow = workflow
        self._over: asyncio.Future[tuple[Attempt, EndedAs]] | None = None
        self._free: asyncio.Future[None] | None = None
        self._holder = LeaseHolder(
            access.store,
            access.clock,
            worker_id=worker_id,
            lease_for=lease_for,
            observer=observer,
            default_outcome=default_outcome,
            on_ended=self._ended,
            on_held=self._look_if_free,
        )

    async def drive(self, run_id: str, signal: asyncio.Event | None) -> tuple[RunRecord, BaseException | None]:
        """Execute until the run has ended; its record, and what the function raised in the last attempt."""
        watch = self._store.watch(topics.run(self._access.tenant, run_id))
        watcher = asyncio.ensure_future(self._heed(run_id, signal)) if signal is not None else None
        try:
            await self._holder.open()
            while True:
                attempt = await self._attempt(run_id)
                run = await self._record(run_id)
                if run.status in ENDED:
                    return run, attempt.error if attempt is not None and run.status == "failed" else None
                if attempt is not None and attempt.halt is not None and attempt.halt.kind == "lost":
                    raise LeaseLost(run_id, attempt.lease.token)
                if attempt is not None and attempt.error is not None and attempt.is_over_with_error:
                    raise attempt.error  # its end could not be written, or it is parked
                await self._due(run, watch)
        finally:
            if watcher is not None:
                watcher.cancel()
            watch.close()
            await run_to_its_end(self._stop)

    async def _attempt(self, run_id: str) -> Attempt | None:
        """One attempt, from its lease to its end; None where there was none: look at the run."""
        take = TakeRun(
            tenant=self._access.tenant,
            run_id=run_id,
            worker_id=self._holder.worker_id,
            incarnation=self._holder.incarnation,
            claim_id=new_id("claim"),
            at=self._clock.now(),
        )
        try:
            with self._holder.claiming():
                claimed: ClaimedRun = await self._store.execute(take)
                self._over = asyncio.get_running_loop().create_future()
                await self._holder.begin_all([(claimed, self._workflow)])
        except RunStateWrong:
            return None  # it has ended without us
        except WorkerExpired:
            await self._holder.pause(REGISTERING_FOR)  # the holder registers again under a new id
            return None
        attempt, _ = await asyncio.shield(self._over)  # to be cancelled here may not settle it
        return attempt

    def _ended(self, attempt: Attempt, ended_as: EndedAs) -> None:
        if self._over is not None and not self._over.done():
            self._over.set_result((attempt, ended_as))
        self._look_if_free()

    async def _due(self, run: RunRecord, watch: Watch) -> None:
        """Wait, without a lease, until the suspended run is woken or due."""
        while run.status == "suspended" and (run.due_at is None or run.due_at > self._clock.now()):
            timer = None
            if run.due_at is not None:
                after = (run.due_at - self._clock.now()).total_seconds()
                timer = self._clock.call_after(min(after, LOOK_AGAIN_AFTER), watch.tell)
            try:
                await watch.wait()
            finally:
                if timer is not None:
                    timer.cancel()
            run = await self._record(run.run_id)

    async def _heed(self, run_id: str, signal: asyncio.Event) -> None:
        await signal.wait()
        await stop_run(self._access, run_id, "the signal was set", 5.0)

    async def _record(self, run_id: str) -> RunRecord:
        return await Run[Value](self._access, run_id).record()

    async def _stop(self) -> None:
        """Whoever drives goes away: what runs is cut off and released, for the next one to go on.

        Where a step's function goes on all the same, its run stays held until that ends, also after this.
        """
        for attempt in tuple(self._holder.attempts.values()):
            attempt.stop(Halt("release", "its driver was cancelled"))
        if self._holder.is_busy:
            self._free = asyncio.get_running_loop().create_future()
            self._holder.end_attempts()
            with suppress(asyncio.CancelledError):  # once more cancelled: that changes nothing
                await wait_shielded(self._free)
        await self._holder.close()

    def _look_if_free(self) -> None:
        if self._free is not None and not self._free.done() and not self._holder.is_busy:
            self._free.set_result(None)
