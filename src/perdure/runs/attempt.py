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
that can't be reached (a commit is tried again until it lands or another owner has the run), a task that is cancelled by
somebody whom nobody has asked to, such as the end of its loop (the run is released, never failed).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import msgspec

from perdure.core.failures import failure_of
from perdure.core.guarding import is_of
from perdure.core.manifest import Manifest, Outcome
from perdure.core.operations import ClaimedRun, CommitResult, FinishRun, HolderOperation, NoteCleanups
from perdure.core.records import EventRecord, Journal, Lease, RunStatus
from perdure.core.states import FINAL
from perdure.core.values import Value
from perdure.errors import ReplayError, WorkflowError
from perdure.runs.branch import Branch, BranchTask, current_branch
from perdure.runs.effects import Effects
from perdure.runs.halting import Halt, Suspension, Unwind
from perdure.runs.insisting import insist
from perdure.runs.interrupts import carrying
from perdure.runs.journal import WITHOUT_RECORD, Replay
from perdure.runs.protocols import AttemptHost, Called, EndOperations, StepInfo, Waiting
from perdure.runs.telling import log_anyhow
from perdure.stores.port import Store
from perdure.streams import LogWriter

if TYPE_CHECKING:
    from perdure.core.clock import Timer
    from perdure.core.records import StepRecord
    from perdure.runs.workflow import Workflow

R = TypeVar("R")

HOLD_FOR = 1.0
UNWIND_FOR = 5.0
UNSEEN_FOR = 0.1
VERSION_BITS = 32

_log = logging.getLogger("perdure.runs")
_manifests = msgspec.json.Decoder(Manifest)


class Attempt:
    """One attempt of one run, under one lease."""

    def __init__(
        self,
        host: AttemptHost,
        claimed: ClaimedRun,
        journal: Journal,
        workflow: Workflow[..., Value],
        context_of: Callable[[Attempt], object],
        on_ended: Callable[[Attempt], None],
    ) -> None:
        self.host = host
        self.run = run = claimed.run
        self.lease = Lease(run.tenant, run.run_id, run.token)
        self.workflow = workflow
        self.replay = Replay(journal.steps, complete=False)
        self.events: dict[str, EventRecord] = {}
        self.seq = 0
        self.inbox = max(run.inbox, journal.inbox)
        self.log = LogWriter(self.commit, journal.head)
        self.take_in(journal.events)
        self.outcome: Outcome | None = None
        self.halt: Halt | None = None
        self.error: BaseException | None = None
        self.running: dict[str, StepInfo] = {}
        self.waits: dict[str, Waiting] = {}
        self.calls: dict[str, Called] = {}
        self.at_end: EndOperations | None = None
        self.halt_at_frontier: Halt | None = None
        self.cleanups: list[Callable[[], Awaitable[object]]] = []
        self.ending = False
        self.status: RunStatus = "running"
        self.suspension = Suspension(None, ())
        self.root = Branch("")
        self._active = 0
        self._tasks: set[BranchTask[Value]] = set()
        self._giving_up: Timer | None = None
        self.effects = Effects(host.clock)
        self.is_held = False
        self._halted_after = 0.0
        self._manifest = claimed.manifest
        self._versions = 0
        self._has_noted_cleanups = run.cleans_up
        self.context_of = context_of
        self._on_ended = on_ended

    @property
    def manifest(self) -> Manifest:
        """What the run was asked to do."""
        return _manifests.decode(self._manifest)

    # Tasks.

    def start(self, main: Callable[[Attempt], Awaitable[None]]) -> asyncio.Task[None]:
        """Begin with the run's own branch; the task ends when this attempt has."""
        return self.spawn(self.root, partial(main, self))

    def spawn(
        self, branch: Branch, work: Callable[[], Awaitable[Value]], joined: Callable[[], None] | None = None
    ) -> asyncio.Task[Value]:
        """Start a branch's task; `joined` is told of its end before it stops counting as active."""
        self._active += 1
        token = current_branch.set(branch)
        try:
            task = BranchTask[Value](carrying(work), branch, asyncio.get_running_loop())
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
        if error is not None and is_of(error, SystemExit, KeyboardInterrupt):
            self.let_go()  # a signal handler raised it: the loop is about to end
        elif joined is None and error is not None and not is_of(error, Unwind):
            self.error = error  # whoever joins a task raises what it raised; a root has only us to tell
            say = partial(_log.error, "run %s: its end could not be written", self.run.run_id, exc_info=error)
            log_anyhow(say)
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
            keys = tuple(sorted({wait.key for wait in self.waits.values()}))
            self.suspension = Suspension(due_at, keys)
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
        await self.effects.ended(within=UNWIND_FOR - waited, late=hold, is_over=lambda: self.is_lost)

    @property
    def is_lost(self) -> bool:
        """Whether another owner has the run, or may have it."""
        return self.halt is not None and self.halt.kind == "lost"

    @property
    def is_over_with_error(self) -> bool:
        """Whether what it raised is all that there is of its end: nothing was written, or the run is parked."""
        return self.halt is None or self.halt.kind == "diverged"

    def journal(self) -> Journal:
        """The run's journal as it is now, with what this attempt has written."""
        return Journal(self.replay.now(), tuple(self.events.values()), self.inbox, self.log.head)

    @property
    def encoded_manifest(self) -> bytes:
        """What the run was asked to do, as it is stored."""
        return self._manifest

    def _leave(self) -> None:
        """No task is left."""
        if self._giving_up is not None:
            self._giving_up.cancel()
            self._giving_up = None
        self._on_ended(self)

    # Replaying.

    def visit(self, call: Called, fingerprint: str | None = None) -> StepRecord | None:
        """The record at a call's position. Raises: Unwind where the journal disagrees; the run has diverged."""
        try:
            record = self.replay.visit(call.position, call.name, call.kind, fingerprint)
        except ReplayError as error:
            self.diverge(error)
            self.check()
            raise
        if self.halt_at_frontier is not None:
            self._check_frontier(call, record)
        return record

    def cancel_at_frontier(self, reason: str) -> None:
        """Cancel when the code comes to what is not recorded: until then it registers what is to be cleaned up."""
        self.halt_at_frontier = Halt("cancel", reason)

    def _check_frontier(self, call: Called, record: StepRecord | None) -> None:
        is_past = record is None if call.kind not in WITHOUT_RECORD else False
        if (is_past or (record is not None and record.status not in FINAL)) and self.halt_at_frontier is not None:
            self.stop(self.halt_at_frontier)
            self.check()

    def take_in(self, events: tuple[EventRecord, ...]) -> list[EventRecord]:
        """The events that are new here."""
        fresh = [event for event in events if self.events.setdefault(event.key, event) is event]
        self.seq = max((self.seq, *(event.seq for event in events)))
        return fresh

    @property
    def may_start(self) -> bool:
        """Whether a new effect may begin now; else `until_held`."""
        return self.halt is None and self.host.holds()

    async def until_held(self) -> None:
        """Wait until a new effect may begin: a lease that was not renewed in time may still be. Raises: Unwind."""
        self.check()
        try:
            await self.host.until_held()
        except asyncio.CancelledError:
            self.check()
            raise
        self.check()

    # Writing.

    def commit(self, *operations: HolderOperation) -> Coroutine[Value, Value, CommitResult]:
        """Commit under the lease, again and again while the store can't be reached.

        Raises: Unwind where the lease is lost, and this attempt with it.
        """
        return insist(self, partial(self.host.store.commit, self.lease, *operations))

    async def read(self, ask: Callable[[Store], Awaitable[R]]) -> R:
        """Read from the store: the one way in which an attempt does. Tried again as `commit` is.

        Raises: Unwind where the lease is lost, and this attempt with it.
        """
        return await insist(self, partial(ask, self.host.store))

    @property
    def run_id(self) -> str:
        """The run's id."""
        return self.run.run_id

    @property
    def is_given_up(self) -> bool:
        """Whether there is no use in asking the store any more: another has the run, or will have it."""
        halt = self.halt
        return halt is not None and (halt.kind == "lost" or (halt.kind == "release" and not self.host.holds()))

    def version(self) -> int:
        """A number that rises with each call, over all holders of the run: for what they write in place."""
        self._versions += 1
        return self.lease.token << VERSION_BITS | self._versions

    def add_cleanup(self, cleanup: Callable[[], Awaitable[object]]) -> None:
        """Call it when the run is cancelled; that there is one is durable soon."""
        self.cleanups.append(cleanup)
        if not self._has_noted_cleanups:
            self._has_noted_cleanups = True
            self.host.spawn(self._note_cleanups())

    @property
    def cleans_up(self) -> bool:
        """Whether functions are to be called when the run is cancelled, as far as this attempt or one before knows."""
        diverged = self.halt is not None and self.halt.kind == "diverged"
        return bool(self.cleanups) or (diverged and self.run.cleans_up)

    async def _note_cleanups(self) -> None:
        with suppress(Unwind):
            await self.commit(NoteCleanups())

    def now(self) -> datetime:
        """The instant."""
        return self.host.clock.now()

    # The end.

    async def finish(self, finish: FinishRun) -> None:
        """Commit the run's end, with what a room above adds to it."""
        at_end = self.at_end
        if at_end is None:
            await self.commit(finish)
        else:
            await self.log.commit(lambda seq: (*at_end(finish.status, finish.failure, seq), finish))
        self.status = finish.status

    def diverge(self, error: ReplayError) -> None:
        """The code and the journal disagree: nothing more is executed, and the run is parked with both."""
        failure = failure_of(error, "diverged")
        self.error = error
        self.host.raised(self.run, error)
        self.stop(Halt("diverged", str(error), msgspec.structs.replace(failure, data=self.replay.both())))
