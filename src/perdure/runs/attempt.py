"""One attempt of a run: its tasks, what they wait for, and how it ends.

The attempt owns a task for each branch. `active` counts those that are neither parked in a wait, nor joining others,
nor done; it rises when what a task waits for is settled, not when the task wakes. When it falls to zero every task
is parked: then the attempt holds for a wait that is due within a second, and suspends otherwise. So no effect is
ever cancelled by a suspension, and none is needed to find out.

To suspend, it unwinds with the lease held: every parked wait raises `Unwind`, every later call of the context raises
it again, and whatever user code returns or raises meanwhile is ignored. Then it commits the suspension, which the
store refuses if something has come in since this attempt looked; then it begins again, at once.

What can go wrong: a wake-up between looking and suspending (the inbox guard), a lost lease while everything is parked
(a halt wakes parked tasks too), user code that swallows cancellation (`UNWIND_FOR` bounds the wait for it), a store
that can't be reached (a commit is tried again until the lease has ended).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import msgspec

from perdure.core.failures import Failure, failure_of
from perdure.core.manifest import Manifest, Outcome
from perdure.core.records import EventRecord, Lease, Loaded, RunStatus
from perdure.core.values import Value, encode
from perdure.errors import InputError, LeaseLost, ReplayError, StepNotAwaited, StoreReplaced, StoreUnavailable
from perdure.runs.branch import Branch, current_branch
from perdure.runs.halting import Halt, Unwind
from perdure.runs.journal import Journal
from perdure.runs.protocols import AttemptHost, Called, StepInfo, Waiting
from perdure.stores.port import CommitResult, FinishRun, Operation

if TYPE_CHECKING:
    from perdure.core.clock import Timer
    from perdure.core.records import StepRecord
    from perdure.runs.workflow import Workflow

HOLD_FOR = 1.0
UNWIND_FOR = 5.0
COMMIT_AGAIN_AFTER = 0.05

_log = logging.getLogger("perdure.runs")
_manifests = msgspec.json.Decoder(Manifest)


AtEnd: TypeAlias = Callable[[RunStatus, Failure | None], tuple[Operation, ...]]
"""What else is committed with the run's end."""


class Suspension(NamedTuple):
    """When a suspended run is due, and what it waits for."""

    due_at: datetime | None
    names: tuple[str, ...]


class Attempt:
    """One attempt of one run, under one lease."""

    def __init__(
        self,
        host: AttemptHost,
        loaded: Loaded,
        workflow: Workflow[..., Value],
        context_of: Callable[[Attempt], object],
        on_ended: Callable[[Attempt], None],
    ) -> None:
        self.host = host
        self.run = loaded.run
        self.lease = Lease(loaded.run.run_id, loaded.run.worker_id or "", loaded.run.token)
        self.workflow = workflow
        self.journal = Journal(loaded.steps, complete=False)
        self.events: dict[str, EventRecord] = {event.key: event for event in loaded.events}
        self.inbox = loaded.run.inbox
        self.head = loaded.head
        self.outcome: Outcome | None = None
        self.halt: Halt | None = None
        self.error: BaseException | None = None
        self.running: dict[str, StepInfo] = {}
        self.waits: dict[str, Waiting] = {}
        self.calls: dict[str, Called] = {}
        self.at_end: AtEnd | None = None
        self.cleanups: list[Callable[[], Awaitable[object]]] = []
        self.ending = False
        self.status: RunStatus = "running"
        self.suspension = Suspension(None, ())
        self._active = 0
        self._tasks: set[asyncio.Task[object]] = set()
        self._giving_up: Timer | None = None
        self._manifest = loaded.manifest
        self._context_of = context_of
        self._on_ended = on_ended

    @property
    def manifest(self) -> Manifest:
        """What the run was asked to do."""
        return _manifests.decode(self._manifest)

    # Tasks.

    def start(self) -> asyncio.Task[object]:
        """Begin; the task ends when this attempt has."""
        return self.spawn(Branch(""), self._main)

    def spawn(
        self, branch: Branch, work: Callable[[], Awaitable[Value]], joined: Callable[[], None] | None = None
    ) -> asyncio.Task[Value]:
        """Start a branch's task; `joined` is told of its end before it stops counting as active."""
        self._active += 1
        token = current_branch.set(branch)
        try:
            task: asyncio.Task[Value] = asyncio.get_running_loop().create_task(_await(work))
        finally:
            current_branch.reset(token)
        branch.begin(task)
        self._tasks.add(task)
        task.add_done_callback(partial(self._ended, branch=branch, joined=joined))
        return task

    def wake(self) -> None:
        """A task that rested goes on: call this when what it waits for is settled."""
        self._active += 1

    def rest(self) -> None:
        """A task waits now for what only the context will give it."""
        self._active -= 1
        self._check_parked()

    def _ended(self, task: asyncio.Task[object], *, branch: Branch, joined: Callable[[], None] | None) -> None:
        branch.end()
        if joined is not None:
            joined()
        self._active -= 1
        error = None if task.cancelled() else task.exception()
        if joined is None and error is not None and not isinstance(error, Unwind):
            self.error = error  # whoever joins a task raises what it raised; a root has only us to tell
            _log.error("run %s: its end could not be written", self.run.run_id, exc_info=error)
        if task not in self._tasks:
            return  # it was given up
        self._tasks.discard(task)
        if self._tasks:
            self._check_parked()
        else:
            self._leave()

    def _check_parked(self) -> None:
        """When every task is parked: hold for what is due soon, suspend otherwise."""
        if self._active or self.halt is not None or self.ending or not self.waits:
            return
        dues = [wait.due_at for wait in self.waits.values() if wait.due_at is not None]
        due_at = min(dues, default=None)
        if due_at is None or (due_at - self.now()).total_seconds() > HOLD_FOR:
            names = tuple(sorted({wait.name for wait in self.waits.values()}))
            self.suspension = Suspension(due_at, names)
            self.stop(Halt("suspend"))

    # Halting.

    def check(self) -> None:
        """Raises: Unwind where this attempt is over."""
        if self.halt is not None:
            raise Unwind(self.halt)

    def stop(self, halt: Halt) -> None:
        """End this attempt: wake what is parked, cancel what runs (nothing does when it suspends).

        The first halt counts, but for a lost lease, after which nothing may be written.
        """
        if halt.kind != "lost" and (self.halt is not None or self.ending):
            return
        self.halt = halt
        for wait in tuple(self.waits.values()):
            wait.unwind(halt)
        if halt.kind != "suspend":
            current = asyncio.current_task()
            for task in self._tasks:
                if task is not current:
                    task.cancel()
        if self._giving_up is None:
            self._giving_up = self.host.clock.call_after(UNWIND_FOR, self._give_up)

    def reopen(self) -> None:
        """Make the context usable again, for what is to be cleaned up after a cancel."""
        self.halt, self.ending = None, True

    def _give_up(self) -> None:
        """User code swallows its cancellation: go on without it. What it still calls raises Unwind."""
        if self._tasks:
            _log.error("run %s: %d tasks would not end", self.run.run_id, len(self._tasks))
            self._tasks.clear()
            self._leave()

    def _leave(self) -> None:
        """No task is left."""
        if self._giving_up is not None:
            self._giving_up.cancel()
            self._giving_up = None
        self._on_ended(self)

    # Looking.

    def visit(self, call: Called, fingerprint: str | None = None) -> StepRecord | None:
        """The record at a call's position. Raises: Unwind where the journal disagrees; the run has diverged."""
        try:
            return self.journal.visit(call.position, call.name, call.kind, fingerprint)
        except ReplayError as error:
            self.diverge(error)
            self.check()
            raise

    async def look(self) -> None:
        """Take in what has come from outside: events, a request to cancel, another owner.

        An attempt that unwinds takes nothing in: its suspension must be refused where something came in meanwhile.
        """
        store = self.host.store
        run = await store.runs.get(self.run.run_id)
        if run is None or run.token != self.lease.token or run.worker_id != self.lease.worker_id:
            self.stop(Halt("lost", "the run has another owner"))
            return
        if run.status == "cancelling":
            self.stop(Halt("cancel", run.cancel_reason or ""))
        if run.inbox > self.inbox and self.halt is None:
            events = await store.events.list(self.run.run_id)
            if self.halt is not None:
                return
            self.inbox = run.inbox  # read before the events: what came in between is found by the next look
            for event in events:
                if self.events.setdefault(event.key, event) is event:
                    self._settle(event)

    def _settle(self, event: EventRecord) -> None:
        for wait in tuple(self.waits.values()):
            if wait.key == event.key:
                wait.settle(event)

    def may_start(self) -> None:
        """Raises: Unwind where no new effect may begin: the lease may have ended."""
        if self.halt is None:
            if self.host.holds():
                return
            self.stop(Halt("lost", "the lease was not renewed in time"))
        self.check()

    # Writing.

    async def commit(self, *operations: Operation) -> CommitResult:
        """Commit under the lease, again and again while the store can't be reached and the lease lasts.

        Raises: Unwind where the lease is lost, and this attempt with it.
        """
        store, pause = self.host.store, COMMIT_AGAIN_AFTER
        while True:
            try:
                return await store.commit(*operations, lease=self.lease)
            except (LeaseLost, StoreReplaced) as error:
                if isinstance(error, StoreReplaced):  # no fault of the run's, which goes on when its file is back
                    _log.error("run %s: %s", self.run.run_id, error)
                self.stop(Halt("lost", str(error)))
                raise Unwind(Halt("lost", str(error))) from None
            except StoreUnavailable as error:
                if not self.host.holds():
                    self.stop(Halt("lost", str(error)))
                    raise Unwind(Halt("lost", str(error))) from None
                _log.warning("run %s: %s; trying again in %.2f s", self.run.run_id, error, pause)
            await self.host.pause(pause)
            pause = min(pause * 2, HOLD_FOR)

    def now(self) -> datetime:
        """The instant."""
        return self.host.clock.now()

    # The run's own branch.

    async def _main(self) -> None:
        try:
            value = await self.workflow.call(self._context_of(self), self.manifest.input)
            if self.halt is None:
                self._check_awaited()
                self.journal.check_end()
        except Unwind:
            return
        except ReplayError as error:
            self.diverge(error)
            return
        except asyncio.CancelledError as error:
            if self.halt is None:
                self.error = error
                await self._finish("failed", failure=failure_of(error))
            return
        except Exception as error:
            if self.halt is None:
                self.error = error
                self.host.raised(self.run, error)
                await self._finish("failed", failure=failure_of(error))
            return
        if self.halt is None:
            await self._complete(value)

    async def _complete(self, value: Value) -> None:
        try:
            result = encode(value, "result", self.host.store.abilities.max_value)
        except InputError as error:
            self.error = error
            self.host.raised(self.run, error)
            await self._finish("failed", failure=failure_of(error, "not_storable"))
        else:
            await self._finish("completed", result=result)

    async def _finish(self, status: RunStatus, *, result: bytes | None = None, failure: Failure | None = None) -> None:
        self.ending = True
        outcome = self.outcome or self.host.default_outcome
        if failure is not None and outcome is not None:
            outcome = msgspec.structs.replace(outcome, notes=failure.message)
        finish = FinishRun(
            run_id=self.run.run_id, status=status, at=self.now(), result=result, failure=failure, outcome=outcome
        )
        await self.commit(*self.last(status, failure), finish)
        self.status = status

    def last(self, status: RunStatus, failure: Failure | None) -> tuple[Operation, ...]:
        """What a room above lands with the run's end."""
        return self.at_end(status, failure) if self.at_end is not None else ()

    def diverge(self, error: ReplayError) -> None:
        """The code and the journal disagree: nothing more is executed, and the run fails with both."""
        failure = failure_of(error, "diverged")
        self.error = error
        self.host.raised(self.run, error)
        self.stop(Halt("diverged", str(error), msgspec.structs.replace(failure, data=self.journal.both())))

    def _check_awaited(self) -> None:
        forgotten = tuple(f"{call.name!r} ({call.position})" for call in self.calls.values())
        if forgotten:
            raise StepNotAwaited(forgotten)


async def _await(work: Callable[[], Awaitable[Value]]) -> Value:
    return await work()
