"""Branches: the run's own, and one for each function that a gather or a map started, with positions of their own."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from typing import TYPE_CHECKING

from perdure.core.positions import child
from perdure.errors import ForeignTask, StepNested

if TYPE_CHECKING:
    from perdure.runs.parts import InStep


class Branch:
    """A line of calls with positions; driven by exactly one task."""

    __slots__ = ("next_number", "prefix", "step", "task")

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.next_number = 0
        self.task: asyncio.Task[object] | None = None
        self.step: InStep | None = None

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
    try:
        task = asyncio.current_task()
    except RuntimeError:
        task = None
    if task is None or branch.task is not task:
        raise ForeignTask(what)
    return branch
