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
that can't be reached (a commit is tried again until the lease has ended), a task that is cancelled by somebody whom
nobody has asked to, such as the end of its loop (the run is released, never failed).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, TypeAlias, TypeVar

import msgspec

from perdure.core.failures import Failure, failure_of
from perdure.core.manifest import Manifest, Outcome
from perdure.core.records import EventRecord, Lease, Loaded, RunStatus
from perdure.core.values import Value, encode
from perdure.errors import InputError, ReplayError, StepNotAwaited, WorkflowError
from perdure.runs.branch import Branch, BranchTask, current_branch
from perdure.runs.effects import Effects
from perdure.runs.halting import Carried, Halt, Unwind
from perdure.runs.insisting import insist
from perdure.runs.interrupts import is_of_signal, is_of_user_code
from perdure.runs.journal import Journal
from perdure.runs.protocols import AttemptHost, Called, StepInfo, Waiting
from perdure.stores.port import CommitResult, FinishRun, Operation, Store

if TYPE_CHECKING:
    from perdure.core.clock import Timer
    from perdure.core.records import StepRecord
    from perdure.runs.workflow import Workflow

R = TypeVar("R")

HOLD_FOR = 1.0
UNWIND_FOR = 5.0
UNSEEN_FOR = 0.1

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
        self._root = Branch("")
        self._active = 0
        self._tasks: set[BranchTask[Value]] = set()
        self._giving_up: Timer | None = None
        self.effects = Effects(host.clock)
        self.is_held = False
        self._halted_after = 0.0
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
        return self.spawn(self._root, self._main)

    def spawn(
        self, branch: Branch, work: Callable[[], Awaitable[Value]], joined: Callable[[], None] | None = None
    ) -> asyncio.Task[Value]:
        """Start a branch's task; `joined` is told of its end before it stops counting as active."""
        self._active += 1
        token = current_branch.set(branch)
        try:
            task = BranchTask[Value](_await(work), branch, asyncio.get_running_loop())
        finally:
            current_branch.reset(token)
        branch.begin(task, self)
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

    def _ended(self, task: BranchTask[Value], *, branch: Branch, joined: Callable[[], None] | None) -> None:
        branch.end()
        if joined is not None:
            joined()
        self._active -= 1
        error = None if task.cancelled() else task.exception()
        if isinstance(error, SystemExit | KeyboardInterrupt):
            self.let_go()  # a signal handler raised it: the loop is about to end
        elif joined is None and error is not None and not isinstance(error, Unwind):
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
        self.effects.changed()
        for wait in tuple(self.waits.values()):
            wait.unwind(halt)
        if halt.kind != "suspend":
            current = asyncio.current_task()
            for task in self._tasks:
                if task is not current:
                    task.cancel()
        if self._giving_up is None:
            self._halted_after = self.host.clock.elapsed()
            self._giving_up = self.host.clock.call_after(UNWIND_FOR, self._give_up)

    @property
    def is_halted(self) -> bool:
        """Whether this attempt is over, for whatever reason."""
        return self.halt is not None

    def let_go(self) -> None:
        """Somebody has cancelled a task whom nobody has asked to: somebody else goes on with the run."""
        if self.halt is None and not self.ending:
            _log.warning("run %s: its task was cancelled from outside; released", self.run.run_id)
            self.stop(Halt("release", "its task was cancelled from outside"))

    def look_at(self, task: asyncio.Task[Value]) -> None:
        """A task that used the context without being one of its own has ended: fail the run if nobody awaits it."""
        if not task.cancelled():
            self.host.clock.call_after(UNSEEN_FOR, lambda: self._fail_unseen(task))

    def _fail_unseen(self, task: asyncio.Task[Value]) -> None:
        if not getattr(task, "_log_traceback", False):
            return  # somebody has asked for what it raised
        error = task.exception()
        if isinstance(error, WorkflowError) and self.halt is None and not self.ending:
            self.error = error
            self.host.raised(self.run, error)
            self.stop(Halt("failed", str(error), failure_of(error)))

    def reopen(self) -> None:
        """Make the context usable again, for what is to be cleaned up after a cancel."""
        self.halt, self.ending = None, True

    def _give_up(self) -> None:
        """User code swallows its cancellation: go on without it. What it still calls raises Unwind."""
        if self._tasks:
            _log.error("run %s: %d tasks would not end", self.run.run_id, len(self._tasks))
            for task in self._tasks:
                if task.branch.step is not None:
                    ended = self.effects.go_on(task)
                    task.add_done_callback(lambda _, ended=ended: ended())
            self._tasks.clear()
            self._leave()

    async def effects_ended(self, on_held: Callable[[], None]) -> None:
        """Wait until no step's function runs any more, or the lease is lost; `on_held` is told where it takes long."""

        def hold() -> None:
            self.is_held = True
            _log.warning("run %s: a step's function goes on; the run is held until it ends", self.run.run_id)
            on_held()

        waited = self.host.clock.elapsed() - self._halted_after
        await self.effects.ended(within=UNWIND_FOR - waited, late=hold, is_over=self._is_lost)

    def _is_lost(self) -> bool:
        return self.halt is not None and self.halt.kind == "lost"

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
        run = await self.read(lambda store: store.runs.get(self.run.run_id))
        if run is None or run.token != self.lease.token or run.worker_id != self.lease.worker_id:
            self.stop(Halt("lost", "the run has another owner"))
            return
        if run.status == "cancelling":
            self.stop(Halt("cancel", run.cancel_reason or ""))
        if run.inbox > self.inbox and self.halt is None:
            events = await self.read(lambda store: store.events.list(self.run.run_id))
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

    def commit(self, *operations: Operation) -> Coroutine[Value, Value, CommitResult]:
        """Commit under the lease, again and again while the store can't be reached and the lease lasts.

        Raises: Unwind where the lease is lost, and this attempt with it.
        """
        commit = partial(self.host.store.commit, *operations, lease=self.lease)
        return insist(self.host, self.run.run_id, commit, self.stop)

    async def read(self, ask: Callable[[Store], Awaitable[R]]) -> R:
        """Read from the store: the one way in which an attempt does. Tried again as `commit` is.

        Raises: Unwind where the lease is lost, and this attempt with it.
        """
        return await insist(self.host, self.run.run_id, partial(ask, self.host.store), self.stop)

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
        except BaseException as error:  # whatever user code raises is the workflow's failure
            if not is_of_user_code(error, self._root):
                raise
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
            if self.workflow.loss is not None:
                self.workflow.loss.check(value, result, "result")
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
    try:
        return await work()
    except (SystemExit, KeyboardInterrupt) as error:
        if is_of_signal(error):
            raise
        raise Carried(error) from None
