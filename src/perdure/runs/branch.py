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
    from perdure.runs.parts import InStep


class Branch:
    """A line of calls with positions; driven by exactly one task."""

    __slots__ = ("loop", "next_number", "prefix", "step", "task", "thread")

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.next_number = 0
        self.task: asyncio.Task[object] | None = None
        self.step: InStep | None = None
        self.thread = get_ident()
        self.loop = asyncio.get_running_loop()

    def is_running_here(self) -> bool:
        """Whether the code that asks runs in this branch's task.

        The loop is passed on purpose: to ask for the running one costs a system call, twice a step. So the thread is
        compared too, since a function in another thread sees the loop's task.
        """
        return get_ident() == self.thread and self.task is not None and current_task(self.loop) is self.task

    def take(self) -> str:
        """The next position of this branch."""
        number = self.next_number
        self.next_number = number + 1
        return child(self.prefix, number)


current_branch: ContextVar[Branch] = ContextVar("perdure_branch")


def enter(what: str) -> Branch:
    """The branch of the running task.

    Raises: ForeignTask from a task that no context started; StepNested inside a step's function.
    """
    branch = current_branch.get(None)
    if branch is None:
        raise ForeignTask(what)
    if branch.step is not None:
        raise StepNested(what)
    if not branch.is_running_here():
        raise ForeignTask(what)
    return branch
