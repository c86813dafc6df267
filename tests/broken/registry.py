"""What is broken, and who must catch it. A store that breaks a promise, named with the suite's tests that hold it.

Broken executors get a registry of their own beside this one: what they are made of and who runs them differs.
"""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, NamedTuple, TypeVar

import pytest

from perdure.core.decisions import Decision, Draft, decide_holder
from perdure.core.decisions.changes import Change
from perdure.core.decisions.holder import decide_operation
from perdure.core.decisions.reads import Read, WriteDraft
from perdure.core.operations import CommitResult, HolderOperation, OutsideOperation
from perdure.core.records import Lease
from perdure.errors import LeaseLost, PerdureError
from perdure.stores.memory import MemoryStore
from perdure.stores.memory.copies import detached
from perdure.stores.memory.state import State
from perdure.stores.memory.writes import write
from perdure.stores.validation import check_commit
from perdure.testing.manual_clock import ManualClock
from perdure.testing.store_suite import FacetSuite, StoreHarness

Promise = Callable[[Any, StoreHarness], Awaitable[None]]

# What a test says when a promise is broken (a ValueError where it unpacks what should be one, and is not); anything
# else is a mistake in the broken store or in the test.
CAUGHT = (AssertionError, pytest.fail.Exception, PerdureError, TimeoutError, ValueError)


class BreakableStore(MemoryStore):
    """A memory store that keeps every promise, and whose parts are easy to break."""

    memory: Any = None
    """What a broken part remembers."""

    @property
    def state(self) -> State:
        return self._state

    @property
    def clock(self) -> Any:
        return self._clock

    def operation(self, operation: Any) -> Any:
        """What is decided instead of an operation."""
        return operation

    def answer(self, request: Any, answer: Any) -> Any:
        """What a decision reads instead of an answer."""
        return answer

    def change(self, change: Any) -> Iterable[Any]:
        """What is written instead of a change."""
        return (change,)

    def decide(self, draft: Draft, lease: Lease, operations: tuple[HolderOperation, ...]) -> Decision[CommitResult]:
        """How a holder's commit is decided."""
        return decide_holder(draft, lease, operations)

    def _commit(self, lease: Lease, operations: tuple[HolderOperation, ...]) -> CommitResult:
        self._look()
        operations = tuple(map(self.operation, operations))
        check_commit(operations, self.abilities.max_value)
        draft = Draft()
        return self._land(draft, self.decide(draft, lease, detached(operations)))

    def _execute(self, operation: OutsideOperation) -> Any:
        return super()._execute(self.operation(operation))

    def _read(self, draft: Draft, request: Read) -> Any:
        answer = super()._read(draft, request)
        return answer if isinstance(request, WriteDraft) else self.answer(request, answer)

    def _write(self, draft: Draft) -> None:
        for drafted in draft.take():
            for change in self.change(drafted):
                write(self._state, change)


def unguarded(draft: Draft, lease: Lease, operations: tuple[HolderOperation, ...]) -> Decision[CommitResult]:
    """A holder's commit, whatever its lease is."""
    results = list[Any]()
    for operation in operations:
        run = yield from draft.find_run(lease.tenant, lease.run_id)
        if run is None:
            raise LeaseLost(lease.run_id, lease.token)
        results.append((yield from decide_operation(draft, operation, run)))
        yield WriteDraft()
    return tuple(results)


class BrokenStore(NamedTuple):
    store: type[MemoryStore]
    caught_by: tuple[Promise, ...]


BROKEN_STORES: list[BrokenStore] = []
S = TypeVar("S", bound=type[MemoryStore])
F = TypeVar("F", bound=Callable[..., Any])


def caught_by(*promises: Promise) -> Callable[[S], S]:
    """Register a broken store; its docstring says what it breaks."""

    def register(store: S) -> S:
        BROKEN_STORES.append(BrokenStore(store, promises))
        return store

    return register


def _register(broken: F, promises: tuple[Promise, ...], **methods: Callable[..., Any]) -> F:
    body = {"__doc__": broken.__doc__, "__module__": broken.__module__, **methods}
    caught_by(*promises)(type(getattr(broken, "__name__", ""), (BreakableStore,), body))
    return broken


def decides_instead(kind: type, *promises: Promise) -> Callable[[F], F]:
    """Register a store that decides another operation: (store, operation) -> operation."""

    def register(broken: F) -> F:
        def operation(store: BreakableStore, given: Any) -> Any:
            return broken(store, given) if isinstance(given, kind) else given

        return _register(broken, promises, operation=operation)

    return register


def reads_instead(kind: type, *promises: Promise) -> Callable[[F], F]:
    """Register a store whose decisions read something else: (store, request, answer) -> answer."""

    def register(broken: F) -> F:
        def answer(store: BreakableStore, request: Any, found: Any) -> Any:
            return broken(store, request, found) if isinstance(request, kind) else found

        return _register(broken, promises, answer=answer)

    return register


def writes_instead(kind: type[Any], *promises: Promise) -> Callable[[F], F]:
    """Register a store that writes something else: (store, change) -> changes."""

    def register(broken: F) -> F:
        def change(store: BreakableStore, drafted: Change) -> Any:
            return broken(store, drafted) if isinstance(drafted, kind) else (drafted,)

        return _register(broken, promises, change=change)

    return register


async def run_promise(store: type[MemoryStore], promise: Promise) -> None:
    """Run one test of the suite against a new store."""

    async def open_(url: str, *, clock: ManualClock) -> MemoryStore:
        return store(url, clock=clock)

    clock = ManualClock()
    harness = StoreHarness(await open_("memory:", clock=clock), "memory:", "perdure.stores:open_store", open_, clock)
    try:
        await promise(FacetSuite(), harness)
    finally:
        await harness.close()
