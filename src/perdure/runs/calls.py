"""What a call of the context gives back: a handle with a position, to be awaited or passed to gather."""

from __future__ import annotations

from collections.abc import Coroutine, Generator
from typing import TYPE_CHECKING, Generic, TypeVar

from perdure.core.failures import failed_positions
from perdure.core.values import Value
from perdure.errors import StepAwaitedTwice, TimeoutNotDurable
from perdure.runs.branch import Branch, enter
from perdure.runs.scopes import is_in_scope

if TYPE_CHECKING:
    from perdure.runs.attempt import Attempt

R = TypeVar("R")
UNRESPONSIVE_PAUSE = 60.0


class Call(Generic[R]):
    """One call, at its position; it runs when it is awaited, once."""

    __slots__ = ("kind", "name", "position", "run_attempt")

    may_wait = True
    """Whether it is refused inside an `asyncio.timeout`; a step is not, unless it waits for its next attempt."""

    def __init__(self, attempt: Attempt, position: str, name: str, kind: str) -> None:
        self.run_attempt = attempt
        self.position = position
        self.name = name
        self.kind = kind
        attempt.calls[position] = self

    def __await__(self) -> Generator[Value, None, R]:
        branch = enter(self)
        if self.may_wait:
            self.check_scope(branch)
        try:
            return (yield from self.run_in(branch).__await__())
        except Exception as error:
            self.run_attempt.replay.tell(failed_positions(error), branch.prefix, branch.next_number)
            raise

    def check_scope(self, branch: Branch) -> None:
        """Raises: TimeoutNotDurable inside an `asyncio.timeout`: it would be forgotten while the run waits."""
        if branch.task is not None and is_in_scope(branch.task):
            self.run_attempt.calls.pop(self.position, None)
            raise TimeoutNotDurable(str(self), self.position)

    def run_in(self, branch: Branch) -> Coroutine[Value, Value, R]:
        """Run in the task of a branch."""
        attempt = self.run_attempt
        if attempt.calls.pop(self.position, None) is not self:
            raise StepAwaitedTwice(self.name, self.position)
        if attempt.halt is not None:
            if branch.is_unresponsive:
                return self._too_late()
            attempt.check()
        return self.run(branch)

    async def _too_late(self) -> R:
        """Let the loop run: this attempt is given up while its code pauses."""
        await self.run_attempt.host.pause(UNRESPONSIVE_PAUSE)
        self.run_attempt.check()
        raise AssertionError

    @property
    def not_a_step(self) -> str:
        """What is said where it is given as a step's function."""
        return f"the call {self.name!r}, not a function; await it in the workflow, and pass on what it gives"

    def __str__(self) -> str:
        return f"await of {self.kind} {self.name!r}"

    async def run(self, branch: Branch) -> R:
        """Do what this call stands for."""
        raise NotImplementedError
