"""What a call of the context gives back: a handle with a position, to be awaited or passed to gather."""

from __future__ import annotations

from collections.abc import Coroutine, Generator
from typing import TYPE_CHECKING, Generic, TypeVar

from perdure.core.values import Value
from perdure.errors import StepAwaitedTwice
from perdure.runs.branch import Branch, enter

if TYPE_CHECKING:
    from perdure.runs.attempt import Attempt

R = TypeVar("R")
DEAF_FOR = 60.0


class Call(Generic[R]):
    """One call, at its position; it runs when it is awaited, once."""

    __slots__ = ("kind", "name", "position", "run_attempt")

    def __init__(self, attempt: Attempt, position: str, name: str, kind: str) -> None:
        self.run_attempt = attempt
        self.position = position
        self.name = name
        self.kind = kind
        attempt.calls[position] = self

    def __await__(self) -> Generator[Value, None, R]:
        return self.run_in(enter(self)).__await__()

    def run_in(self, branch: Branch) -> Coroutine[Value, Value, R]:
        """Run in the task of a branch."""
        attempt = self.run_attempt
        if attempt.calls.pop(self.position, None) is not self:
            raise StepAwaitedTwice(self.name, self.position)
        if attempt.halt is not None:
            if branch.is_deaf:
                return self._too_late()
            attempt.check()
        return self.run(branch)

    async def _too_late(self) -> R:
        """Let the loop run: this attempt is given up while its code pauses."""
        await self.run_attempt.host.pause(DEAF_FOR)
        self.run_attempt.check()
        raise AssertionError

    def __str__(self) -> str:
        return f"await of {self.kind} {self.name!r}"

    async def run(self, branch: Branch) -> R:
        """Do what this call stands for."""
        raise NotImplementedError
