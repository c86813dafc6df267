"""The tasks of one attempt of a run: what they wait for, and how the attempt halts.

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
from collections.abc import Awaitable, Callable
from collections.abc import Set as AbstractSet
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from perdure.core.guarding import is_of
from perdure.core.records import Lease, RunRecord
from perdure.core.values import Value
from perdure.runs.branch import Branch, BranchTask, current_branch
from perdure.runs.effects import Effects
from perdure.runs.halting import HELD, NO_SUSPENSION, Halt, Suspension, Unwind
from perdure.runs.interrupts import carrying
from perdure.runs.observing import log_safely
from perdure.runs.protocols import AttemptHost, StepInfo, Waiting, named

if TYPE_CHECKING:
    from perdure.core.clock import Timer

HOLD_FOR = 1.0
UNWIND_FOR = 5.0

_log = logging.getLogger("perdure.runs")

_NONE: frozenset[BranchTask[Value]] = frozenset()

RunKey = tuple[str | None, str]
"""A run by its tenant and its id."""


class AttemptTasks:
    """The tasks of one attempt, what they wait for, and why the attempt is over.

    Shape: `running` are its steps whose functions run, by position, `waits` what its parked tasks wait for; `halt` is
    why it ends before its workflow does; `error` is what the workflow raised; `ending` says that its end is written.
    """

    __slots__ = (
        "_active",
        "_given_up",
        "_giving_up",
        "_halted_after",
        "_has_left",
        "_tasks",
        "cleaning_up",
        "effects",
        "end_task",
        "ending",
        "error",
        "halt",
        "host",
        "is_held",
        "key",
        "lease",
        "root",
        "run",
        "running",
        "suspension",
        "waits",
    )

    def __init__(self, host: AttemptHost, run: RunRecord) -> None:
        self.host = host
        self.run = run
        self.key = key_of(run)
        self.lease = Lease(run.tenant, run.run_id, run.token)
        self.halt: Halt | None = None
        self.error: BaseException | None = None
        self.ending = False
        self.cleaning_up = False
        self.running: dict[str, StepInfo] = {}
        self.waits: dict[str, Waiting] = {}
        self.suspension = NO_SUSPENSION
        self.root = Branch("")
        self.effects = Effects(host.clock)
        self.is_held = False
        self.end_task: asyncio.Task[Value] | None = None
        self._has_left = False
        self._active = 0
        self._tasks: set[BranchTask[Value]] = set()
        self._given_up: AbstractSet[BranchTask[Value]] = _NONE
        self._giving_up: Timer | None = None
        self._halted_after = 0.0

    @property
    def run_id(self) -> str:
        """The run's id."""
        return self.run.run_id

    def now(self) -> datetime:
        """The instant."""
        return self.host.clock.now()

    # Tasks.

    def spawn(
        self, branch: Branch, work: Callable[[], Awaitable[Value]], joined: Callable[[], None] | None = None
    ) -> asyncio.Task[Value]:
        """Start a branch's task; `joined` is told of its end before it stops counting as active."""
        self._active += 1
        token = current_branch.set(branch)
        try:
            task: BranchTask[Value] = BranchTask(carrying(work), branch, asyncio.get_running_loop(), joined)
        finally:
            current_branch.reset(token)
        branch.begin(task, self)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def wake(self) -> None:
        """A task that rested goes on: call this when what it waits for is settled."""
        self._active += 1

    def rest(self) -> None:
        """A task waits now for what only the context will give it."""
        self._active -= 1
        self.check_parked()

    def _ended(self, task: BranchTask[Value]) -> None:
        joined = task.joined
        task.branch.end()
        if joined is not None:
            joined()
        self._active -= 1
        error = None if task.cancelled() else task.exception()
        if error is not None and is_of(error, SystemExit, KeyboardInterrupt):
            self.release(task.get_loop())  # a signal handler raised it: the loop is about to end
        elif joined is None and error is not None and not is_of(error, Unwind):
            self.error = error  # whoever joins a task raises what it raised; a root has only us to tell
            log_safely(partial(_log.error, "run %s: its end could not be written", self.run_id, exc_info=error))
        if task not in self._tasks:
            return  # it was given up
        self._tasks.discard(task)
        if self._tasks:
            self.check_parked()
        else:
            self._leave()

    def check_parked(self) -> None:
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
        self._unwind(halt)

    def _unwind(self, halt: Halt) -> None:
        self.effects.changed()
        for wait in tuple(self.waits.values()):
            wait.unwind(halt)
        if halt.kind != "suspend":
            current = asyncio.current_task()
            for task in (*self._tasks, *self._given_up):
                if task is not current:
                    task.cancel()
        if self._giving_up is None:
            self._halted_after = self.host.clock.elapsed()
            self._giving_up = self.host.clock.call_after(UNWIND_FOR, self._give_up)

    @property
    def is_halted(self) -> bool:
        """Whether this attempt is over, for whatever reason."""
        return self.halt is not None

    def release(self, loop: asyncio.AbstractEventLoop) -> None:
        """Somebody has cancelled a task whom nobody has asked to: somebody else goes on with the run.

        Its tasks find that at once. The rest follows on the loop, which does not run while its end cancels all tasks.
        """
        if self.halt is None and not self.ending:
            inside = ", ".join(named(step) for step in self.running.values())
            where = f", in {inside}" if inside else ""
            _log.warning("run %s: its task was cancelled from outside%s; released", self.run_id, where)
            halt = self.halt = Halt("release", "its task was cancelled from outside")
            loop.call_soon(lambda: self._has_left or self._unwind(halt))

    def reopen(self) -> None:
        """Make the context usable again, for what is to be cleaned up after a cancel."""
        self.halt, self.ending, self.cleaning_up = None, True, True

    def _give_up(self) -> None:
        """User code swallows its cancellation: go on without it. What it still calls raises Unwind."""
        if self._tasks:
            is_held, going_on = self.halt is not None and self.halt.kind in HELD, list[str]()
            for task in self._tasks:
                step = task.branch.step
                if step is not None:
                    ended = self.effects.go_on(task, named(step))
                    task.add_done_callback(lambda _, ended=ended: ended())
                if step is None or not is_held:  # else it is told that the run is held
                    going_on.append(_named_branch(task.branch) if step is None else named(step))
            if going_on:
                _log.error(
                    "run %s: given up although its code goes on, in %s", self.run_id, ", ".join(sorted(going_on))
                )
            self._given_up, self._tasks = self._tasks, set()
            self._leave()

    async def effects_ended(self, on_held: Callable[[], None]) -> None:
        """Wait until no step's function runs any more, or the lease is lost; `on_held` is told where it takes long."""

        def hold() -> None:
            self.is_held = True
            _log.warning("run %s: %s goes on; the run is held until it ends", self.run_id, self.effects.steps)
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

    def look_at(self, task: asyncio.Task[Value]) -> None:
        """A task that used the context without being one of its own has ended: fail the run if nobody awaits it."""
        raise NotImplementedError

    def left(self) -> None:
        """No task is left, and none comes any more."""
        raise NotImplementedError

    def leave_if_over(self) -> None:
        """Leave where no task goes on, and the end of one has not said so: a signal handler's error broke it off."""
        if all(task.done() for task in self._tasks):
            self._leave()

    def _leave(self) -> None:
        if self._giving_up is not None:
            self._giving_up.cancel()
            self._giving_up = None
        if not self._has_left:
            self.left()
            self._has_left = True  # only now: it may be broken off


def key_of(run: RunRecord) -> RunKey:
    """A run by its tenant and its id."""
    return run.tenant, run.run_id


def _named_branch(branch: Branch) -> str:
    return f"branch {branch.prefix!r}" if branch.prefix else "its workflow's function"
