"""Crash points: every call of a store has a label, and a process can be told to die at one.

    store = CrashingStore(await open_store(url), crash_at("commit CreateRun", "landed"))

The label of a commit names its operations, and the steps that it writes; that of a read its facet and method. A label
that comes again gets a number. `labels` are those that were passed, in order: record a reference execution, then
have a child process die at each of them.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Literal, NamedTuple, TypeVar

from perdure.core.operations import Operation, PutStep
from perdure.core.records import Lease
from perdure.core.values import Value
from perdure.stores import port
from perdure.testing.wrapped import WrappedStore, shielded

T = TypeVar("T")
Phase = Literal["before", "landed", "after"]
PHASES: tuple[Phase, ...] = ("before", "landed", "after")


class CrashPoint(NamedTuple):
    """Where to die: before the call, when it has landed and nobody knows yet, or when the caller goes on."""

    label: str
    phase: Phase


def crash_at(label: str, phase: Phase) -> CrashPoint:
    """Die at this label, in this phase."""
    return CrashPoint(label, phase)


def die() -> None:
    """End this process as SIGKILL does: nothing is cleaned up."""
    os.kill(os.getpid(), signal.SIGKILL)


class CrashPoints:
    """The labels that one process passes, and the one at which it dies."""

    def __init__(self, point: CrashPoint | None = None) -> None:
        self.labels: list[str] = []
        self._point = point
        self._seen: Counter[str] = Counter()

    def name(self, label: str) -> str:
        """A label for a place that is passed now; numbered from its second time on."""
        self._seen[label] += 1
        again = self._seen[label]
        named = label if again == 1 else f"{label} #{again}"
        self.labels.append(named)
        return named

    def reach(self, label: str, phase: Phase) -> None:
        """Die if this is the place."""
        if self._point == (label, phase):
            die()

    async def around(self, label: str, call: Callable[[], Awaitable[T]]) -> T:
        """Make a call with its three places to die."""
        named = self.name(label)
        self.reach(named, "before")
        result = await call()
        self.reach(named, "landed")
        # "after" is when whoever called has had its turn
        asyncio.get_running_loop().call_soon(self.reach, named, "after")
        return result


class CrashingStore(WrappedStore):
    """A store whose every call is a crash point."""

    def __init__(self, inner: port.Store, points: CrashPoints) -> None:
        super().__init__(inner)
        self.points = points

    def around_commit(
        self,
        operations: tuple[Operation, ...],
        lease: Lease | None,  # noqa: ARG002 - a label names operations
        commit: Callable[[], Awaitable[Value]],
    ) -> Awaitable[Value]:
        return shielded(self.points.around(label_of(operations), commit))

    async def around_read(self, name: str, read: Callable[[], Awaitable[Value]]) -> Value:
        return await self.points.around(f"read {name}", read)


def label_of(operations: tuple[Operation, ...]) -> str:
    """The label of a commit."""
    return "commit " + " ".join(_name(operation) for operation in operations)


def _name(operation: Operation) -> str:
    name = type(operation).__name__
    if isinstance(operation, PutStep):
        return f"{name}({operation.step.position} {operation.step.status})"
    return name
