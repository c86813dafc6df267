"""Branches: the run's own, and one for each function that a gather or a map started, with positions of their own."""

from __future__ import annotations

import asyncio
from asyncio import current_task
from contextvars import ContextVar
from threading import get_ident
from typing import TYPE_CHECKING

from perdure.core.positions import child
from perdure.errors import ForeignTask, StepNested

if TYPE_CHECKING:
    from perdure.runs.protocols import StepInfo

NO_THREAD = 0
DEAF_AFTER = 100


class Branch:
    """A line of calls with positions; driven by exactly one task."""

    __slots__ = ("_lead", "_next", "loop", "prefix", "step", "task", "thread", "unwound")

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.step: StepInfo | None = None
        self.unwound = 0
        self._lead = child(prefix, "")
        self._next = 0
        self.thread = NO_THREAD
        self.loop: asyncio.AbstractEventLoop | None = None
        self.task: asyncio.Task[object] | None = None

    @property
    def next_number(self) -> int:
        """The number of the position that will be taken next."""
        return self._next

    @property
    def is_deaf(self) -> bool:
        """Whether its code swallows each Unwind and calls again, which would never let the loop run."""
        return self.unwound > DEAF_AFTER

    def begin(self, task: asyncio.Task[object]) -> None:
        """This task drives the branch from now on."""
        self.thread, self.loop, self.task = get_ident(), task.get_loop(), task

    def end(self) -> None:
        """Nobody drives it any more. The task's context holds the branch: let go, or only the collector frees them."""
        self.thread, self.loop, self.task = NO_THREAD, None, None

    def take(self) -> str:
        """The next position of this branch."""
        number = self._next
        self._next = number + 1
        return f"{self._lead}{number}"


current_branch: ContextVar[Branch | None] = ContextVar("perdure_branch", default=None)


def enter(what: object) -> Branch:
    """The branch of the running task; `what` is asked for its text when it is refused.

    Raises: ForeignTask from a task that no context started; StepNested inside a step's function.
    """
    branch = current_branch.get()
    if branch is None:
        raise ForeignTask(str(what))
    if branch.step is not None:
        raise StepNested(str(what))
    # The loop is passed on purpose: to ask for the running one costs a system call, twice a step. So the thread is
    # compared too, since a function in another thread sees the loop's task.
    if get_ident() != branch.thread or current_task(branch.loop) is not branch.task:
        raise ForeignTask(str(what))
    return branch
