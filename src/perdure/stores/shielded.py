"""A future of a commit: to cancel whoever awaits it takes nothing back.

A task that is cancelled while it awaits this one stays until the commit has landed or been refused, and gets its
CancelledError then; the outcome stands on the future.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from typing import Generic, TypeVar

T = TypeVar("T")


class Shielded(asyncio.Future[T]):
    """A future that can't be cancelled. Whoever settles it may be told of a try, by `on_cancel` where it is set."""

    __slots__ = ("on_cancel",)

    on_cancel: Callable[[], object]

    def cancel(self, msg: object = None) -> bool:  # noqa: ARG002 - the signature is asyncio's
        on_cancel = getattr(self, "on_cancel", None)
        if on_cancel is not None:
            on_cancel()
        return False

    def withdraw(self) -> None:
        """For whoever would have settled it: nobody will. It is cancelled."""
        super().cancel()


class Present(Generic[T]):
    """What is there already, as an awaitable; to await it gives the loop no turn."""

    __slots__ = ("_outcome",)

    def __init__(self, outcome: T) -> None:
        self._outcome = outcome

    def __await__(self) -> Generator[None, None, T]:
        return self._outcome
        yield  # a generator that never yields


class AfterATurn(Present[T]):
    """What is there already, once the loop has had a turn."""

    __slots__ = ()

    def __await__(self) -> Generator[None, None, T]:
        yield
        return self._outcome
