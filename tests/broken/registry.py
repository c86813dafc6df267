"""What is broken, and who must catch it. A store that breaks a promise, named with the suite's tests that hold it.

Broken executors get a registry of their own beside this one: what they are made of and who runs them differs.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, ClassVar, NamedTuple, TypeVar

import pytest

from perdure.core.records import Lease
from perdure.errors import PerdureError
from perdure.stores.memory import MemoryStore
from perdure.stores.memory.leases import guard
from perdure.stores.memory.operations import APPLIERS, Applier
from perdure.stores.memory.state import State
from perdure.stores.port import CommitResult, Operation
from perdure.testing.store_suite import FacetSuite, StoreHarness

Promise = Callable[[Any, StoreHarness], Awaitable[None]]

# What a test says when a promise is broken (a ValueError where it unpacks what should be one, and is not); anything
# else is a mistake in the broken store or in the test.
CAUGHT = (AssertionError, pytest.fail.Exception, PerdureError, TimeoutError, ValueError)


class BreakableStore(MemoryStore):
    """A memory store that keeps every promise, and whose parts are easy to break."""

    appliers: ClassVar[Mapping[type, Applier]] = {}

    def guard(self, state: State, lease: Lease) -> None:
        guard(state, lease)

    def _apply(self, state: State, operations: tuple[Operation, ...], lease: Lease | None) -> CommitResult:
        if lease is not None:
            self.guard(state, lease)
        table = {**APPLIERS, **self.appliers}
        return tuple(table[type(operation)](state, operation) for operation in operations)


class BrokenStore(NamedTuple):
    store: type[MemoryStore]
    caught_by: tuple[Promise, ...]


BROKEN_STORES: list[BrokenStore] = []
S = TypeVar("S", bound=type[MemoryStore])
A = TypeVar("A", bound=Applier)


def caught_by(*promises: Promise) -> Callable[[S], S]:
    """Register a broken store; its docstring says what it breaks."""

    def register(store: S) -> S:
        BROKEN_STORES.append(BrokenStore(store, promises))
        return store

    return register


def breaks(kind: type, *promises: Promise) -> Callable[[A], A]:
    """Register a store that applies one kind of operation as this function does; its docstring says what it breaks."""

    def register(applier: A) -> A:
        body = {"__doc__": applier.__doc__, "__module__": applier.__module__, "appliers": {kind: applier}}
        caught_by(*promises)(type(applier.__name__, (BreakableStore,), body))
        return applier

    return register


async def run_promise(store: type[MemoryStore], promise: Promise) -> None:
    """Run one test of the suite against a new store."""

    async def open_(url: str) -> MemoryStore:
        return store(url)

    harness = StoreHarness(await open_("memory:"), "memory:", "perdure.stores:open_store", open_)
    try:
        await promise(FacetSuite(), harness)
    finally:
        await harness.close()
