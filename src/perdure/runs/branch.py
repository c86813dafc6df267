"""Branches: the run's own, and one for each function that a gather or a map started, with positions of their own.

A branch is driven by one task, which tells by whom it was cancelled. Three may cancel it. The attempt, which has
halted before it does. The workflow's own code (`asyncio.timeout`, a task group, `Task.cancel`): it runs in a context
that holds one of the attempt's branches, since timers and callbacks keep the context in which they were made. And
anybody else: `asyncio.run` at the end of its loop, a signal handler, code that cancels every task of the process.
Nobody has asked perdure to end the run then, so the attempt lets go of it.
"""

from __future__ import annotations

import asyncio
from asyncio import current_task
from collections.abc import Callable, Coroutine
from contextvars import ContextVar, copy_context
from threading import get_ident
from typing import TYPE_CHECKING, TypeVar

from perdure.core.positions import child
from perdure.core.values import Value
from perdure.errors import ForeignTask, StepNested, WorkflowError

if TYPE_CHECKING:
    from perdure.runs.protocols import BranchOwner, StepInfo

R = TypeVar("R")

NO_THREAD = 0
UNRESPONSIVE_AFTER = 100


class Branch:
    """A line of calls with positions; driven by exactly one task."""

    __slots__ = ("_lead", "_next", "loop", "owner", "prefix", "step", "task", "thread", "unwound")

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.step: StepInfo | None = None
        self.unwound = 0
        self._lead = child(prefix, "")
        self._next = 0
        self.thread = NO_THREAD
        self.owner: BranchOwner | None = None
        self.loop: asyncio.AbstractEventLoop | None = None
        self.task: BranchTask[Value] | None = None

    @property
    def next_number(self) -> int:
        """The number of the position that will be taken next."""
        return self._next

    @property
    def is_unresponsive(self) -> bool:
        """Whether its code swallows each Unwind and calls again, which would never let the loop run."""
        return self.unwound > UNRESPONSIVE_AFTER

    def begin(self, task: BranchTask[Value], owner: BranchOwner) -> None:
        """This task drives the branch from now on."""
        self.thread, self.loop, self.task, self.owner = get_ident(), task.get_loop(), task, owner

    def end(self) -> None:
        """Nobody drives it any more. The task's context holds the branch: let go, or only the collector frees them."""
        self.thread, self.loop, self.task, self.owner = NO_THREAD, None, None, None

    def take(self) -> str:
        """The next position of this branch."""
        number = self._next
        self._next = number + 1
        return f"{self._lead}{number}"


current_branch: ContextVar[Branch | None] = ContextVar("perdure_branch", default=None)


class BranchTask(asyncio.Task[R]):
    """A branch's task. Made directly and not by the loop's task factory: an eager one would start it too early.

    Shape: `context` is what its code runs in; `is_cut_off` says whether the workflow's own code has cancelled it, and
    nothing has handled that yet, `is_released` whether somebody from outside has; `joined` is told of its end.
    """

    __slots__ = ("branch", "context", "is_cut_off", "is_released", "joined")

    def __init__(
        self,
        work: Coroutine[Value, Value, R],
        branch: Branch,
        loop: asyncio.AbstractEventLoop,
        joined: Callable[[], None] | None = None,
    ) -> None:
        self.context = copy_context()
        super().__init__(work, loop=loop, context=self.context)
        self.branch = branch
        self.joined = joined
        self.is_cut_off = False
        self.is_released = False

    def cancel(self, msg: Value = None) -> bool:
        owner = self.branch.owner
        if owner is not None and not owner.is_halted:
            asker, loop = current_branch.get(), self.get_loop()
            if asker is None or asker.owner is not owner:
                self.is_released = True
                if not loop.is_closed():
                    owner.release(loop)  # before the task goes on: it must find that the attempt is over
            elif self.branch.step is None or current_task(loop) is not self:
                self.is_cut_off = True  # else a step's function cancels itself: that is how it fails
        return super().cancel(msg)

    def uncancel(self) -> int:
        left = super().uncancel()
        self.is_cut_off = self.is_cut_off and left > 0
        return left

    def expire(self) -> None:
        """Cancel it because its step's time is over."""
        super().cancel()

    def forgive(self) -> None:
        """What has cancelled it so far is handled."""
        while self.cancelling():
            self.uncancel()


def enter(what: object) -> Branch:
    """The branch of the running task; `what` is asked for its text when it is refused.

    Raises: ForeignTask from a task that no context started; StepNested inside a step's function.
    """
    branch = current_branch.get()
    if branch is None:
        raise ForeignTask(str(what))
    if branch.step is not None:
        raise _refused(StepNested(str(what)), branch)
    # The loop is passed on purpose: to ask for the running one costs a system call, twice a step. So the thread is
    # compared too, since a function in another thread sees the loop's task.
    if get_ident() != branch.thread or current_task(branch.loop) is not branch.task:
        raise _refused(ForeignTask(str(what)), branch)
    return branch


def _refused(error: WorkflowError, branch: Branch) -> WorkflowError:
    """Where this is raised in a task that nobody awaits, the run must not wait for what will never come."""
    task = current_task(branch.loop) if branch.owner is not None and get_ident() == branch.thread else None
    if task is not None and branch.owner is not None and task is not branch.task:
        task.add_done_callback(branch.owner.look_at)
    return error
